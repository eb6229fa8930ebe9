"""Where the kernel's word on its own clock comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import clock

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_kernel_that_may_not_be_asked_is_answered_by_the_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decision 16: the hardened unit forbids adjtimex; the mark of systemd-timesyncd stands in for it."""
    mark = tmp_path / "synchronized"
    monkeypatch.setattr(clock, "_adjtimex", lambda _timex: -1)
    monkeypatch.setattr(clock, "_TIMESYNCD_MARK", mark)
    assert not clock.kernel_synchronised()
    mark.touch()
    assert clock.kernel_synchronised()


def test_a_machine_without_the_question_is_like_one_that_forbids_it() -> None:
    """Decision 16: no adjtimex, no claim."""
    assert clock._no_adjtimex(None) == -1
