import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent


def children_of(pid: int) -> list[int]:
    """The processes it started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            if int(after_name[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def runs(pid: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids: list[int], within_s: float) -> bool:
    """Whether all of them end in time."""
    deadline_s = time.monotonic() + within_s
    while any(runs(pid) for pid in pids):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A story that has shown its first step, and the three programs it started."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "gateway", "demo", "--story"],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "NORMAL" not in process.stdout.readline():
            assert process.poll() is None, "the story ended before its first step"
        yield process, children_of(process.pid)
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demonstration_leaves_nothing_behind(
    playing: tuple[subprocess.Popen[str], list[int]], how: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C, a kill and a closed terminal: broker, simulator and daemon end with it, and its folder is gone."""
    process, children = playing
    assert len(children) == 3
    process.send_signal(how)
    assert process.wait(15) == 130
    assert gone(children, 1)
    assert not any(re.match("prepaid-demo", path.name) for path in tmp_path.iterdir())


def test_even_a_killed_demonstration_leaves_no_orphan(playing: tuple[subprocess.Popen[str], list[int]]) -> None:
    """SIGKILL gives no chance to clean up: the kernel tells the children."""
    process, children = playing
    process.kill()
    process.wait(5)
    assert gone(children, 10)


def test_a_daemon_that_dies_ends_the_story_with_its_last_words(
    playing: tuple[subprocess.Popen[str], list[int]],
) -> None:
    """Nobody waits for a deadline when the daemon is gone."""
    process, children = playing
    daemon = next(pid for pid in children if b"gateway.toml" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(daemon, signal.SIGKILL)
    assert process.stdout is not None
    said = process.stdout.read()
    assert process.wait(15) == 1
    assert "the daemon ended with exit code -9" in said
    assert "gateway.started" in said
    assert gone(children, 1)
