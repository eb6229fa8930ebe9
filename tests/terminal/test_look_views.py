"""Looking, on the screen: what the daemon answers is said whole where there is much, and plainly where there is little.

The answers are the daemon's own types, so a field that is renamed there is missed here.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.console import books, diagnosis, meters, status
from gateway.console.buses import FrameLine
from gateway.console.relief import Relief
from gateway.prepayment.supply import SwitchState
from gateway.terminal.catalogue import load
from gateway.terminal.verbs import Data
from gateway.terminal.views import look, wires
from gateway.terminal.words import Words

AT = "2026-03-02T08:00:00.000Z"
HOLD = books.HoldLine("H-1", "dispute", "2026-04-01T00:00:00.000Z")
OPEN_HOLD = books.HoldLine("H-2", "life_support")
PLAIN = books.Shown(
    "CH-1", "m1", "electricity", "NORMAL", "20.00", "CHF", AT, 3_000, "prepaid@1", ("ch-flat@1",), "60.00", 3
)
POOR = books.Why("CH-1", "LIMITED", AT, 60, "-5.00", "CHF", "CONNECTED", "limited")


def said(view: Any, answer: msgspec.Struct, language: str = "en") -> list[str]:
    """What a person reads of an answer, at 80 columns."""
    words = Words(load(language))
    words.place("Europe/Rome")
    return [*view(msgspec.to_builtins(answer), words)]


def value(lines: list[str], label: str) -> str:
    """What stands behind a label."""
    return next(line for line in lines if line.startswith(label)).removeprefix(label).strip()


def test_an_account_shows_what_it_has_and_no_empty_label() -> None:
    """S2-28, S0-16: delivery point, serial, days left and register, each where it is known and only there."""
    lines = said(look.account, PLAIN)
    assert value(lines, "balance") == "20.00 CHF"
    assert value(lines, "top-ups in all") == "60.00 CHF (3)"
    assert not any(line.startswith(("days left", "register", "serial number", "waits on site")) for line in lines)
    full = msgspec.structs.replace(
        PLAIN, serial="B-2", delivery_point="CH1", days_left=9, register_wh=1_204_170, read_at=AT, trouble="jump",
        open_cases=2, withheld="7.50", lockout="fire brigade", armed=True, holds=(HOLD, OPEN_HOLD),
    )  # fmt: skip
    lines = said(look.account, full)
    assert value(lines, "serial number") == "B-2"
    assert value(lines, "delivery point") == "CH1"
    assert value(lines, "days left, about") == "9"
    assert value(lines, "register  ") == "1204.170 kWh  2026-03-02 09:00"
    assert value(lines, "withheld") == "7.50 CHF"
    assert value(lines, "open differences") == "2"
    assert value(lines, "waits on site") == "yes"
    assert "H-1" in lines[-2]
    assert "2026-04-01 02:00" in lines[-2]
    assert "H-2" in lines[-1]
    assert "life support" in lines[-1]


def test_every_account_is_a_line() -> None:
    """S0-16: who, on which meter, how it stands and with how much."""
    two = books.Accounts(
        (books.AccountLine("A", "m1", "GRACE", "-1.00", "CHF"), books.AccountLine("B", "m2", "NORMAL", "2.00", "EUR"))
    )
    head, first, second = said(look.accounts, two)
    assert head.split() == ["account", "meter", "state", "balance"]
    assert first.split() == ["A", "m1", "grace", "-1.00", "CHF"]
    assert second.split()[:2] == ["B", "m2"]


def test_why_says_everything_that_keeps_a_supply_where_it_is() -> None:
    """I24, decisions 11 and 13: limit, lock-out, override, arming, hold, dispute and arrears: a sentence each."""
    full = msgspec.structs.replace(
        POOR, rule="credit_gone", code="D-LAD-01", limit_w=500, lockout="fire brigade", armed=True, held_by="offline",
        held_code="H-HLD-05", disputed="12.00", missing="5.01", owed="5.00", holds=(HOLD,),
        override=Relief("console/anna", "ill child", 7_200, 3_000), next_state="SUSPENDED",
        history=(books.Step(AT, "GRACE", "LIMITED", "credit_gone", "-5.00"),),
    )  # fmt: skip
    lines = said(look.why, full)
    text = "\n".join(lines)
    assert lines[1].endswith("[D-LAD-01]")
    assert "0.500 kW" in text
    assert "fire brigade" in text
    assert "console/anna" in text
    assert "3.000 kWh" in text
    assert "has not been heard for too long" in next(line for line in lines if line.endswith("[H-HLD-05]"))
    assert "12.00 CHF" in text
    assert "5.01 CHF" in text
    assert text.index("H-1") < text.index("grace > limited")


def test_why_says_no_more_than_is_known() -> None:
    """I24: without a rule, a next step or a debt there is one sentence, and what pays prepaid credit is no arrears."""
    assert len(said(look.why, POOR)) == 1
    (_, prepaid) = said(look.why, msgspec.structs.replace(POOR, missing="5.01"))
    (_, postpaid) = said(look.why, msgspec.structs.replace(POOR, missing="5.01", owed="5.00"))
    assert prepaid != postpaid
    (_, uncoded) = said(look.why, msgspec.structs.replace(POOR, held_by="dwell"))
    assert not uncoded.endswith("]")


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        ({"not_before": "2026-03-03T08:00:00.000Z", "left_s": 60}, "Supply will be cut not before 2026-03-03 09:00"),
        ({"left_s": 7_200}, "2 h"),
        ({}, "Supply will be cut"),
    ],
)
def test_the_next_step_is_dated_only_where_somebody_can_know(ahead: dict[str, Any], told: str) -> None:
    """Decision 16, I7: an instant where the time is known, a span where it is not, and else that nobody knows."""
    line = said(look.why, msgspec.structs.replace(POOR, next_state="SUSPENDED", **ahead))[-1]
    assert told in line
    assert ("2026-03-03" in line) is ("not_before" in ahead)


def test_a_ledger_of_one_row_has_no_curve_and_an_empty_one_says_so() -> None:
    """S0-17: energy or the reference of the payment; older rows are named only where there are some."""
    assert said(look.ledger, books.Ledger("CH-1", "CHF", (), 0)) == ["No entries."]
    charge = books.EntryLine(8, AT, "consumption", "-1.00", "-0.05", used_wh=4_000)
    lines = said(look.ledger, books.Ledger("CH-1", "CHF", (charge,), 7))
    assert "4.000 kWh" in lines[1]
    assert lines[2:] == ["older ones: give 7 as the last word"]
    top_up = books.EntryLine(9, AT, "top_up", "20.00", "19.95", "t-77")
    lines = said(look.ledger, books.Ledger("CH-1", "CHF", (top_up, charge), 0))
    assert "t-77" in lines[1]
    assert lines[-1].startswith("balance: ")
    assert len(lines) == 4


def test_usage_is_as_wide_as_the_screen_and_says_what_is_estimated() -> None:
    """I5: every hour has its bar, on as many lines as it takes; an estimate is called one."""
    hours = tuple(range(100))
    lines = said(look.usage, books.Usage("CH-1", AT, hours, 4_950, 400, estimated=True))
    assert [len(line.strip()) for line in lines[1:3]] == [76, 24]
    assert lines[3] == "in all 4.950 kWh; highest quarter-hour 0.400 kW"
    assert lines[4] == "some quarter-hours are estimated"
    assert len(said(look.usage, books.Usage("CH-1", AT, hours, 4_950, 400, estimated=False))) == 4


@pytest.mark.parametrize(("trust", "advised"), [("AUTHENTICATED", False), ("UNKNOWN", True)])
def test_a_proven_clock_needs_no_advice(trust: str, *, advised: bool) -> None:
    """Decision 16: only a time that is not proven says what to do about it; no battery clock is said to be none."""
    lines = said(look.clock, diagnosis.ClockShown(AT, trust, AT, 90, kernel_synchronised=not advised, rtc=""))
    assert ("Only a signed answer" in lines[-1]) is advised
    assert value(lines, "battery clock") == "none"
    assert value(lines, "kernel synchronised") == ("no" if advised else "yes")
    rtc = said(look.clock, diagnosis.ClockShown(AT, trust, AT, 90, kernel_synchronised=True, rtc=AT))
    assert value(rtc, "battery clock") == "2026-03-02 09:00"


def test_a_link_that_stands_gives_no_reason() -> None:
    """Threat 19: connected or not, and why not, in the link's own words."""
    there = diagnosis.NetworkShown(
        "broker:8883", True, True, "", 0, 0, (diagnosis.ContactLine("CH-1", 60),),
        (diagnosis.StepLine("tls", True, "TLSv1.3", 9),),
    )  # fmt: skip
    lines = said(look.network, there)
    assert lines[0] == "Connected to broker:8883."
    assert lines[1].startswith("  ok  ")
    assert lines[-1].startswith("CH-1: the head-end was heard ")
    away = said(look.network, msgspec.structs.replace(there, connected=False, away="refused"))
    assert away[1] == "The link says: refused"


def test_a_site_where_all_is_well_says_so_in_one_line() -> None:
    """S0-16: nothing to look at is said, not left to be guessed; a silent meter says since when."""
    point = status.PointStatus(
        "m1", "rs485-1", 10, silent=False, seen_s=3, power_w=420, switch=SwitchState.CONNECTED, account="CH-1",
        state="NORMAL", balance="20.00", currency="CHF", days_left=9,
    )  # fmt: skip
    well = status.Status("gw-1", "9.9", AT, "AUTHENTICATED", 90, True, 0, 0, (point,), ())
    lines = said(look.status, well)
    assert lines[1].startswith("head-end connected")
    assert "20.00 CHF (~9 d)" in lines[4]
    assert lines[-1] == "Nothing needs a look."
    notes = (status.Attention("A-1", "meter_silent", "m1", fact="90"), status.Attention("A-2", "meter_silent", "m1"))
    lines = said(look.status, msgspec.structs.replace(well, attention=notes))
    assert lines[-2:] == [
        "A-1  m1: the meter does not answer (last heard: 1 min 30 s)",
        "A-2  m1: the meter does not answer (last heard: never)",
    ]


def test_a_trial_that_failed_says_which_way_and_what_the_device_said() -> None:
    """I12: an opening or closing that was not read back is never called done."""
    lines = said(wires.tried, meters.Tried("m1", 300, None, "DeviceRefuses: busy"))
    assert lines[0] == "Opened, read back after 300 ms."
    assert lines[1].startswith("! NOT confirmed as closed")
    assert lines[2] == "The device said: DeviceRefuses: busy"
    assert said(wires.tried, meters.Tried("m1", None, 900, ""))[0] == "! NOT confirmed as open."


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (FrameLine(1, 1_500, True, "01 04", 1, 4, 0, 2), "  1.500 > u1 FC04 @0 x2 [01 04]"),
        (FrameLine(2, 1_600, False, "ff", fault="crc"), "  1.600 < !{fault} [ff]"),
        (FrameLine(3, 1_700, False, "01 84 02", 1, 4, refusal="2"), "  1.700 < u1 FC04 refused: 2 [01 84 02]"),
    ],
)
def test_a_frame_says_what_is_known_of_it(frame: FrameLine, told: str) -> None:
    """Threat 16: noise on the line is shown with its fault, a refusal with its reason, and no field is made up."""
    said_of_it = wires.frame_line(msgspec.to_builtins(frame), Words(load("en")))
    fault = load("en").text("wires.fault.crc")
    assert fault != "wires.fault.crc"
    assert said_of_it == told.format(fault=fault)


class Walk:
    """A `Talk` at a bus: answers in their order, a key after so many looks."""

    def __init__(self, answers: list[Data], looks: int = 99) -> None:
        self.say = Words(load("en"))
        self.lines: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self._answers, self._looks = answers, looks

    def ask(self, _do: str, **args: Any) -> Data:
        """What the daemon says next."""
        self.asked.append(args)
        return self._answers.pop(0)

    def show(self, lines: Any) -> None:
        """What is on the screen."""
        self.lines += lines

    def key(self, _seconds: float) -> bytes:
        """Nothing until the last look."""
        self._looks -= 1
        return b"" if self._looks >= 0 else b" "


def test_a_scan_goes_to_the_end_of_the_bus() -> None:
    """I20: pieces of a bounded size, until the daemon says there is no next unit; how many answered stands last."""
    talk: Any = Walk([{"found": [{"unit": 3, "meter": ""}], "next_unit": 9}, {"found": [], "next_unit": 0}])
    wires.scan(talk, {"bus": "rs485-1"})
    assert talk.asked == [{"bus": "rs485-1", "unit": 1}, {"bus": "rs485-1", "unit": 9}]
    assert talk.lines == ["unit 3 answers: nobody's by the configuration", "Done: 1 unit(s) answered."]


def test_a_sniffer_goes_on_where_it_was_until_a_key() -> None:
    """I20: each frame is shown once, and only what came since the last look is asked for."""
    frame = msgspec.to_builtins(FrameLine(7, 100, True, "01"))
    talk: Any = Walk([{"frames": [frame], "last": 7}, {"frames": [], "last": 7}], looks=1)
    wires.sniff(talk, {})
    assert [args["after"] for args in talk.asked] == [0, 7]
    assert len(talk.lines) == 2


def test_a_unit_that_nothing_fits_is_said_to_be_unknown() -> None:
    """Decision 6: a poor fit is no model: what to do is said instead of a name to rely on."""
    poor = {"score": 40, "model": "x", "description": "y", "believed": 2, "asked": 5, "word_order": "big"}
    for fits in ([poor], []):
        talk: Any = Walk([{"fits": fits, "next_model": 0}])
        wires.identify(talk, {"bus": "rs485-1", "unit": "7"})
        assert talk.lines[-1].startswith("No model fits well.")
