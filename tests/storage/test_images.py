"""Power cuts at every write and flush: nothing that was told is lost, nothing is invented (I4, I19, threats 5, 6)."""

import sqlite3
from pathlib import Path
from typing import Any
from unittest import mock

from gateway.store import database
from tests.storage import images
from tests.storage.recorder import Medium, Op


def test_whatever_the_medium_kept_the_store_is_as_told(tmp_path: Path) -> None:
    """I4, I19, threat 5: unsynced data gone, whole, partly or torn: the state told last, or the one being written."""
    found = images.examine(1, 600, share=0.1)
    assert found.wrong == []
    assert found.images == 600
    assert found.resumed >= 5, "some go on, and every command is carried out once"


def test_a_medium_that_ignores_flushes_never_tells_wrong_money() -> None:
    """Threat 6: nothing local survives a lying card, but it shows: refused, or a state that was, never another."""
    found = images.examine(2, 600, flushes=False, share=0.1)
    assert found.wrong == []
    assert found.refused, "some are refused"
    assert found.older, "some are older, which the head-end's acknowledgements show"


def test_a_store_that_does_not_flush_each_commit_is_caught() -> None:
    """Threat 5: the harness has teeth: with `synchronous = NORMAL` what was told is lost, and this is seen."""
    configure = database._configure

    def normal(raw: sqlite3.Connection, *arguments: Any) -> None:
        configure(raw, *arguments)
        raw.execute("PRAGMA synchronous = NORMAL")

    with mock.patch.object(database, "_configure", normal):
        found = images.examine(3, 300, share=0.3, lives=1)
    assert found.wrong


def test_the_medium_of_the_harness_keeps_what_was_flushed_and_only_that() -> None:
    """Threat 5: the model itself: flushed bytes stay, unflushed names and bytes may go."""
    medium = Medium({})
    for op in (Op("create", "a"), Op("write", "a", 0, b"xy"), Op("create", "b"), Op("sync", "b", sync=True)):
        medium.play(op)
    assert medium.nothing() == {"a": b"", "b": b""}
    assert medium.everything() == {"a": b"xy", "b": b""}
    medium.play(Op("sync", "a"))
    medium.play(Op("write", "a", 4, b"z"))
    medium.play(Op("delete", "b"))
    assert medium.nothing() == {"a": b"xy", "b": b""}
    assert medium.everything() == {"a": b"xy\0\0z"}
