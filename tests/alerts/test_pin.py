"""The SIM's PIN: asked for, entered once, and a wrong one never twice, whoever restarts in between."""

import errno
from pathlib import Path

import pytest

from firmware_sim.faults import Kind
from gateway.alerts.channel import Later, Sent
from gateway.alerts.simpin import PinRecord
from tests.alerts.cellular import cell, play


def test_a_pin_is_entered_only_when_asked_for(tmp_path: Path) -> None:
    """A SIM without a PIN is left alone; one with it gets it once, and not again with the next message."""

    async def story() -> None:
        async with cell(tmp_path, pin="1234") as one:
            assert isinstance(await one.send("a"), Sent)
            assert one.modem.pin_tries == []
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            assert isinstance(await one.send("a"), Sent)
            assert isinstance(await one.send("b", "m-2"), Sent)
            assert one.modem.pin_tries == ["1234"]

    play(story)


def test_a_pin_that_was_taken_is_entered_again_after_each_loss_of_power(tmp_path: Path) -> None:
    """A modem that restarts asks again: ten times, and the SIM is never in danger."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            for number in range(10):
                assert isinstance(await one.send("a", f"m-{number}"), Sent)
                one.modem.restart()
            assert one.modem.pin_tries == ["1234"] * 10

    play(story)


def test_a_wrong_pin_is_tried_once_in_a_lifetime(tmp_path: Path) -> None:
    """Five messages and five restarts of the gateway: one try in all; the state says what a person must do."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="9999") as one:
            assert await one.send("a") == Later("the SIM refused the PIN")
            for number in range(5):
                result = await one.send("a", f"m-{number}")
                assert result == Later("the PIN was tried before and is not tried again")
                assert one.channel.state == "pin_refused"
            assert one.modem.pin_tries == ["9999"]
        for _ in range(5):
            async with cell(tmp_path, 'pin = "1234"', pin="9999") as one:
                assert isinstance(await one.send("a"), Later)
                assert one.modem.pin_tries == []

    play(story)


def test_the_third_try_belongs_to_a_person(tmp_path: Path) -> None:
    """Two different wrong PINs were tried: no third one is, the right one neither, until the file is removed."""

    async def story() -> None:
        for pin, entered in (("1111", 1), ("2222", 1), ("3333", 0), ("1234", 0)):
            async with cell(tmp_path, 'pin = "1234"', pin=pin) as one:
                assert isinstance(await one.send("a"), Later)
                assert len(one.modem.pin_tries) == entered
        (tmp_path / "sms-pin.json").unlink()
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            assert isinstance(await one.send("a"), Sent)

    play(story)


def test_a_pin_whose_outcome_nobody_knows_is_tried_again_only_if_it_was_right_before(tmp_path: Path) -> None:
    """The power goes between the PIN and its answer: known to be right, once more; never seen right, not at all."""
    known, unknown = PinRecord(tmp_path / "known"), PinRecord(tmp_path / "unknown")
    assert unknown.begin("1234")
    assert not PinRecord(tmp_path / "unknown").begin("1234")
    assert known.begin("1234")
    known.accepted("1234")
    assert known.begin("1234")
    assert PinRecord(tmp_path / "known").begin("1234")
    assert not PinRecord(tmp_path / "known").begin("1234")


def test_another_sim_that_refuses_a_pin_ends_it(tmp_path: Path) -> None:
    """It was right for the SIM before: refused by this one, it is not tried a second time."""
    record = PinRecord(tmp_path / "record")
    assert record.begin("1234")
    record.accepted("1234")
    assert record.begin("1234")
    record.refused("1234")
    assert not PinRecord(tmp_path / "record").begin("1234")
    assert PinRecord(tmp_path / "record").begin("5678")
    assert not PinRecord(tmp_path / "record").begin("4321")


def test_another_sim_is_asked_once(tmp_path: Path) -> None:
    """The SIM was changed and the PIN was not: what the old one took is tried once on the new one, across restarts."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            assert isinstance(await one.send("a"), Sent)
        tries: list[str] = []
        for _ in range(3):
            async with cell(tmp_path, 'pin = "5678"', pin="1234") as one:
                assert isinstance(await one.send("a"), Later)
                assert isinstance(await one.send("b", "m-2"), Later)
                tries += one.modem.pin_tries
        assert tries == ["1234"]

    play(story)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tried": 3}', b"\xff", b'{"other": 1}'])
def test_a_damaged_record_lets_nobody_try(tmp_path: Path, content: bytes) -> None:
    """Who cannot read what was tried tries nothing."""

    async def story() -> None:
        (tmp_path / "sms-pin.json").write_bytes(content)
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            assert isinstance(await one.send("a"), Later)
            assert one.channel.state == "pin_needed"
            assert one.modem.pin_tries == []

    play(story)


@pytest.mark.parametrize("pin", ["", "12", "123456789", "12ab", '1"\rATD112;'])
def test_what_is_no_pin_is_never_tried(tmp_path: Path, pin: str) -> None:
    """None configured, too short, too long, letters, a command in disguise: the SIM keeps its three tries."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin=pin) as one:
            assert isinstance(await one.send("a"), Later)
            assert one.channel.state == "pin_needed"
            assert one.modem.pin_tries == []

    play(story)


def test_a_lost_answer_to_a_pin_is_no_second_try(tmp_path: Path) -> None:
    """The SIM took it and the answer got lost: the next message finds it ready."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            one.when("AT+CPIN=", lambda: one.fault(Kind.MUTE))
            assert isinstance(await one.send("a"), Later)
            assert isinstance(await one.send("a"), Sent)
            assert one.modem.pin_tries == ["1234"]

    play(story)


@pytest.mark.parametrize(
    ("settings", "state"), [("sim = false", "no_sim"), ('pin = "1234"', "pin_needed")], ids=["no SIM", "no PIN"]
)
def test_the_state_says_what_is_missing(tmp_path: Path, settings: str, state: str) -> None:
    """No SIM, and a SIM whose PIN nobody configured."""

    async def story() -> None:
        async with cell(tmp_path, settings) as one:
            assert isinstance(await one.send("a"), Later)
            assert one.channel.state == state

    play(story)


def test_a_locked_sim_is_left_to_a_person(tmp_path: Path) -> None:
    """It asks for its PUK: nothing is entered."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            one.modem._tries_left = 0
            assert await one.send("a") == Later("the SIM asks for SIM PUK, which a person must enter")
            assert one.channel.state == "sim_locked"
            assert one.modem.pin_tries == []

    play(story)


def test_a_sim_that_is_still_starting_is_waited_for(tmp_path: Path) -> None:
    """SIM busy (CME 14) is no refusal: asked again, and the PIN is entered once."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            one.when("AT+CPIN?", lambda: one.fault(Kind.EXCEPTION, 14))
            assert isinstance(await one.send("a"), Sent)
            assert one.modem.pin_tries == ["1234"]

    play(story)


def test_a_sim_that_takes_a_moment_after_its_pin_gets_it_once(tmp_path: Path) -> None:
    """It took the PIN and says for a while that it wants it: waited for, not entered again."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            one.when("AT+CPIN=", lambda: setattr(one.modem, "sim_wakes", 3))
            assert isinstance(await one.send("a"), Sent)
            assert one.modem.pin_tries == ["1234"]

    play(story)


def test_a_sim_that_never_gets_ready_is_later(tmp_path: Path) -> None:
    """Busy for as long as we wait: later, and nothing was entered."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            one.when("AT+CPIN?", lambda: one.fault(Kind.EXCEPTION, 14, None))
            assert await one.send("a") == Later("the SIM does not get ready")
            assert one.modem.pin_tries == []

    play(story)


def test_a_sim_that_is_busy_at_the_pin_has_not_refused_it(tmp_path: Path) -> None:
    """CME 14 to the PIN itself: whether it was looked at is unknown, so one never seen right is not entered again."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            one.when("AT+CPIN=", lambda: one.fault(Kind.EXCEPTION, 14))
            assert await one.send("a") == Later("the modem refused (CME 14)")
            assert await one.send("a") == Later("the PIN was tried before and is not tried again")
            assert one.modem.pin_tries == []

    play(story)


def test_a_medium_that_takes_nothing_keeps_the_pin_back(tmp_path: Path) -> None:
    """No try without its record: a folder that is not there, as a full disk, means that nothing is entered."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            one.channel._record = PinRecord(tmp_path / "gone" / "sms-pin.json")
            assert isinstance(await one.send("a"), Later)
            assert one.modem.pin_tries == []

    play(story)


def test_an_outcome_that_cannot_be_written_counts_as_a_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SIM took the PIN and the medium failed: the message goes, and the record errs on the safe side."""

    async def story() -> None:
        async with cell(tmp_path, 'pin = "1234"', pin="1234") as one:
            monkeypatch.setattr(one.channel._record, "accepted", _full)
            assert isinstance(await one.send("a"), Sent)
            one.modem.restart()
            assert isinstance(await one.send("b", "m-2"), Later)
            assert one.modem.pin_tries == ["1234"]

    play(story)


def _full(pin: str) -> None:
    raise OSError(errno.ENOSPC, "no space")


def test_the_record_is_private(tmp_path: Path) -> None:
    """Mode 0600: a digest of four digits hides nothing."""
    record = PinRecord(tmp_path / "record")
    assert record.begin("1234")
    assert (tmp_path / "record").stat().st_mode & 0o777 == 0o600
    assert b"1234" not in (tmp_path / "record").read_bytes()
