"""What the clock settles while it is imported, on machines other than this one."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
import time
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from gateway import clock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose local time is twelve hours and more ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        yield
    time.tzset()


def imported_again() -> ModuleType:
    """A second clock module, as a process that starts now would have it; the first one stays as it is."""
    spec = sys.modules["gateway.clock"].__spec__
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    return again


@pytest.mark.usefixtures("elsewhere")
def test_the_bounds_of_time_are_the_same_in_every_zone() -> None:
    """Decision 16: what no clock may show less, or more, is an instant, wherever the gateway hangs."""
    there = imported_again()
    assert time.localtime(0).tm_hour == 12
    assert there.BUILD_UTC_MS == clock.BUILD_UTC_MS == 1_767_225_600_000
    assert there.LAST_UTC_MS == clock.LAST_UTC_MS == 4_102_444_800_000


def test_a_system_without_the_question_is_imported_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 16: a C library that has no adjtimex makes no claim on the time, yet the gateway starts."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert imported_again()._adjtimex(None) == -1
