"""Switching the gateway off, hiding the time, a lazy meter: none of it makes energy free or charges it twice."""

from __future__ import annotations

import random

import pytest

from gateway.prepayment.events import Restarted, TimeTrust
from gateway.prepayment.ledger import Entry, EntryKind, Happening
from gateway.prepayment.register import CONFIRMATIONS, CaseKind
from gateway.prepayment.supply import SupplyState

from .worlds import DAY_MS, HOUR_MS, NANO, World, opened, policy, tariff, world


def _pass(w: World, ms: int) -> None:
    w.running_ms += ms
    w.utc_ms += ms


def _off(w: World, ms: int, used_wh: int) -> None:
    """The gateway is off while the customer uses energy; then it reads again."""
    w.utc_ms += ms
    w.register_wh += used_wh
    w.post(Restarted(w.now()))
    for _ in range(CONFIRMATIONS):
        _pass(w, 1_000)
        w.read()


@pytest.mark.parametrize("cycles", [1, 2, 40])
def test_switching_off_again_and_again_without_time_makes_nothing_free(cycles: int) -> None:
    """Threat 24: with the aerial pulled, each power cycle left its energy to a person; now the time settles all."""
    w = world(900 * NANO)
    w.use(1_000)
    w.trust = TimeTrust.UNKNOWN
    for _ in range(cycles):
        _off(w, 10 * HOUR_MS, 20_000)
        w.use(100)
    assert w.account.usage.wh == 1_000 + 100 * cycles
    assert len(w.account.register.cases) == 1
    w.trust = TimeTrust.SYNCHRONISED
    _pass(w, 1_000)
    w.read()
    assert w.account.usage.wh == w.register_wh == 1_000 + 20_100 * cycles
    assert not w.account.register.cases


def test_the_time_coming_back_with_the_gateway_settles_at_once() -> None:
    """Threat 24: the last reading before had no date, the first one after has: the time off still bounds the energy."""
    w = world(900 * NANO)
    w.trust = TimeTrust.RESTORED
    w.use(1_000)
    w.trust = TimeTrust.AUTHENTICATED
    _off(w, 10 * HOUR_MS, 20_000)
    assert w.account.usage.wh == 21_000


def test_running_time_in_between_explains_no_energy() -> None:
    """I6: a month of observed time since the last date is no excuse for a jump over a minute's absence."""
    w = world(900 * NANO)
    w.trust = TimeTrust.UNKNOWN
    w.use(1_000, 30 * 24, poll_ms=HOUR_MS)
    _off(w, 60_000, 400_000)
    w.trust = TimeTrust.SYNCHRONISED
    _pass(w, 1_000)
    w.read()
    assert w.account.usage.wh == 1_000
    assert [(case.kind, case.wh) for case in w.account.register.cases] == [(CaseKind.DISCONTINUITY, 400_000)]


def test_a_meter_that_renews_its_register_once_a_minute_is_charged_for_all_of_it() -> None:
    """I6: 3 kW on a meter that refreshes each minute, polled each second, is consumption and no discontinuity."""
    w = world()
    for second in range(1, 1_801):
        _pass(w, 1_000)
        w.register_wh = second // 60 * 50
        w.read()
    assert w.account.usage.wh == 1_500
    assert not [record for record in w.records if isinstance(record, Happening)]


def test_a_register_that_stood_still_all_night_explains_only_a_minute() -> None:
    """Decision 6: a glitch in the morning is not excused by a quiet night."""
    w = world()
    for _ in range(8 * 60):
        _pass(w, 60_000)
        w.read()
    _pass(w, 1_000)
    w.register_wh += 1_000
    w.read()
    assert w.account.usage.wh == 0
    assert not w.account.register.trusted


@pytest.mark.parametrize("seed", range(30))
def test_every_charge_adds_up_to_its_registers(seed: int) -> None:
    """I5: through absences, jumps, resets and wraps, the Wh of a row are its registers' difference; ranges join up.

    What lies between two rows is a discontinuity on record; a case charged later names itself.
    """
    chance = random.Random(seed)
    w = World(opened(2_000 * NANO, register_wh=0))
    w.read()
    gaps: dict[int, int] = {}
    for _ in range(80):
        dice = chance.random()
        if dice < 0.7:
            ms = chance.choice([1_000, 60_000, 900_000, DAY_MS // 8])
            _pass(w, ms)
            w.register_wh += chance.randint(0, 13_800 * ms // HOUR_MS)
        elif dice < 0.8:
            hours = chance.randint(1, 20)
            _off(w, hours * HOUR_MS, chance.randint(0, 9_000 * hours))
        elif dice < 0.9:
            w.trust = chance.choice([TimeTrust.AUTHENTICATED, TimeTrust.UNKNOWN])
        else:
            w.register_wh += chance.choice([-50, 400_000])
        w.read()
    for record in w.records:
        if isinstance(record, Happening) and record.what in ("register.discontinuity", "register.unobserved"):
            detail = dict(record.detail)
            gaps.setdefault(int(detail["from_wh"]), int(detail["to_wh"]))
    charges = [record for record in w.records if isinstance(record, Entry) and record.kind is EntryKind.CHARGE]
    assert len(charges) > 1
    reached = 0
    for charge in charges:
        assert charge.from_register_wh is not None
        assert charge.to_register_wh is not None
        used_wh = sum(line.wh for line in charge.lines if line.component == "energy")
        if charge.reference:
            assert charge.reference.startswith("case:")
            assert used_wh <= charge.to_register_wh - charge.from_register_wh
            continue
        assert used_wh == charge.to_register_wh - charge.from_register_wh
        steps = 0
        while reached != charge.from_register_wh and steps < len(gaps):
            reached, steps = gaps.get(reached, reached), steps + 1
        assert reached == charge.from_register_wh
        reached = charge.to_register_wh


@pytest.mark.parametrize(("state", "wh"), [(SupplyState.GRACE, 8_000), (SupplyState.LIMITED, 70_000)])
def test_standing_charge_made_up_for_cuts_nobody_off_in_the_same_breath(state: SupplyState, wh: int) -> None:
    """Reliability 2: a month without time is booked at once, and told; what follows from it waits for that notice."""
    w = world(
        NANO,
        policy=policy(limit_debt_cap_nano=25 * NANO, max_offline_ms=90 * DAY_MS),
        tariff=tariff(standing_nano_per_day=NANO // 2),
    )
    w.use(wh, 80)
    assert w.account.supply.state is state
    w.trust = TimeTrust.UNKNOWN
    w.use(0, 31 * 24, poll_ms=HOUR_MS)
    w.trust = TimeTrust.AUTHENTICATED
    told = len(w.notices())
    w.use(0, 20)
    assert w.account.balance_nano < (-15 if state is SupplyState.GRACE else -25) * NANO, "over the cap"
    assert w.account.supply.state is state
    assert len(w.notices()) == told + 1
    w.use(0, 5)
    assert w.account.supply.state is not state


def test_hiding_the_time_again_and_again_puts_nothing_off() -> None:
    """Threat 24: two days without the aerial, an hour with it, and so on: the rung comes at the second return."""
    w = world(NANO, tariff=tariff(standing_nano_per_day=NANO // 100))
    w.use(8_000, 80)
    returns = 0
    while w.account.supply.state is SupplyState.GRACE and returns < 10:
        w.trust = TimeTrust.UNKNOWN
        w.use(1_000, 50, contact=False)
        w.trust = TimeTrust.AUTHENTICATED
        w.use(10, 1)
        returns += 1
    assert w.account.supply.state is SupplyState.LIMITED
    assert returns == 2
