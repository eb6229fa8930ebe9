"""Contract power from an instant on: the old limit before it, the new one after it, both times on record."""

from typing import Any

import pytest

from gateway.prepayment.events import PowerSet, Tick, TimeTrust
from gateway.prepayment.ledger import Happening, Verdict, VerdictStatus
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, World, world

APPLIED, REFUSED = VerdictStatus.APPLIED, VerdictStatus.REFUSED


def order(place: World, power_w: int, from_utc_ms: int | None = None, command_id: str = "j-1") -> Verdict:
    """What the account says to another power."""
    answer = place.post(PowerSet(place.now(), command_id, power_w, from_utc_ms)).verdict
    assert answer is not None
    return answer


def later(place: World, ms: int) -> None:
    """Nothing but time."""
    place.running_ms += ms
    place.utc_ms += ms
    place.post(Tick(place.now()))


def done(place: World) -> list[dict[str, Any]]:
    """The changes of power on record."""
    return [dict(row.detail) for row in place.records if isinstance(row, Happening) and row.what == "power.set_done"]


def test_before_the_instant_the_old_power_after_it_the_new() -> None:
    """S2-06, S4-10: to the tick, with the instants it was received and carried out (S2-24)."""
    place = world()
    assert order(place, 4_500, MONDAY_MS + HOUR_MS).detail == (("due_utc_ms", MONDAY_MS + HOUR_MS),)
    later(place, HOUR_MS - 1)
    assert (place.account.contract_power_w, done(place)) == (3_000, [])
    later(place, 1)
    assert place.account.contract_power_w == 4_500
    assert done(place) == [
        {
            "command_id": "j-1", "received_utc_ms": MONDAY_MS, "executed_utc_ms": MONDAY_MS + HOUR_MS, "from_w": 3_000,
            "to_w": 4_500, "available_w": 4_950,
        }
    ]  # fmt: skip
    assert place.account.agenda.powers_due == ()


def test_at_once_is_on_record_too() -> None:
    """S2-24: received and carried out at the same instant."""
    place = world()
    assert order(place, 6_000).status is APPLIED
    assert [(row["received_utc_ms"], row["executed_utc_ms"]) for row in done(place)] == [(MONDAY_MS, MONDAY_MS)]


def test_a_reading_carries_it_out_as_well_as_a_tick() -> None:
    """S2-06: whatever comes first after the instant."""
    place = world()
    order(place, 4_500, MONDAY_MS + HOUR_MS)
    place.running_ms += HOUR_MS
    place.utc_ms += HOUR_MS
    place.read()
    assert place.account.contract_power_w == 4_500


def test_two_changes_in_the_order_of_their_instants() -> None:
    """S2-06: a gateway that was off over both ends with the later one, and both are on record."""
    place = world()
    order(place, 6_000, MONDAY_MS + 2 * HOUR_MS, "j-2")
    order(place, 4_500, MONDAY_MS + HOUR_MS)
    assert order(place, 5_000, MONDAY_MS + HOUR_MS, "j-3").reason == "already_due"
    later(place, 5 * HOUR_MS)
    assert (place.account.contract_power_w, [row["to_w"] for row in done(place)]) == (6_000, [4_500, 6_000])


def test_only_in_proven_time() -> None:
    """I16: a clock that is only claimed changes nobody's power."""
    place = world()
    order(place, 4_500, MONDAY_MS + HOUR_MS)
    place.trust = TimeTrust.SYNCHRONISED
    later(place, DAY_MS)
    assert place.account.contract_power_w == 3_000
    assert order(place, 4_500, MONDAY_MS + 3 * DAY_MS).reason == "clock_untrusted"
    place.trust = TimeTrust.AUTHENTICATED
    later(place, 1)
    assert place.account.contract_power_w == 4_500


@pytest.mark.parametrize(
    ("power_w", "from_utc_ms", "reason"),
    [
        (6_500, MONDAY_MS + HOUR_MS, "invalid_step"),
        (4_500, MONDAY_MS, "in_the_past"),
        (4_500, MONDAY_MS - DAY_MS, "in_the_past"),
        (4_500, MONDAY_MS + 401 * DAY_MS, "too_far_ahead"),
    ],
)
def test_what_cannot_be(power_w: int, from_utc_ms: int, reason: str) -> None:
    """S2-07: a step that does not exist, an instant gone by or too far ahead: a reason, nothing changed."""
    place = world()
    before = place.account
    answer = order(place, power_w, from_utc_ms)
    assert (answer.status, answer.reason, place.account) == (REFUSED, reason, before)


def test_what_waits_is_bounded() -> None:
    """I20: eight changes may wait."""
    place = world()
    answers = [order(place, 4_500, MONDAY_MS + (1 + number) * HOUR_MS).reason for number in range(9)]
    assert answers == [""] * 8 + ["too_many_due"]


@pytest.mark.parametrize("power_w", [500, 4_500, 6_000, 7_000, 10_000, 15_000, 20_000])
def test_the_steps_that_are_sold(power_w: int) -> None:
    """S2-07: 0.5 kW to 6, 1 kW to 10, 5 kW above."""
    assert order(world(), power_w).status is APPLIED


@pytest.mark.parametrize("power_w", [300, 6_500, 11_000, 12_500])
def test_the_steps_that_are_not(power_w: int) -> None:
    """S2-07: anything between them is refused."""
    assert order(world(), power_w).reason == "invalid_step"
