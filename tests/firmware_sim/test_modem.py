"""The simulated modem: AT commands as a person types them, its faults, and what its service centre understands."""

import asyncio
import os
from pathlib import Path

import pytest

from firmware_sim.clock import ManualClock
from firmware_sim.control import ControlError
from firmware_sim.fields import ScenarioError
from firmware_sim.simulation import Simulation, load_scenario
from firmware_sim.sms import PduError, Telephone, read_submit, report
from tests.firmware_sim.wires import PLANT, rtu_ask

ALONE = '[[modem]]\nid = "gsm"\n'
HELLO = "0031000B916407281553F80000AA0AE8329BFD4697D9EC37"


async def typed(sim: Simulation, *lines: str, wait_s: float = 5.0) -> list[str]:
    """What comes back for each line, without its line ends; a PDU is a line that ends in Ctrl-Z."""
    path, answers = sim.line("gsm").path, []
    for line in lines:
        data = line.encode() + (b"" if line.endswith(("\x1a", "\x1b", "\r")) else b"\r")
        answer = await asyncio.to_thread(rtu_ask, path, data, wait_s)
        answers.append(" ".join(answer.decode("latin-1").split()))
    return answers


def with_modem(*lines: str, settings: str = "", pdu: bool = True) -> list[str]:
    """The answers of a fresh modem; with `pdu` echo is off, errors have numbers and PDU mode is on before."""
    found: list[str] = []

    async def main() -> None:
        async with Simulation.start(ALONE + settings, clock=ManualClock()) as sim:
            if pdu:
                await typed(sim, "ATE0", "AT+CMEE=1", "AT+CMGF=0")
            found.extend(await typed(sim, *lines))

    asyncio.run(main())
    return found


def test_it_starts_as_out_of_the_box() -> None:
    """Echo on, bare ERROR, text mode: what a driver must change each time."""
    assert with_modem("AT", "at+creg?", "AT+CPIN=1", "AT+NONSENSE", "ATE0", "AT", pdu=False) == [
        "AT OK", "at+creg? +CREG: 0,1 OK", "AT+CPIN=1 ERROR", "AT+NONSENSE ERROR", "ATE0 OK", "OK",
    ]  # fmt: skip


def test_a_message_goes_and_its_report_comes_when_asked_for() -> None:
    """The prompt, +CMGS with a reference that counts, +CDS behind it only after AT+CNMI."""
    answers = with_modem("AT+CMGS=23", HELLO + "\x1a", "AT+CNMI=2,0,0,1,0", "AT+CMGS=23", HELLO + "\x1a")
    assert answers[:4] == [">", "+CMGS: 0 OK", "OK", ">"]
    assert answers[4].startswith("+CMGS: 1 OK +CDS: 25 07")
    assert answers[4].endswith("00")


def test_escape_leaves_the_prompt() -> None:
    """Nothing is sent, and the next line is a command again."""
    assert with_modem("AT+CMGS=23", "0031\x1b", "AT") == [">", "OK", "OK"]


@pytest.mark.parametrize(
    ("settings", "error"),
    [('pin = "1"', 311), ("sim = false", 310), ('network = "denied"', 331), ('network = "searching"', 331)],
)
def test_what_keeps_a_message_is_an_error_with_its_number(settings: str, error: int) -> None:
    """No PIN, no SIM, no network."""
    assert f"+CMS ERROR: {error}" in with_modem("AT+CMGS=23", HELLO + "\x1a\r", settings=settings)


def test_three_wrong_pins_lock_the_sim() -> None:
    """The count outlives a loss of power; the right PIN sets it back."""

    async def main() -> None:
        async with Simulation.start(f'{ALONE}pin = "1234"\n', clock=ManualClock()) as sim:
            await typed(sim, "ATE0", "AT+CMEE=1")
            assert await typed(sim, "AT+CPIN?", 'AT+CPIN="1"', 'AT+CPIN="2"') == [
                "+CPIN: SIM PIN OK", "+CME ERROR: 16", "+CME ERROR: 16",
            ]  # fmt: skip
            await sim.do("plug gsm off")
            await sim.do("plug gsm on")
            await typed(sim, "ATE0", "AT+CMEE=1")
            assert await typed(sim, 'AT+CPIN="3"', "AT+CPIN?", 'AT+CPIN="1234"') == [
                "+CME ERROR: 12", "+CPIN: SIM PUK OK", "+CME ERROR: 3",
            ]  # fmt: skip
            assert sim.modem("gsm").pin_tries == ["1", "2", "3"]

    asyncio.run(main())


def test_control_words_change_a_running_modem() -> None:
    """The network, reports, a line nobody asked for, noise, what arrived, and each fault until it is cleared."""

    async def main() -> None:
        async with Simulation.start(ALONE, clock=ManualClock()) as sim:
            await typed(sim, "ATE0", "AT+CMEE=1", "AT+CMGF=0")
            await sim.do("network gsm roaming")
            assert await typed(sim, "AT+CREG?") == ["+CREG: 0,5 OK"]
            await typed(sim, "AT+CMGS=23", HELLO + "\x1a")
            assert await sim.do("messages gsm") == {"messages": [{"to": "+46708251358", "text": "hellohello"}]}
            await sim.do("reports gsm none")
            await sim.do("says gsm RING")
            assert await typed(sim, "AT") == ["RING OK"]
            await sim.do("babble gsm 40")
            assert len((await typed(sim, "AT"))[0]) > 20
            await sim.do("fault gsm cms 42 1")
            assert await typed(sim, "AT+CMGS=23", HELLO + "\x1a", "AT") == [">", "+CMS ERROR: 42", "OK"]
            await sim.do("fault gsm exception 100 1")
            assert await typed(sim, "AT", "AT") == ["+CME ERROR: 100", "OK"]
            await sim.do("fault gsm chatter 1")
            assert len((await typed(sim, "AT"))[0].split()) > 3
            await sim.do("fault gsm silence")
            assert await typed(sim, "AT", wait_s=0.05) == [""]
            await sim.do("clear gsm")
            assert await typed(sim, "AT") == ["OK"]
            assert sim.status()["devices"] == [sim.modem("gsm").status()]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fault gsm zero", "gsm is a modem"),
        ("fault sdm cms 42", "sdm is no modem"),
        ("network sdm home", 'there is no modem "sdm"'),
        ("network gsm hame", 'did you mean "home"'),
        ("reports gsm lost", "known: "),
        ("babble gsm 0", "whole number from 1"),
        ("fault gsm cms 1000", "whole number from 0 to 999"),
        ("relay gsm open", 'there is no meter "gsm"'),
    ],
)
def test_a_word_that_makes_no_sense_is_refused(line: str, told: str) -> None:
    """A fault that a modem cannot have, one that only a modem has, states that are none."""

    async def main() -> None:
        async with Simulation.start(PLANT + ALONE, clock=ManualClock()) as sim:
            with pytest.raises(ControlError, match=told):
                await sim.do(line)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"add at least one \[\[line\]\] or \[\[modem\]\]"),
        (ALONE + 'network = "moon"\n', "known: "),
        (ALONE + "reference = 256\n", "from 0 to 255"),
        (ALONE + ALONE, '"gsm" is used twice'),
        (PLANT + ALONE.replace("gsm", "lan"), '"lan" is used twice'),
        (PLANT + ALONE.replace("gsm", "sdm"), '"sdm" is used twice'),
        (ALONE + "pim = 1\n", "is not a key here"),
    ],
)
def test_a_bad_modem_is_refused(text: str, told: str) -> None:
    """Names are unique among lines and devices; states and numbers are checked."""
    with pytest.raises(ScenarioError, match=told):
        load_scenario(text)


def test_the_cable_of_a_modem_comes_out_and_goes_back(tmp_path: Path) -> None:
    """The path vanishes and comes back; the modem behind it kept its settings."""

    async def main() -> None:
        async with Simulation.start(ALONE, folder=tmp_path, clock=ManualClock()) as sim:
            await typed(sim, "ATE0")
            port = os.open(sim.line("gsm").path, os.O_RDWR | os.O_NOCTTY)
            await sim.do("unplug gsm")
            with pytest.raises(OSError, match="Input/output error"):
                os.write(port, b"AT\r")
            os.close(port)
            assert not sim.line("gsm").path.exists()
            await sim.do("replug gsm")
            assert await typed(sim, "AT") == ["OK"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("pdu", "octets", "told"),
    [
        (HELLO, 22, "octets came"),
        (HELLO.replace("0031", "0032", 1), 23, "no SMS-SUBMIT"),
        (HELLO[:-2], 22, "octets of text"),
        (HELLO.replace("0B91", "0091"), 23, "length that is allowed"),
        (HELLO.replace("F80000", "F80004"), 23, "data coding"),
        (HELLO.replace("F80000", "F80100"), 23, "protocol identifier"),
        (HELLO.replace("F80000", "980000"), 23, "as long as it says"),
        ("0031", 1, "ends too early"),
        ("", 0, "ends too early"),
        ("0001000B916407281553F8000801D8", 14, "ends too early"),
        ("0039000B916407281553F80000" + "00" * 9, 21, "absolute validity"),
        ("0041000B916407281553F8000007" + "050003090203" + "00", 20, "part 3 of 2"),
        ("0001000B916407281553F80000011B", 14, "ends in an escape"),
    ],
)
def test_what_is_no_pdu_is_refused(pdu: str, octets: int, told: str) -> None:
    """The reader is strict, or it would hide what a sender does wrong."""
    with pytest.raises(PduError, match=told):
        read_submit(bytes.fromhex(pdu), octets)


def test_a_printed_pdu_is_read() -> None:
    """The example of many manuals: hellohello, four days, a status report."""
    part = read_submit(bytes.fromhex(HELLO), 23)
    assert (part.to, part.text, part.coding, part.report) == ("+46708251358", "hellohello", "gsm", True)
    assert part.validity_minutes == 4 * 24 * 60


def test_a_telephone_joins_parts_in_any_order() -> None:
    """By number, group and count; a part of another group waits for its own."""
    telephone = Telephone()
    head = "0041000B916407281553F80008"
    for place, text in ((2, "62"), (1, "61")):
        pdu = bytes.fromhex(f"{head}08050003090 2{place:02x}00{text}".replace(" ", ""))
        telephone.take(read_submit(pdu, len(pdu) - 1))
        assert telephone.messages == ([("+46708251358", "ab")] if place == 1 else [])


def test_a_report_is_laid_out_as_the_standard_says() -> None:
    """23.040, 9.2.2.3: type, reference, address, two times, status; the centre's address is not counted."""
    octets, digits = report(0x1D, "+31628870634", 0, 1_321_015_201)
    assert digits[16:] == "061D0B911326880736F4" + "11111121041000" * 2 + "00"
    assert octets == len(digits) // 2 - 8
