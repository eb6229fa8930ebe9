"""A full disk, and the room that was kept for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gateway.store.ballast import AMPLE_BYTES, BALLAST_BYTES, LOW_BYTES, NAME, give_up, keep


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A disk with so many bytes free."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, count))


def settle(folder: Path) -> bool:
    """What a start does: give up before the store is opened, keep after it."""
    given_up = give_up(folder)
    keep(folder)
    return given_up


def test_it_is_made_of_blocks_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat 8: room promised by a hole in a file would be gone when it is needed."""
    free(monkeypatch, AMPLE_BYTES)
    assert not settle(tmp_path)
    made = (tmp_path / NAME).stat()
    assert (made.st_size, made.st_mode & 0o777) == (BALLAST_BYTES, 0o600)
    assert made.st_blocks * 512 >= BALLAST_BYTES
    free(monkeypatch, LOW_BYTES)
    assert not settle(tmp_path)
    assert (tmp_path / NAME).exists()


def test_it_is_given_up_once_when_the_disk_is_full_and_made_again_with_ample_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat 8: the start that finds no room says so, the next ones have nothing more to give."""
    settle(tmp_path)
    free(monkeypatch, LOW_BYTES - 1)
    assert [settle(tmp_path), settle(tmp_path)] == [True, False]
    assert not (tmp_path / NAME).exists()
    free(monkeypatch, AMPLE_BYTES - 1)
    settle(tmp_path)
    assert not (tmp_path / NAME).exists()
    free(monkeypatch, AMPLE_BYTES)
    settle(tmp_path)
    assert (tmp_path / NAME).stat().st_size == BALLAST_BYTES


def test_half_of_one_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat 8: a short one (a power cut) is made whole; a disk that fills meanwhile gets none."""
    free(monkeypatch, AMPLE_BYTES)
    (tmp_path / NAME).write_bytes(b"short")
    settle(tmp_path)
    assert (tmp_path / NAME).stat().st_size == BALLAST_BYTES
    (tmp_path / NAME).unlink()

    def full(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert not settle(tmp_path)
    assert not (tmp_path / NAME).exists()


def test_what_is_wrong_with_the_folder_is_not_said_here(tmp_path: Path) -> None:
    """The store says it, in its own words."""
    assert not settle(tmp_path / "absent")
