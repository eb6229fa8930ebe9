"""A modem that hangs, babbles, loses its power or its cable: later, never a loss, and nobody else waits for it."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_sim.faults import Active, FaultSet, Kind
from firmware_sim.modem_line import ModemLine
from gateway.alerts import atline
from gateway.alerts.channel import SEND_MAX_S, Later, Message, Sent
from gateway.alerts.modem import Patience
from gateway.alerts.pdu import Fate
from tests.alerts.cellular import HASTY, SHORT, TO, Cell, cell, play


def unplug(one: Cell) -> None:
    """Take the cable out in the middle of whatever happens."""
    line = one.sim.line("gsm")
    assert isinstance(line, ModemLine)
    line._pty.unplug()
    line.plugged = False


def test_a_hung_modem_is_later_and_disturbs_nobody(tmp_path: Path) -> None:
    """Silence: woken, reset, opened again, given up within its time; the loop goes on at its pace meanwhile."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.sim.do("fault gsm silence")
            began_s, longest_s = time.monotonic(), 0.0
            sending = asyncio.ensure_future(one.send("a"))
            while not sending.done():
                before_s = time.monotonic()
                await asyncio.sleep(0.005)
                longest_s = max(longest_s, time.monotonic() - before_s)
            assert await sending == Later("the modem does not answer")
            assert one.channel.state == "silent"
            assert longest_s < 1.0
            assert time.monotonic() - began_s < 10
            await one.sim.do("clear gsm")
            assert isinstance(await one.send("a"), Sent)
            assert one.arrived == ["a"]

    play(story)


def test_the_whole_of_its_patience_fits(tmp_path: Path) -> None:
    """A channel ends before SEND_MAX_S: with the real waits no part is begun that could not be waited for."""
    real = Patience()
    assert real.whole_s + 2 * real.answer_s + 5 * real.wake_s < SEND_MAX_S
    before = 10 * real.wake_s + real.pin_s + 2 * real.register_s + 9 * real.answer_s
    assert before < real.whole_s

    async def story() -> None:
        async with cell(tmp_path, patience=replace(SHORT, whole_s=0.9)) as one:
            assert await one.send("a") == Later("the modem is too slow for all parts at once")
            assert one.modem.parts == []

    play(story)


def test_a_modem_that_hangs_with_the_message_leaves_it_open(tmp_path: Path) -> None:
    """It took the message and said nothing: it may have gone, and that is what is said."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            one.when_given(lambda: one.fault(Kind.MUTE))
            assert await one.send("a") == Later("the modem did not say whether it went", may_have_gone=True)
            assert one.arrived == ["a"]
            assert isinstance(await one.send("b", "m-2"), Sent)

    play(story)


def test_a_prompt_that_got_lost_is_left_by_escape(tmp_path: Path) -> None:
    """The modem waits for a text and we saw no prompt: the next message is a message, not the rest of that text."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.send("first")
            one.when("AT+CMGS", lambda: one.fault(Kind.MUTE))
            assert isinstance(await one.send("lost"), Later)
            assert one.modem._announced is not None
            assert isinstance(await one.send("next"), Sent)
            assert one.arrived == ["first", "next"]
            assert one.modem.misread == []

    play(story)


@pytest.mark.parametrize("fault", ["late 60", "chatter", "chatter 3", "late 600 3"])
def test_slow_and_talkative_modems_get_it_right(tmp_path: Path, fault: str) -> None:
    """Slow answers, and lines that nobody asked for around each answer: the message goes, once."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.sim.do(f"fault gsm {fault}")
            assert isinstance(await one.send("a" * 200), Sent)
            assert one.arrived == ["a" * 200]
            await one.until(lambda: one.told == [("m-1", Fate.DELIVERED)])

    play(story)


def test_an_answer_that_comes_too_late_is_nobodys(tmp_path: Path) -> None:
    """A modem that slept answers the first AT after we asked again: no later question takes that OK for its own."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            one.fault(Kind.LATE, 530)
            one.when("ATE0", lambda: one.fault(Kind.LATE, 40, 3))
            assert isinstance(await one.send("a"), Sent)
            assert one.modem.lines.count("AT") == 2
            assert one.modem.lines.count("AT+CPIN?") == 1

    play(story)


@pytest.mark.parametrize("fault", ["garbage 1", "garbage 3", "garbage 7", "stale 2", "mute 2", "exception 100 3"])
def test_wrong_answers_are_later_and_pass(tmp_path: Path, fault: str) -> None:
    """Garbage, the answer before, none, an error: whatever the message met, it goes when the modem is well again."""

    async def story() -> None:
        async with cell(tmp_path, patience=HASTY) as one:
            await one.sim.do(f"fault gsm {fault}")
            await one.sent("a")
            assert set(one.arrived) == {"a"}

    play(story)


class _Nth(FaultSet):
    """One fault at the answer of this place and at no other."""

    def __init__(self, kind: Kind, place: int) -> None:
        super().__init__()
        self._kind = kind
        self.left = place

    def use(self, kind: Kind, now_ns: int) -> Active | None:
        if kind is not self._kind:
            return None
        self.left -= 1
        return Active(0, None, None) if self.left == -1 else None


def test_each_single_answer_may_be_garbage_or_lost(tmp_path: Path) -> None:
    """One answer of the whole conversation is spoilt, each in its turn: sent or later, never lost and never wrong."""

    async def story() -> None:
        async with cell(tmp_path, patience=HASTY) as one:
            await one.sent("warm", "warm")
            for kind in (Kind.GARBAGE, Kind.STALE):
                for place in range(11):
                    name = f"{kind} {place}"
                    before = len(one.arrived)
                    one.modem.faults = _Nth(kind, place)
                    result = await one.send(name, name)
                    assert one.modem.faults.left < 0, name
                    one.modem.faults = FaultSet()
                    if isinstance(result, Later):
                        assert result.may_have_gone or len(one.arrived) == before, name
                        await one.sent(name, name)
                    assert name in one.arrived, name
            assert one.modem.misread == []

    play(story)


def test_a_modem_that_lost_its_power_is_set_up_again(tmp_path: Path) -> None:
    """Echo on, text mode, no reports: as out of the box; the next message is in PDU mode all the same."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.send("a", "m-1")
            await one.sim.do("plug gsm off")
            assert isinstance(await one.send("b", "m-2"), Later)
            await one.sim.do("plug gsm on")
            assert isinstance(await one.send("b", "m-2"), Sent)
            await one.until(lambda: len(one.told) == 2)
            assert one.arrived == ["a", "b"]
            assert one.modem.misread == []

    play(story)


@pytest.mark.parametrize("command", ["AT+CMEE", "AT+CPIN?", "AT+CNMI", "AT+CREG?", "AT+CSQ", "AT+CMGF"])
def test_power_lost_between_two_commands_does_no_harm(tmp_path: Path, command: str) -> None:
    """The modem forgets its settings on the way: the digits of a PDU never go out as a text."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            one.when(command, one.modem.restart)
            assert isinstance(await one.send("a" * 161), Sent)
            assert one.arrived == ["a" * 161]
            assert one.modem.misread == []

    play(story)


def test_the_cable_comes_out_and_goes_back(tmp_path: Path) -> None:
    """Gone while idle, gone at the start, gone with the message on its way: later, and the port is opened again."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.send("a", "m-1")
            await one.sim.do("unplug gsm")
            assert isinstance(await one.send("b", "m-2"), Later)
            assert one.channel.state == "no_port"
            await one.sim.do("replug gsm")
            assert isinstance(await one.send("b", "m-2"), Sent)
            one.when("AT+CMGS", lambda: unplug(one))
            lost = await one.send("c", "m-3")
            assert isinstance(lost, Later)
            assert not lost.may_have_gone
            await one.sim.do("replug gsm")
            one.when_given(lambda: unplug(one))
            unsure = await one.send("c", "m-3")
            assert isinstance(unsure, Later)
            assert unsure.may_have_gone
            await one.sim.do("replug gsm")
            assert isinstance(await one.send("c", "m-3"), Sent)
            assert one.arrived == ["a", "b", "c", "c"]

    play(story)


def test_a_port_that_somebody_else_has_is_later(tmp_path: Path) -> None:
    """Two programs on one modem spoil both: the second is told, and the reason names no path."""

    async def story() -> None:
        async with cell(tmp_path) as one, cell(tmp_path / "other") as other:
            await one.send("a")
            other.channel._opener = one.channel._opener
            result = await other.send("b")
            assert isinstance(result, Later)
            assert str(tmp_path) not in result.reason
            assert other.channel.state == "no_port"

    (tmp_path / "other").mkdir()
    play(story)


def test_a_modem_that_never_stops_talking_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded bytes a minute: a flood ends with the port closed, and the next message opens it again."""
    monkeypatch.setattr(atline, "MINUTE_BYTES_MAX", 9_000)

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.send("a", "m-1")
            line = one.channel._line
            assert line is not None
            for _ in range(4):
                await one.sim.do("babble gsm 3000")
                await asyncio.sleep(0.02)
            await one.until(lambda: line.gone)
            assert len(line._buffer) <= atline.LINE_MAX
            assert isinstance(await one.send("b", "m-2"), Sent)

    play(story)


def test_idle_noise_and_calls_do_not_matter(tmp_path: Path) -> None:
    """RING, registration, half a status report and random bytes between two messages are passed over."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.send("a", "m-1")
            for line in ("RING", "+CREG:2", "OK", "ERROR", ">", "+CMGS:7", "+CDS:25", "0611", "+CDS:", "+CDS:9"):
                await one.sim.do(f"says gsm {line}")
            await one.sim.do("babble gsm 2000")
            assert isinstance(await one.send("b", "m-2"), Sent)
            assert one.arrived == ["a", "b"]

    play(story)


def test_a_cancelled_message_leaves_nothing_behind(tmp_path: Path) -> None:
    """Stopped at any moment: the port is given back, and the next message goes."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            for place in range(0, 60, 3):
                sending = asyncio.ensure_future(one.channel.send(Message(f"m-{place}", TO, "", "x")))
                await asyncio.sleep(place / 1000)
                sending.cancel()
                await asyncio.wait([sending])
            assert isinstance(await one.send("after", "after"), Sent)
            assert one.arrived[-1] == "after"
            assert one.modem.misread == []

    play(story)
