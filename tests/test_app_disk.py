"""The daemon on a disk that somebody else has filled."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from gateway.store.ballast import AMPLE_BYTES, BALLAST_BYTES, NAME
from tests.console.test_door import running


def test_a_start_on_a_full_disk_gives_up_its_ballast_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat 8, I10, I24: a top-up needs room to be written; log and journal tell who must make more."""
    free = AMPLE_BYTES
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, free))

    async def started() -> list[str]:
        with structlog.testing.capture_logs() as logged:
            async with running(tmp_path):
                pass
        return [line["event"] for line in logged]

    assert "store.room_low" not in asyncio.run(started())
    ballast = tmp_path / "data" / NAME
    assert ballast.stat().st_size == BALLAST_BYTES
    free = 1000
    assert "store.room_low" in asyncio.run(started())
    assert not ballast.exists()
    with closing(sqlite3.connect(tmp_path / "data" / "store.db")) as raw:
        rows = [body for (body,) in raw.execute("SELECT body FROM journal") if "store.room_low" in body]
    assert len(rows) == 1
    assert f'"given_up_bytes":{BALLAST_BYTES}' in rows[0]
