"""SMS through a real pty to the simulated modem: what arrives, what is reported, and what the modem is told."""

from pathlib import Path

import pytest

from firmware_sim.faults import Kind
from gateway.alerts.channel import Later, Never, Sent
from gateway.alerts.deliveries import AWAITED_MAX
from gateway.alerts.modem import BEGUN_MAX
from gateway.alerts.pdu import Fate
from tests.alerts.cellular import TO, cell, play

SUSPENDED = (
    "AIL: fornitura CH-0001 sospesa per credito esaurito. Ricarichi almeno 25,00 CHF su ail.ch: "
    "la riattivazione è immediata. Info 0918222727."
)


@pytest.mark.parametrize(
    ("text", "coding", "parts"),
    [
        ("a" * 160, "gsm", 1),
        ("a" * 161, "gsm", 2),
        (SUSPENDED, "gsm", 1),
        ("Perché è così? Città, virtù, però, più: à è é ì ò ù €", "gsm", 1),
        ("Отключение завтра в 8:00", "ucs2", 1),
        ("Дом " * 40, "ucs2", 3),
        ("{[€]}~^\\|" * 30, "gsm", 4),
        ("12\u202f345,60\u00a0€ per l\u2019acqua", "gsm", 1),
        ("uno\ndue", "gsm", 1),
    ],
)
def test_a_text_arrives_as_it_was_written(tmp_path: Path, text: str, coding: str, parts: int) -> None:
    """Section 4.5, 160 and 161 characters, accents, Cyrillic, the extension table: whole, in order, in few parts."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            assert await one.send(text) == Sent(",".join(map(str, range(parts))))
            said = text.replace("\u202f", " ").replace("\u00a0", " ").replace("\u2019", "'")
            assert one.modem.telephone.messages == [(TO, said)]
            assert [(part.coding, part.place) for part in one.modem.parts] == [(coding, n + 1) for n in range(parts)]
            assert one.modem.misread == []
            assert one.channel.state == "ok"

    play(story)


def test_what_a_status_report_says_is_told_once(tmp_path: Path) -> None:
    """Delivered when the last part is; failed with the first that failed; what waits is told later or never."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.send("a" * 161, "both")
            await one.until(lambda: len(one.told) == 1)
            await one.sim.do("reports gsm failed")
            await one.send("a" * 161, "neither")
            await one.until(lambda: len(one.told) == 2)
            await one.sim.do("reports gsm waiting")
            await one.send("a", "waits")
            await one.sim.do("reports gsm unsure")
            await one.send("a", "unsure")
            await one.until(lambda: len(one.told) == 3)
            assert one.told == [("both", Fate.DELIVERED), ("neither", Fate.FAILED), ("unsure", Fate.UNSURE)]

    play(story)


def test_references_begin_again(tmp_path: Path) -> None:
    """After 255 comes 0: the report of the new message is the new message's."""

    async def story() -> None:
        async with cell(tmp_path, "reference = 254") as one:
            assert await one.send("a" * 161, "m-1") == Sent("254,255")
            assert await one.send("b", "m-2") == Sent("0")
            await one.until(lambda: len(one.told) == 2)
            assert one.told == [("m-1", Fate.DELIVERED), ("m-2", Fate.DELIVERED)]

    play(story)


def test_a_reference_given_again_settles_the_old_message_as_unsure(tmp_path: Path) -> None:
    """A modem that restarts counts from its beginning: a report is never taken for an older message."""

    async def story() -> None:
        async with cell(tmp_path, 'reports = "none"') as one:
            await one.send("a", "old")
            one.modem._reference = 0
            await one.sim.do("reports gsm delivered")
            await one.send("b", "new")
            await one.until(lambda: len(one.told) == 2)
            assert one.told == [("old", Fate.UNSURE), ("new", Fate.DELIVERED)]

    play(story)


def test_a_modem_without_status_reports_sends_all_the_same(tmp_path: Path) -> None:
    """AT+CNMI refused both ways: the message goes, nothing is told of its delivery."""

    async def story() -> None:
        async with cell(tmp_path, "takes_cnmi = false") as one:
            assert await one.send("a") == Sent("0")
            assert [line for line in one.modem.lines if "CNMI" in line] == ["AT+CNMI=2,0,0,1,0", "AT+CNMI=1,0,0,1,0"]
            assert one.told == []

    play(story)


@pytest.mark.parametrize(
    ("to", "text"), [("0791234567", "a"), (TO, "a" * 700), (TO, "")], ids=["number", "length", "empty"]
)
def test_what_can_never_go_does_not_reach_the_modem(tmp_path: Path, to: str, text: str) -> None:
    """A number that is none or five parts: never, and the modem is not even opened."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            assert isinstance(await one.send(text, to=to), Never)
            assert one.modem.lines == []

    play(story)


@pytest.mark.parametrize("network", ["none", "searching", "denied", "unknown"])
def test_without_a_network_it_is_later(tmp_path: Path, network: str) -> None:
    """CREG 0, 2, 3, 4: later and the state says so; with the network back the same message goes."""

    async def story() -> None:
        async with cell(tmp_path, f'network = "{network}"') as one:
            result = await one.send("a")
            assert isinstance(result, Later)
            assert not result.may_have_gone
            assert one.channel.state == ("denied" if network == "denied" else "no_network")
            await one.sim.do("network gsm roaming")
            assert isinstance(await one.send("a"), Sent)
            assert one.arrived == ["a"]
            assert one.channel.signal_dbm == -71

    play(story)


def test_a_network_that_only_cereg_knows_is_one(tmp_path: Path) -> None:
    """A modem on LTE alone may say that it is not registered for calls."""

    async def story() -> None:
        async with cell(tmp_path, 'network = "lte"') as one:
            assert isinstance(await one.send("a"), Sent)

    play(story)


def test_a_status_report_that_is_none_is_passed_over(tmp_path: Path) -> None:
    """Digits that say nothing behind +CDS: told nobody, and the next message goes."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.send("a")
            for digits in ("00" * 20, "07911497977997F9" + "01" * 20, "FF" * 30):
                await one.sim.do("says gsm +CDS:25")
                await one.sim.do(f"says gsm {digits}")
            assert isinstance(await one.send("b", "m-2"), Sent)
            await one.until(lambda: len(one.told) == 2)

    play(story)


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    """Messages begun and reports waited for: the oldest give way (threat: a store that grows for years)."""

    async def story() -> None:
        async with cell(tmp_path, 'reports = "none"') as one:
            for number in range(BEGUN_MAX + 3):
                one.when_given(lambda: one.fault(Kind.CMS, 42), part=2)
                assert isinstance(await one.send("a" * 161, f"m-{number}"), Later)
            assert len(one.channel._begun) == BEGUN_MAX
            deliveries = one.channel._deliveries
            for number in range(AWAITED_MAX + 3):
                deliveries.sent(f"d-{number}", TO, [number])
            assert len(deliveries._awaited) == AWAITED_MAX

    play(story)


def test_a_network_that_comes_while_we_wait_is_used(tmp_path: Path) -> None:
    """A modem that was just switched on needs a moment to find it."""

    async def story() -> None:
        async with cell(tmp_path, 'network = "searching"') as one:
            one.when("AT+CEREG?", lambda: setattr(one.modem, "network", "home"))
            assert isinstance(await one.send("a"), Sent)
            assert one.modem.lines.count("AT+CREG?") == 2

    play(story)


@pytest.mark.parametrize(
    ("code", "never", "unsure"),
    [(1, True, False), (195, True, False), (196, True, False), (332, False, True)]
    + [
        (code, False, False)
        for code in (8, 21, 27, 30, 38, 41, 42, 50, 69, 127, 192, 193, 194, 304, 322, 330, 331, 500)
    ],
)
def test_each_error_is_later_or_never(tmp_path: Path, code: int, never: bool, unsure: bool) -> None:
    """Only what the network says of the number is for good; the reason names the error and no number."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            await one.sim.do(f"fault gsm cms {code} 1")
            result = await one.send("a")
            assert isinstance(result, Never if never else Later)
            assert f"CMS {code}" in result.reason
            assert TO not in result.reason
            assert isinstance(result, Never) or result.may_have_gone is unsure
            assert isinstance(await one.send("a"), Sent)

    play(story)


def test_a_part_that_went_is_not_sent_again(tmp_path: Path) -> None:
    """Part two refused: tried again, only part two goes, and the telephone joins both."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            one.when_given(lambda: one.fault(Kind.CMS, 42), part=2)
            assert isinstance(await one.send("a" * 153 + "b" * 153 + "c"), Later)
            assert [part.place for part in one.modem.parts] == [1]
            assert await one.send("a" * 153 + "b" * 153 + "c") == Sent("0,1,2")
            assert [part.place for part in one.modem.parts] == [1, 2, 3]
            assert one.arrived == ["a" * 153 + "b" * 153 + "c"]

    play(story)


def test_another_text_under_the_same_id_begins_anew(tmp_path: Path) -> None:
    """The words were made anew since: parts of two texts are never joined."""

    async def story() -> None:
        async with cell(tmp_path) as one:
            one.when_given(lambda: one.fault(Kind.CMS, 42), part=2)
            assert isinstance(await one.send("a" * 200), Later)
            assert isinstance(await one.send("b" * 200), Sent)
            assert one.arrived == ["b" * 200]

    play(story)
