"""A `[[meter]]` held against its model: outputs nobody tried, dead relays, registers nobody confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import shipped
from tests.config.drafts import A1, GOOD, M1, M2, SERIAL, examine

OUTPUT = """\
[[meter]]
id = "m2"
bus = "lan-1"
address = 1
model = "abb-b23"
rated_power_w = 17300
word_order = "big"
limiter = { kind = "switched" }
switch = { kind = "output", channel = 0, energised = "open", when_dead = "holds" }
"""


def own_profile(folder: Path, *changes: tuple[str, str]) -> None:
    """The operator's own copy of the DDS238 profile, with these changes."""
    text = (shipped.folder() / "meters" / "hiking-dds238.toml").read_text("utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "meters").mkdir()
    (folder / "meters" / "hiking-dds238.toml").write_text(text, "utf-8")


def test_a_relay_board_that_nobody_knows_is_named_with_its_neighbour(tmp_path: Path) -> None:
    """Bad input: a typing error in the model of a board is one sentence at its own key, and no point is built on it."""
    _, errors, _ = examine(tmp_path, GOOD.replace('model = "generic-relay"', 'model = "generic-rely"'))
    [error] = [one for one in errors if "generic-rely" in one]
    assert "[[meter]] 'm2' switch.model" in error
    assert "no profile for the model 'generic-rely'" in error
    assert "did you mean 'generic-relay'?" in error


def test_two_meters_of_one_broken_profile_are_one_mistake(tmp_path: Path) -> None:
    """Bad input: the mistake is the file's, so it is said once however many meters are of that model."""
    own_profile(tmp_path, ("read_fc = 3\n", "read_fc = 6\n"))
    second = M1.replace('"m1"', '"m3"').replace("address = 1", "address = 3")
    _, errors, _ = examine(tmp_path, f"{GOOD}\n{second}")
    assert len([one for one in errors if "hiking-dds238.toml" in one and "use 3 or 4" in one]) == 1, errors


def test_a_line_that_no_meter_tells_has_to_be_written(tmp_path: Path) -> None:
    """Bad input: a serial bus without a line whose meters do not say how they are delivered is not guessed at."""
    own_profile(tmp_path, ('serial_default = "9600 8N1"\n', ""))
    _, errors, _ = examine(tmp_path, GOOD.replace(SERIAL, SERIAL.replace('line = "9600 8N1"\n', "")))
    [error] = [one for one in errors if "[[bus]] 'rs485-1' line" in one]
    assert "is not known from the meters" in error
    assert 'line = "9600 8N1"' in error


def test_an_output_that_nobody_tried_does_not_switch_a_customer(tmp_path: Path) -> None:
    """Decision 15: an output register known from memory only is refused until somebody tried it and says so."""
    text = GOOD.replace(M2, OUTPUT)
    _, errors, _ = examine(tmp_path, text)
    [error] = errors
    assert "[[meter]] 'm2' switch" in error
    assert "the output register of 'abb-b23' is unverified (from memory of the manual: verify)" in error
    assert "try it on the bench, then write accept_unverified = true" in error
    _, errors, _ = examine(tmp_path, text.replace('word_order = "big"', 'word_order = "big"\naccept_unverified = true'))
    assert errors == []


def test_a_relay_inside_that_opens_by_itself_is_no_limiter(tmp_path: Path) -> None:
    """Decision 15: a gateway that dies must not cut anybody, so such a relay is not used to limit by switching."""
    own_profile(tmp_path, ('when_dead = "holds"', 'when_dead = "opens"'))
    _, errors, _ = examine(tmp_path)
    [error] = errors
    assert "[[meter]] 'm1' limiter" in error
    assert "the relay of 'hiking-dds238' opens when the gateway is dead" in error


def test_a_relay_of_which_nobody_knows_what_it_does_is_told(tmp_path: Path) -> None:
    """Decision 15: what it does with a dead gateway is to be tried before anybody relies on it; a warning."""
    own_profile(tmp_path, ('when_dead = "holds"', 'when_dead = "unknown"'))
    _, errors, warnings = examine(tmp_path)
    assert errors == []
    assert any("nobody knows what this relay does when the gateway is dead" in one for one in warnings)


ADDRESS = ("energy_import = { address = 10,", 'energy_import = { confidence = "from memory", address = 10,')
WEAK = ('confidence = "high"\nserial_default', 'confidence = "low"\nserial_default')


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (ADDRESS, "the address of its energy register is from memory"),
        (WEAK, "the sources of the profile are weak"),
    ],
)
def test_registers_that_nobody_confirmed_charge_nobody(tmp_path: Path, change: tuple[str, str], doubt: str) -> None:
    """Decision 6: a doubtful energy register is refused for an account; somebody who compared the display may say so.

    With that word it is charged from, and every `check` goes on to say what it rests on.
    """
    own_profile(tmp_path, change)
    _, errors, _ = examine(tmp_path)
    [error] = errors
    assert "[[meter]] 'm1' accept_unverified" in error
    assert f"'hiking-dds238' may be read wrongly: {doubt}" in error
    said = GOOD.replace("rated_power_w = 13800", "rated_power_w = 13800\naccept_unverified = true")
    _, errors, warnings = examine(tmp_path, said)
    assert errors == []
    assert any(f"'hiking-dds238' is used for charging although {doubt}" in one for one in warnings), warnings


def test_a_doubtful_meter_without_an_account_is_only_read(tmp_path: Path) -> None:
    """Decision 6: nobody is charged from a meter that measures the building, so its doubts refuse nothing."""
    own_profile(tmp_path, ADDRESS)
    installation, errors, _ = examine(tmp_path, GOOD.replace(A1, ""))
    assert errors == []
    assert installation is not None
    assert installation.points[0].account is None
