"""The real daemon and its copy: made at a clean end, used when the store is damaged, and a clear refusal without."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store import mark
from tests.brokers import Mosquitto
from tests.config.drafts import write
from tests.site import Site, wait_for

PROJECT = Path(__file__).parents[2]


@pytest.mark.timeout(90)
def test_the_daemon_leaves_a_copy_and_starts_from_it(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Issue 3, section 2: a clean end leaves a copy; the next start replaces a damaged store by it, on record."""
    site = Site(tmp_path, mosquitto.port)
    try:
        with site.gateway() as process:
            wait_for(lambda: any(line["event"] == "register.opened" for line in site.logged()))
            process.terminate()
            assert process.wait(15) == 0
        assert [line["event"] for line in site.logged()][-2:] == ["store.backed_up", "gateway.stopped"]
        site.store.write_bytes(b"\xa5" * 20_000)
        with site.gateway() as process:
            wait_for(lambda: any(line["event"] == "store.restored" for line in site.logged()))
            wait_for(lambda: any(line["event"] == "gateway.started" for line in site.logged()))
            process.terminate()
            assert process.wait(15) == 0
        with closing(sqlite3.connect(site.store)) as raw:
            epochs = [json.loads(body) for (body,) in raw.execute("SELECT body FROM journal ORDER BY seq")]
        assert [row["restored"] for row in epochs if row["type"] == "epoch"] == ["", "backup"]
        assert site.store.with_name("store.db.damaged-1").read_bytes() == b"\xa5" * 20_000
    finally:
        site.close()


def test_a_damaged_store_without_a_copy_is_exit_65_and_stays_as_it_is(tmp_path: Path) -> None:
    """I11: the supply stays as it is; the message says what to do, and the file is not touched."""
    config = write(tmp_path)
    (tmp_path / "data").mkdir()
    store = tmp_path / "data" / "store.db"
    store.write_bytes(b"\xa5" * 20_000)
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=PROJECT)
    assert ended.returncode == 65
    assert "docs/damaged-store.md" in ended.stderr
    assert "There is no copy" in ended.stderr
    assert store.read_bytes() == b"\xa5" * 20_000
    assert sorted(path.name for path in store.parent.iterdir()) == ["store.db", mark.mark_of(store).name]
