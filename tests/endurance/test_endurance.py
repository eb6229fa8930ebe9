"""A bounded share of the endurance proofs, as the commands run them; `python -m tests.endurance` runs the full size."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.asked import PYTHON

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parent.parent.parent


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One proof, as a person starts it."""
    run = [sys.executable, "-m", "tests.endurance", *arguments]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


def test_polls_leave_nothing_behind() -> None:
    """I20: after ten thousand polls through the whole daemon memory, files, threads and tasks are where they were."""
    done = command("polls", "--seed", "3", "--size", "10000")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_leak_is_found_and_can_be_shown_again() -> None:
    """I20: a list that keeps a hundred bytes of each poll fails the proof, which prints the command that repeats it."""
    done = command("polls", "--size", "4000", "--plant")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "memory grows by" in done.stdout
    assert f"again: {PYTHON} -m tests.endurance polls --size 4000 --plant" in done.stdout


def test_days_without_a_broker_are_sent_later_in_order_and_whole() -> None:
    """I7, I20, I23, threat 19, threat 20: four days drain without a gap; the broker breaks, repeats and loses."""
    done = command("offline", "--seed", "1", "--size", "4")
    assert done.returncode == 0, done.stdout + done.stderr


def test_junk_costs_no_poll_and_no_customer() -> None:
    """Threat 25: under ten times the normal load as junk, polls are on time, top-ups answered, and memory is flat."""
    done = command("flood", "--seed", "1", "--size", "4")
    assert done.returncode == 0, done.stdout + done.stderr


def test_broken_connections_leave_nothing_behind() -> None:
    """I20: hundreds of connections to a real broker and to meters break, and nothing of them stays."""
    done = command("connections", "--size", "150")
    assert done.returncode == 0, done.stdout + done.stderr
