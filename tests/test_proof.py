"""The page of the proofs: every figure says what was run, when and on which commit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import figures, proof


def test_a_figure_says_what_was_run_when_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I19: an old figure, or one of a small run, is not taken for what the tree of today has shown."""
    monkeypatch.setattr("sys.orig_argv", ["/any/python", "-m", "tests.storage", "images", "--images", "7"])
    figures.record("storage-images", {"images": 7})
    assert not list(tmp_path.iterdir()), "by hand nothing is kept"
    monkeypatch.setenv(figures.VARIABLE, str(tmp_path))
    figures.record("storage-images", {"images": 7, "a second": 2})
    kept = figures.recorded(tmp_path)["storage-images"]
    assert kept["command"] == "python -m tests.storage images --images 7"
    assert str(kept["on"]).startswith("20")
    assert kept["figures"] == {"images": 7, "a second": 2}
    row = proof.table({"storage-images": kept | {"on": "2026-11-22", "commit": "abc", "seconds": 90}}).splitlines()[-1]
    assert row == (
        "| [storage-images](proof/storage.md) | `python -m tests.storage images --images 7`, 2026-11-22, abc, 2 min "
        "| images **7**, a second **2** |"
    )


def test_the_page_shows_the_published_figures_and_nothing_else() -> None:
    """I19: nobody writes a figure by hand; `make proof ARGS=--write` is what writes them, and each row has its page."""
    published = json.loads(proof.PUBLISHED.read_text(encoding="utf-8"))
    page = proof.PAGE.read_text(encoding="utf-8")
    assert page.partition(proof.BEGIN)[2].partition(proof.END)[0] == proof.table(published)
    for row in proof.table(published).splitlines()[2:]:
        assert (proof.PAGE.parent / row.partition("](")[2].partition(")")[0]).exists(), row
