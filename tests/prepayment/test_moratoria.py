"""Frost and heat: seasons in which nobody is limited or cut (requirements 2.2, 3.4), in the rules and on the ladder."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.prepayment import civil
from gateway.prepayment.agreement import open_account
from gateway.prepayment.calendar import Calendar, CalendarNotCovered, Moratorium, next_slot_utc_ms, slot_open
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import AccountOpened, PolicySet
from gateway.prepayment.ladder import Guard, situation_of, slot_left_ms
from gateway.prepayment.ledger import Happening, Verdict
from gateway.prepayment.legal import first_instant_ms
from gateway.prepayment.policy import Slots
from gateway.prepayment.supply import Commodity, SupplyState, SwitchState
from tests.prepayment.worlds import DAY_MS, NANO, TERMS, World, at, opened, policy, tariff

ZONE = "Europe/Zurich"
FROST = Moratorium(
    "frost",
    (Commodity.ELECTRICITY, Commodity.GAS),
    (2025, 2026),
    (("2025-11-01", "2026-03-31"), ("2026-11-01", "2027-03-31")),
)
HEAT = Moratorium("heat", (Commodity.ELECTRICITY,), (2025, 2026), (("2026-07-10", "2026-07-10"),))
CALENDAR = Calendar("test", tuple(range(2020, 2041)), frozenset({"2026-04-01"}), (FROST, HEAT))
SLOTS = Slots(closed_on_holidays=True, from_minute=480, to_minute=900, moratoria=("frost", "heat"))


def ms(text: str, minute: int = 600) -> int:
    """A UTC instant of a local day and minute."""
    return civil.utc_ms_at(date.fromisoformat(text), minute, ZONE)


@pytest.mark.parametrize(
    ("day", "in_force"),
    [("2025-10-31", False), ("2025-11-01", True), ("2026-01-15", True), ("2026-03-31", True), ("2026-04-01", False)],
)
def test_a_season_includes_its_first_and_its_last_day(day: str, in_force: bool) -> None:
    """Requirements 2.2: a winter reaches over the end of the year, and both of its ends belong to it."""
    assert FROST.in_force(date.fromisoformat(day)) is in_force
    assert slot_open(SLOTS, ms(day), ZONE, replace(CALENDAR, holidays=frozenset())) is not in_force


def test_the_next_slot_comes_after_the_season() -> None:
    """Requirements 2.2: a slot blocked by frost names the first opening: here 1 April is also a holiday."""
    assert next_slot_utc_ms(SLOTS, ms("2026-01-15"), ZONE, CALENDAR) == ms("2026-04-02", 480)


def test_a_season_protects_its_commodities_only() -> None:
    """Requirements 3.4: heat is about electricity; who asks for none in particular gets the stricter answer."""
    hot = ms("2026-07-10")
    assert not slot_open(SLOTS, hot, ZONE, CALENDAR, Commodity.ELECTRICITY)
    assert slot_open(SLOTS, hot, ZONE, CALENDAR, Commodity.GAS)
    assert not slot_open(SLOTS, hot, ZONE, CALENDAR)
    assert next_slot_utc_ms(SLOTS, hot, ZONE, CALENDAR, Commodity.GAS) == hot
    assert next_slot_utc_ms(SLOTS, hot, ZONE, CALENDAR, Commodity.ELECTRICITY) == ms("2026-07-11", 480)


def test_only_what_the_policy_names_counts() -> None:
    """A moratorium that lies in the folder and is not named by the slots blocks nobody."""
    assert slot_open(replace(SLOTS, moratoria=("heat",)), ms("2026-01-15"), ZONE, CALENDAR)


def test_a_season_nobody_has_written_down_is_no_guess() -> None:
    """Requirements 4.4: past its years, or unknown altogether, the question is refused, and so is the escalation."""
    with pytest.raises(CalendarNotCovered, match=r"^moratorium frost does not cover 2027$"):
        slot_open(SLOTS, ms("2027-05-03"), ZONE, CALENDAR)
    with pytest.raises(CalendarNotCovered, match=r"^moratorium flood does not cover 2026$") as caught:
        slot_open(replace(SLOTS, moratoria=("flood",)), ms("2026-05-04"), ZONE, CALENDAR)
    assert (caught.value.name, caught.value.year) == ("flood", 2026)
    with pytest.raises(CalendarNotCovered, match="frost does not cover 2027"):
        next_slot_utc_ms(replace(SLOTS, moratoria=("frost",)), ms("2026-12-30"), ZONE, CALENDAR)


def world(**slots: object) -> World:
    """An account in debt from 2 March 2026 on, with moratoria known to its gateway."""
    made = policy(slots=replace(SLOTS, **slots))  # type: ignore[arg-type]
    account = replace(opened(0), policy=made)
    w = World(account, terms=replace(TERMS, calendars={"test": CALENDAR}))
    w.use(1_000)
    return w


def test_what_waits_for_a_slot_is_told_the_first_one() -> None:
    """I24: on record as `slot_blocked` with the first slot; where none can be known, with the reason alone."""
    w = world()
    w.use(0, 24 * 5, poll_ms=600_000)
    held = [record.detail for record in w.records if isinstance(record, Happening)]
    assert held == [(("reason", "slot_blocked"), ("next_slot_utc_ms", ms("2026-04-02", 480)))]
    unknown = world(moratoria=("flood",))
    unknown.use(0, 24 * 5, poll_ms=600_000)
    held = [record.detail for record in unknown.records if isinstance(record, Happening)]
    assert held == [(("reason", "slot_blocked"),)]


def test_an_order_is_told_the_slot_of_its_own_commodity() -> None:
    """S1-10: a heat wave for electricity is no obstacle for gas, whoever asks for the first instant."""
    w = world()
    day = date(2026, 7, 10)
    told = {
        commodity: first_instant_ms(replace(w.account, commodity=commodity), day, w.terms, w.now())
        for commodity in Commodity
    }
    assert told == {Commodity.GAS: ms("2026-07-10", 480), Commodity.ELECTRICITY: ms("2026-07-11", 480)}


def test_nobody_is_limited_in_frost() -> None:
    """S1-11, I8: grace is over on 5 March, power is limited on 2 April at 08:00 and not a minute before."""
    w = world()
    w.use(0, 24 * 5, poll_ms=600_000)
    assert (w.account.supply.state, w.account.supply.held_by) == (SupplyState.GRACE, Guard.SLOT)
    left_ms = slot_left_ms(situation_of(w.account, w.terms, w.now()))
    assert left_ms == ms("2026-04-02", 480) - w.utc_ms
    w.use(0, (left_ms - 1) / 3_600_000, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.GRACE
    w.use(0, 0.5, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.LIMITED


def test_heat_that_protects_electricity_limits_no_gas_later() -> None:
    """S1-10: the account's own commodity decides; gas has no limited power and is shut off in a heat wave."""
    hot = replace(CALENDAR, moratoria=(replace(HEAT, periods=(("2026-03-01", "2026-05-31"),)),))
    for commodity, state in ((Commodity.GAS, SupplyState.SUSPENDED), (Commodity.ELECTRICITY, SupplyState.GRACE)):
        w = world(moratoria=("heat",))
        w.terms = replace(TERMS, calendars={"test": hot}, can_limit=False)
        w.account = replace(w.account, commodity=commodity)
        assert (slot_left_ms(situation_of(w.account, w.terms, w.now())) == 0) is (commodity is Commodity.GAS)
        w.use(0, 24 * 4, poll_ms=600_000)
        assert w.account.supply.state is state


def test_power_comes_back_in_frost_as_at_any_time() -> None:
    """S0-20, I10: a moratorium holds up what is worse, never what is better."""
    w = world(moratoria=())
    w.use(0, 24 * 20, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.SUSPENDED
    w.account = replace(w.account, policy=replace(w.account.policy, slots=SLOTS))
    w.top_up(30 * NANO)
    assert w.account.supply.state is SupplyState.NORMAL
    assert control(w.account, w.terms).switch is SwitchState.CONNECTED


@pytest.mark.parametrize("slots", [{"moratoria": ("flood",)}, {"moratoria": ("heat",), "closed_on_holidays": False}])
def test_an_unknown_season_holds_everything_back(slots: dict[str, object]) -> None:
    """Requirements 4.4: a file that is gone, or does not cover the year, cuts nobody."""
    w = world(**slots)
    if slots["moratoria"] == ("heat",):
        w.terms = replace(TERMS, calendars={"test": replace(CALENDAR, moratoria=(replace(HEAT, years=(2025,)),))})
    w.use(0, 24 * 10, poll_ms=600_000)
    assert (w.account.supply.state, w.account.supply.held_by) == (SupplyState.GRACE, Guard.SLOT)
    assert slot_left_ms(situation_of(w.account, w.terms, w.now())) is None


def test_a_policy_that_names_an_unknown_season_is_refused() -> None:
    """I21: by command as in a file, with the name of what is missing, and nothing changed."""
    w = World(opened(), terms=replace(TERMS, calendars={"test": CALENDAR}))
    before = w.account
    wrong = policy(version=2, slots=replace(SLOTS, moratoria=("frost", "flood")))
    verdict = w.post(PolicySet(w.now(), "p-1", wrong)).verdict
    assert verdict is not None
    assert (verdict.reason, verdict.detail) == ("unknown_moratorium", (("moratorium", "flood"),))
    assert w.account.policy == before.policy
    opening = AccountOpened(at(), "o", "CH-1", "m1", "CHF", 3_000, wrong, tariff())
    refusal = open_account(opening, w.terms)
    assert isinstance(refusal, Verdict)
    assert refusal.reason == "unknown_moratorium"
    right = policy(version=2, slots=replace(SLOTS, moratoria=("heat", "frost")))
    w.post(PolicySet(w.now(), "p-2", right))
    assert w.account.policy == right


def test_a_season_shorter_than_a_term_moves_nothing_else() -> None:
    """Requirements 2.2: terms run on in a moratorium, only the doing waits: limited on 2 April, cut ten days later."""
    w = world()
    w.use(0, 24 * 45, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.SUSPENDED
    assert w.account.supply.since.utc_ms == pytest.approx(ms("2026-04-13", 480), abs=DAY_MS // 24)
