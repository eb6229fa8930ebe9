"""Another meter: what the old one counted last and the new one first is charged, all of it and once."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prepayment.certificate import Certificate
from gateway.prepayment.events import MeterEvent, Reading, Restarted
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Verdict, VerdictStatus
from gateway.prepayment.operations import MeterReplaced
from tests.prepayment.worlds import HOUR_MS, NANO, TERMS, World, opened

APPLIED, REFUSED = VerdictStatus.APPLIED, VerdictStatus.REFUSED
PRICE_NANO = 250_000


def report(world: World, **changes: Any) -> MeterReplaced:
    """The technician's report of a change from S-1 at the register now to S-2 at 7 Wh."""
    made = MeterReplaced(
        world.now(), "r-1", "S-1", world.register_wh, "S-2", 7, "E-D", "M. R.", "sheet 4", "age", "case 7"
    )
    return replace(made, **changes)


def hung(register_wh: int = 0) -> World:
    """An account bound to meter S-1, with an hour of consumption."""
    world = World(opened(meter_serial="S-1", register_wh=register_wh), register_wh=register_wh)
    world.read(serial="S-1")
    for _ in range(12):
        world.running_ms += 300_000
        world.utc_ms += 300_000
        world.register_wh += 100
        world.read(serial="S-1")
    return world


def verdict(world: World, request: MeterReplaced) -> Verdict:
    """What the account says to it."""
    answer = world.post(request).verdict
    assert answer is not None
    return answer


def charges(world: World) -> list[Entry]:
    """The charges on record, oldest first."""
    return [record for record in world.records if isinstance(record, Entry) and record.kind is EntryKind.CHARGE]


def test_the_consumption_across_the_change() -> None:
    """S4-09: (old_end - last) + (new_now - new_start), to the Wh, each part with its own registers."""
    world = hung()
    assert verdict(world, report(world, old_end_wh=1_230, new_start_wh=50)).status is APPLIED
    assert (world.account.usage.wh, world.account.meter_serial) == (1_230, "S-2")
    world.running_ms += 300_000
    world.utc_ms += 300_000
    world.register_wh = 120
    world.read(serial="S-2")
    assert world.account.usage.wh == 1_230 + 70
    world.top_up(NANO)
    old, across, new = charges(world)
    assert (old.from_register_wh, old.to_register_wh) == (0, 1_200)
    assert (across.from_register_wh, across.to_register_wh, across.amount_nano) == (1_200, 1_230, -30 * PRICE_NANO)
    assert (new.from_register_wh, new.to_register_wh, new.amount_nano) == (50, 120, -70 * PRICE_NANO)


def test_both_meters_are_certified_and_the_report_is_on_record() -> None:
    """S4-09, S2-21: serials, registers, company, technician, consent and case, in one event and two certificates."""
    world = hung()
    world.post(report(world, old_end_wh=1_230))
    rows = [record for record in world.records if isinstance(record, Certificate)]
    assert [(row.certificate_id, row.meter_serial, row.import_wh, row.quality, row.reference) for row in rows] == [
        ("r-1.old", "S-1", 1_230, "declared", "case 7"),
        ("r-1.new", "S-2", 7, "declared", "case 7"),
    ]
    [told] = [record for record in world.records if isinstance(record, Happening) and record.what == "meter.replaced"]
    detail = dict(told.detail)
    assert (detail["company"], detail["technician"], detail["consent"], detail["case_id"], detail["charged_wh"]) == (
        "E-D", "M. R.", "sheet 4", "case 7", 30,
    )  # fmt: skip


def test_the_command_hours_after_the_change() -> None:
    """S4-09: the new meter's readings are foreign until the report comes; then all it counted is charged."""
    world = hung()
    for _ in range(24):
        world.running_ms += 300_000
        world.utc_ms += 300_000
        world.register_wh = world.register_wh + 100 if world.register_wh < 1_200 else 7
        world.read(serial="S-2")
    assert (world.account.usage.wh, world.account.register.trouble) == (1_200, "serial")
    world.post(report(world, old_end_wh=1_210))
    world.register_wh = 2_007
    world.read(serial="S-2")
    assert (world.account.usage.wh, world.account.register.cases) == (1_210 + 2_000, ())
    assert world.account.register.trusted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"consent": ""}, "no_consent"),
        ({"consent": "  "}, "no_consent"),
        ({"technician": ""}, "no_technician"),
        ({"old_serial": "S-9"}, "wrong_serial"),
        ({"new_serial": "S-1"}, "wrong_serial"),
        ({"old_end_wh": 1_199}, "implausible_register"),
        ({"old_end_wh": 0}, "implausible_register"),
        ({"old_end_wh": 1_200 + 100_000}, "implausible_register"),
        ({"old_export_end_wh": 4}, "implausible_register"),
    ],
)
def test_a_report_that_cannot_be_changes_nothing(changes: dict[str, Any], reason: str) -> None:
    """S2-21, S4-09: no consent, another serial, an end below the last reading or beyond rated power: refused."""
    world = hung()
    world.read(serial="S-1", export_wh=5)
    before = world.account
    answer = verdict(world, report(world, **changes))
    assert (answer.status, answer.reason) == (REFUSED, reason)
    assert world.account == before


def test_an_end_as_high_as_rated_power_allows() -> None:
    """I6: after two hours without a reading the old meter may have counted two hours of overload, no Wh more."""
    most_wh = 2 * 13_800 * 125 // 100 + 2 * 1_000
    for end_wh, status in ((1_200 + most_wh, APPLIED), (1_200 + most_wh + 1, REFUSED)):
        world = hung()
        world.running_ms += 2 * HOUR_MS
        world.utc_ms += 2 * HOUR_MS
        assert verdict(world, report(world, old_end_wh=end_wh)).status is status


def test_an_old_meter_that_had_wrapped() -> None:
    """Threat 14: the old register went past its end after the last reading; that is no lower value."""
    world = hung(register_wh=998_700)
    world.account = replace(world.account, wraps_at_wh=1_000_000)
    assert verdict(world, report(world, old_end_wh=50)).status is APPLIED
    assert world.account.usage.wh == 1_200 + 150
    assert world.account.wraps_at_wh is None


def test_a_meter_that_was_never_read() -> None:
    """S4-09: nothing is charged for the old one; the new one begins at its start."""
    world = World(opened(meter_serial="S-1", register_wh=None))
    assert verdict(world, report(world, old_end_wh=5_000, new_start_wh=0)).status is APPLIED
    world.running_ms += 300_000
    world.register_wh = 100
    world.read(serial="S-2")
    assert world.account.usage.wh == 100


def test_export_goes_on_from_the_new_meter() -> None:
    """S4-09: what both meters exported is in the curve, and no leap between them."""
    world = hung()
    world.read(serial="S-1", export_wh=5_000)
    world.post(report(world, old_export_end_wh=5_010, new_export_start_wh=100))
    world.running_ms += 1_000
    world.utc_ms += 1_000
    world.register_wh = 8
    world.read(serial="S-2", export_wh=130)
    assert world.account.intervals.open_export_wh == 10 + 30


@dataclass
class Hand:
    """Two meters, a technician, an office: what happened when, and what was truly used."""

    world: World
    serials: bool
    old_wh: int = 0
    new_wh: int = 0
    swapped: bool = False
    reported: bool = False
    truly_wh: int = 0
    end_wh: int = 0
    start_wh: int = 0
    refusals: list[str] = field(default_factory=list)

    def passes(self, minutes: int, wh: int) -> None:
        """Time passes and energy is used."""
        self.world.running_ms += minutes * 60_000
        self.world.utc_ms += minutes * 60_000
        self.truly_wh += wh
        if self.swapped:
            self.new_wh += wh
        else:
            self.old_wh += wh

    def reads(self) -> None:
        """One poll of the meter that hangs there."""
        register_wh, serial = (self.new_wh, "S-2") if self.swapped else (self.old_wh, "S-1")
        reading = Reading(self.world.now(), register_wh, serial=serial if self.serials else None)
        self.world.post(reading)

    def swaps(self, start_wh: int) -> None:
        """The technician hangs the new meter."""
        self.swapped, self.end_wh, self.new_wh, self.start_wh = True, self.old_wh, start_wh, start_wh

    def reports(self) -> None:
        """The command comes."""
        request = report(self.world, old_end_wh=self.end_wh, new_start_wh=self.start_wh)
        answer = verdict(self.world, request)
        self.reported = answer.status is APPLIED
        if not self.reported:
            self.refusals.append(answer.reason)


steps = st.lists(
    st.tuples(st.sampled_from(["read", "restart", "note"]), st.integers(1, 40), st.integers(0, 120)), max_size=8
)


@given(steps, steps, steps, st.sampled_from([0, 7, 250_000]), st.none() | st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_not_a_wh_lost_or_charged_twice(
    before: list[tuple[str, int, int]],
    between: list[tuple[str, int, int]],
    after: list[tuple[str, int, int]],
    start_wh: int,
    mistaken: int | None,
) -> None:
    """S4-09, I6: whatever the order of readings, restarts, the change and the command: charged = used, exactly.

    `mistaken`: the meters tell no serial number, and so many readings of the new one were taken for the old one's.
    """
    first_wh = 90_000
    world = World(opened(200 * NANO, meter_serial="S-1", register_wh=first_wh), TERMS)
    hand = Hand(world, mistaken is None, old_wh=first_wh)
    hand.passes(5, 0)
    hand.reads()

    def lives(story: list[tuple[str, int, int]]) -> None:
        for what, minutes, wh in story:
            hand.passes(minutes, wh)
            match what:
                case "read":
                    hand.reads()
                case "restart":
                    world.post(Restarted(world.now()))
                case _:
                    world.post(MeterEvent(world.now(), "meter.back"))

    lives(before)
    hand.swaps(start_wh)
    if mistaken is None:
        lives(between)
    for _ in range(mistaken or 0):
        hand.passes(1, 10)
        hand.reads()
    hand.reports()
    assert hand.refusals == []
    lives(after)
    for _ in range(4):
        hand.passes(1, 5)
        hand.reads()
    assert world.account.register.trusted
    assert world.account.register.cases == ()
    assert world.account.usage.wh == hand.truly_wh
    world.top_up(NANO)
    spans = [(entry.from_register_wh, entry.to_register_wh) for entry in charges(world)]
    assert len(set(spans)) == len(spans)
    assert -sum(entry.amount_nano for entry in charges(world)) == hand.truly_wh * PRICE_NANO


def test_the_serial_in_the_configuration_is_held_against_the_report() -> None:
    """S4-09, S2-28: a model that reports none still has a number on its label; after a change the new one counts."""
    world = World(opened(), terms=replace(TERMS, serial="S-1"))
    world.read()
    world.use(100)
    wrong = verdict(world, report(world, old_serial="S-9"))
    assert (wrong.reason, dict(wrong.detail)) == ("wrong_serial", {"expected": "S-1", "got": "S-9"})
    assert verdict(world, report(world)).reason == ""
    again = report(world, old_serial="S-2", old_end_wh=7, new_serial="S-3", command_id="r-2")
    assert verdict(world, again).reason == ""
