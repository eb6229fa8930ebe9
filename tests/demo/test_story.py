import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway import demo, shipped

PROJECT = Path(__file__).parent.parent.parent
STEPS = [
    "NORMAL", "LOW_CREDIT", "GRACE", "LIMITED", "trip", "closed again", "lock-out", "released", "SUSPENDED",
    "+20.00 CHF", "NORMAL", "journal chain verified",
]  # fmt: skip


def story(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Play it as `make run` does without a terminal."""
    command = [sys.executable, "-m", "gateway", "demo", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=85, check=False
    )


@pytest.mark.timeout(90)
def test_the_story_happens_as_promised_in_under_a_minute() -> None:
    """`make run` without a terminal: each step in its order, 495 W for 3 kW (S1-11), back within a second, exit 0."""
    began_s = time.monotonic()
    told = story()
    assert told.returncode == 0, told.stdout + told.stderr
    assert time.monotonic() - began_s < 60
    lines = iter(told.stdout.splitlines())
    for step in STEPS:
        assert any(f"  {step}" in line and "✓" in line for line in lines), f"{step} is missing in:\n{told.stdout}"
    limited = next(line for line in told.stdout.splitlines() if "  LIMITED " in line)
    assert "495 W" in limited
    suspended = next(line for line in told.stdout.splitlines() if "  SUSPENDED " in line)
    assert "DISCONNECTED" in suspended
    assert told.stderr == ""


@pytest.mark.timeout(90)
def test_a_relay_that_does_not_move_fails_the_story_and_names_the_step(tmp_path: Path) -> None:
    """Exit non-zero when a promise is not kept: what was expected, what was seen, what the daemon said."""
    scenario = (shipped.folder() / "sim" / "scenarios" / "demo.toml").read_text(encoding="utf-8")
    stuck = tmp_path / "stuck.toml"
    stuck.write_text(scenario + '\n[[at]]\ns = 2\ndo = "fault flat stuck"\n', encoding="utf-8")
    told = story("--scenario", str(stuck))
    assert told.returncode == demo.EXIT_FAILED, told.stdout
    assert "  LIMITED " in told.stdout
    assert "SUSPENDED" not in told.stdout
    assert "step limiter: expected the limiter opens the supply" in told.stderr
    assert "switch.not_confirmed" in told.stderr


def test_a_program_that_cannot_start_is_shown_with_its_own_words(tmp_path: Path) -> None:
    """A scenario that is no scenario: the reason, no traceback, exit non-zero."""
    nothing = tmp_path / "nothing.toml"
    nothing.write_text("name = 3\n", encoding="utf-8")
    told = story("--scenario", str(nothing))
    assert told.returncode == demo.EXIT_FAILED
    assert "nothing.toml" in told.stderr
    assert "Traceback" not in told.stderr


def test_without_its_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The packages rich and iotcore are optional: a gateway installed without them tells how to get them."""
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert demo.main(["--story"]) == demo.EXIT_UNAVAILABLE
    assert "pip install 'prepaid-gateway[demo]'" in capsys.readouterr().err
