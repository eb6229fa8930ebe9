"""Two truths that cannot both be right: numbers given twice, numbers out of this world, holds in each other's way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.credit import SEQUENCE_STEPS_MAX
from gateway.prepayment.events import (
    AccountClosed,
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutSet,
    Restarted,
    TariffSet,
    TopUp,
    TopUpReversal,
)
from gateway.prepayment.ledger import Verdict, VerdictStatus
from gateway.prepayment.protection import HOLDS_MAX
from gateway.prepayment.register import CONFIRMATIONS
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.tariff import Price

from .worlds import DAY_MS, HOUR_MS, NANO, World, tariff, world


def _top_up(w: World, number: int, paid_nano: int, lifetime_nano: int) -> Verdict:
    event = TopUp(w.now(), f"t-{number}-{lifetime_nano}", number, paid_nano, lifetime_nano, "CHF", "counter")
    verdict = w.post(event).verdict
    assert verdict is not None
    return verdict


def _hold(w: World, hold_id: str, kind: HoldKind, until_utc_ms: int | None = None) -> Verdict:
    verdict = w.post(HoldSet(w.now(), "x", hold_id, kind, until_utc_ms)).verdict
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    ("number", "paid", "lifetime"),
    [
        (2, 30, 40),  # counter and web both took number 2; the web's 20 came first
        (2, 5, 15),
        (1, 10, 30),
        (1, 35, 35),
    ],
)
def test_already_included_is_never_said_of_money_that_is_not_there(number: int, paid: int, lifetime: int) -> None:
    """I3, I4: a number given twice for different money is refused: "already included" would lose the second top-up."""
    w = world(0)
    _top_up(w, 1, 10 * NANO, 10 * NANO)
    _top_up(w, 2, 20 * NANO, 30 * NANO)
    verdict = _top_up(w, number, paid * NANO, lifetime * NANO)
    assert (verdict.status, verdict.reason) == (VerdictStatus.REFUSED, "total_mismatch")
    assert dict(verdict.detail)["last_sequence"] == 2
    assert w.account.balance_nano == 30 * NANO


def test_a_reversal_number_given_twice_is_refused_too() -> None:
    """I3: what is said of a reversal is as true as what is said of a top-up."""
    w = world(0)
    _top_up(w, 1, 50 * NANO, 50 * NANO)
    event = TopUpReversal(w.now(), "r-1", 1, 4 * NANO, 4 * NANO, "CHF", "chargeback")
    w.post(event)
    other = w.post(replace(event, command_id="r-2", amount_nano=9 * NANO, total_nano=9 * NANO)).verdict
    assert other is not None
    assert other.reason == "total_mismatch"
    assert w.account.balance_nano == 46 * NANO


def test_a_number_out_of_this_world_does_not_use_up_all_numbers() -> None:
    """I3: one top-up numbered 2**53-1 would make every later one "already included" and its cap unlimited."""
    w = world(0)
    verdict = _top_up(w, 2**53 - 1, 900 * NANO, 900 * NANO)
    assert (verdict.status, verdict.reason) == (VerdictStatus.REFUSED, "sequence_gap")
    assert _top_up(w, SEQUENCE_STEPS_MAX + 1, 5 * NANO, 5 * NANO).reason == "sequence_gap"
    assert _top_up(w, SEQUENCE_STEPS_MAX, 5 * NANO, 5 * NANO).status is VerdictStatus.APPLIED
    assert _top_up(w, SEQUENCE_STEPS_MAX + 1, 5 * NANO, 10 * NANO).status is VerdictStatus.APPLIED


def test_old_holds_leave_room_for_life_support() -> None:
    """Decision 11: sixteen holds that are over must not keep a patient's hold out."""
    w = world()
    for number in range(HOLDS_MAX):
        _hold(w, f"h{number}", HoldKind.DISPUTE, w.utc_ms + HOUR_MS)
    w.use(10, 2)
    assert _hold(w, "care", HoldKind.LIFE_SUPPORT).status is VerdictStatus.APPLIED
    assert [hold.hold_id for hold in w.account.holds] == ["care"]


def test_a_full_list_of_other_holds_gives_way_to_life_support() -> None:
    """Decision 11: the bound is for memory; it never keeps a protective hold out while a weaker one takes the room."""
    w = world()
    for number in range(HOLDS_MAX):
        _hold(w, f"h{number}", HoldKind.COMPLAINT)
    assert _hold(w, "another", HoldKind.COMPLAINT).reason == "too_many_holds"
    assert _hold(w, "care", HoldKind.LIFE_SUPPORT).status is VerdictStatus.APPLIED
    assert len(w.account.holds) == HOLDS_MAX + 1


@pytest.mark.parametrize(
    ("kind", "until_ms"), [(HoldKind.DISPUTE, None), (HoldKind.LIFE_SUPPORT, HOUR_MS), (HoldKind.COMPLAINT, HOUR_MS)]
)
def test_setting_a_hold_again_cannot_weaken_it(kind: HoldKind, until_ms: int | None) -> None:
    """Decision 17: hold_set needs no fresh proof, so it only ever helps; taking away is hold_release."""
    w = world()
    _hold(w, "care", HoldKind.LIFE_SUPPORT, w.utc_ms + 2 * HOUR_MS)
    assert _hold(w, "care", kind, None if until_ms is None else w.utc_ms + until_ms).reason == "hold_exists"
    assert w.account.holds[0].kind is HoldKind.LIFE_SUPPORT
    assert _hold(w, "care", HoldKind.LIFE_SUPPORT, w.utc_ms + 9 * HOUR_MS).status is VerdictStatus.APPLIED
    assert _hold(w, "care", HoldKind.LIFE_SUPPORT).status is VerdictStatus.APPLIED
    w.post(HoldReleased(w.now(), "x", "care"))
    assert _hold(w, "care", kind).status is VerdictStatus.APPLIED


def test_a_protection_that_is_over_does_not_keep_a_contract_alive() -> None:
    """S1-15: closing looks at the holds in force, as the ladder does."""
    w = world()
    _hold(w, "care", HoldKind.LIFE_SUPPORT, w.utc_ms + HOUR_MS)
    w.use(10, 2)
    w.post(AccountClosed(w.now(), "c", "moved out"))
    assert w.account.supply.state is SupplyState.TERMINATED


@pytest.mark.parametrize("valid_to", [None, "2026-03-31"])
def test_another_product_from_the_same_day_on_is_the_one_that_counts(valid_to: str | None) -> None:
    """S0-08: what was answered `applied` is used, whatever the version number of the product it replaces."""
    w = world(100 * NANO, tariff=tariff(version=3, valid_from="2026-03-02", valid_to=valid_to))
    other = tariff(tariff_id="other", valid_from="2026-03-02", prices=(Price(0, "all", 500_000),))
    verdict = w.post(TariffSet(w.now(), "x", other)).verdict
    assert verdict is not None
    assert verdict.status is VerdictStatus.APPLIED
    w.use(1_000)
    assert w.account.usage.charge_total_nano == 1_000 * 500_000


def test_energy_not_read_yet_keeps_the_price_of_its_day() -> None:
    """Decision 5: a tariff set before the first reading after an absence changes nothing of what the absence costs."""
    costs = []
    for announced in (False, True):
        w = world(500 * NANO)
        dearer = tariff(version=2, valid_from="2026-03-05", prices=(Price(0, "all", 500_000),))
        w.account = replace(w.account, tariffs=(tariff(valid_to="2026-03-04"), dearer))
        w.utc_ms += 6 * DAY_MS
        w.register_wh += 9_000
        w.post(Restarted(w.now()))
        if announced:
            w.post(TariffSet(w.now(), "x", tariff(version=3, valid_from="2026-04-01")))
            assert len(w.account.tariffs) == 3
        for _ in range(CONFIRMATIONS):
            w.running_ms += 1_000
            w.utc_ms += 1_000
            w.read()
        costs.append(w.account.usage.charge_total_nano)
    assert costs[0] == costs[1] > 0


def test_a_second_lock_out_does_not_take_the_place_of_the_first() -> None:
    """Decision 13: there is one lock-out; whoever comes second is told by whom it is, and its release ends no other."""
    w = world()
    applied = Verdict(VerdictStatus.APPLIED, "", (("lockout", "fire brigade"),))
    assert w.post(LockoutSet(w.now(), "x", "fire brigade")).verdict == applied
    second = w.post(LockoutSet(w.now(), "y", "meter change")).verdict
    assert second == Verdict(VerdictStatus.REFUSED, "locked_out", (("by", "fire brigade"),))
    assert w.post(LockoutSet(w.now(), "z", "fire brigade")).verdict == applied
    assert w.account.lockout == "fire brigade"
