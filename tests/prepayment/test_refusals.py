"""What an account answers to a request, word for word, at the value where the answer changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from gateway.prepayment.account import Account, Start, Supply, Suspicion
from gateway.prepayment.agreement import open_account
from gateway.prepayment.credit import SEQUENCE_STEPS_MAX
from gateway.prepayment.ending import UNREAD
from gateway.prepayment.events import (
    AccountClosed,
    AccountOpened,
    Detail,
    Hold,
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    PolicySet,
    PowerSet,
    Reading,
    SuspicionCause,
    TimeTrust,
    TopUp,
    TopUpReversal,
)
from gateway.prepayment.intervals import IntervalState
from gateway.prepayment.ledger import Entry, EntryKind, Verdict, VerdictStatus
from gateway.prepayment.power import POWER_MAX_W, POWER_MIN_W, valid_power_w
from gateway.prepayment.protection import HOLDS_MAX
from gateway.prepayment.register import Register
from gateway.prepayment.requests import Request, take
from gateway.prepayment.step import apply
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import DAY_MS, MONDAY_MS, NANO, TERMS, at, opened, policy, tariff

NOW = at(1_000)
CAP_NANO = 500 * NANO


def said(account: Account, request: Request) -> tuple[str, dict[str, str | int]]:
    """The reason of a refusal and its detail; nothing has changed."""
    outcome = apply(account, request, TERMS)
    assert (outcome.account, outcome.records) == (account, ())
    assert outcome.verdict is not None
    assert outcome.verdict.status is not VerdictStatus.APPLIED
    return outcome.verdict.reason, dict(outcome.verdict.detail)


def after(account: Account, request: Request) -> Account:
    """The account once the request was accepted."""
    outcome = apply(account, request, TERMS)
    assert outcome.verdict is not None
    assert outcome.verdict.status is VerdictStatus.APPLIED, outcome.verdict
    return outcome.account


def top_up(sequence: int, amount: int, total: int, currency: str = "CHF") -> TopUp:
    """A top-up of so many nano-units."""
    return TopUp(NOW, "t-1", sequence, amount, total, currency, "web")


def reversal(sequence: int, amount: int, total: int, currency: str = "CHF") -> TopUpReversal:
    """A reversal of so many nano-units."""
    return TopUpReversal(NOW, "r-1", sequence, amount, total, currency, "error")


def paid(sequence: int = 2, total: int = 1_000) -> Account:
    """An account with two top-ups of 1000 nano in all, and two reversals of 100."""
    return replace(
        opened(), top_up_sequence=sequence, top_up_total_nano=total, reversal_sequence=sequence, reversal_total_nano=100
    )


def test_the_bounds_are_these() -> None:
    """I20, S2-07: holds, missed top-ups and the steps of power."""
    assert (HOLDS_MAX, SEQUENCE_STEPS_MAX) == (16, 1000)
    assert (POWER_MIN_W, POWER_MAX_W) == (500, 1_000_000)


@pytest.mark.parametrize(
    ("request_", "reason", "detail"),
    [
        (top_up(3, 1, 1_001, "EUR"), "wrong_currency", {"expected": "CHF", "got": "EUR"}),
        (top_up(3, 0, 1_001), "invalid_amount", {}),
        (top_up(0, 1, 1), "invalid_amount", {}),
        (top_up(2, 1, 1_000), "already_included", {"last_sequence": 2}),
        (top_up(1, 1, 999), "already_included", {"last_sequence": 2}),
        (top_up(2, 1, 999), "total_mismatch", {"last_sequence": 2}),
        (top_up(2, 1, 1_001), "total_mismatch", {"last_sequence": 2}),
        (top_up(1, 1, 1_000), "total_mismatch", {"last_sequence": 2}),
        (top_up(1_003, 1, 2_000), "sequence_gap", {"last_sequence": 2}),
        (top_up(3, 5, 1_004), "total_mismatch", {"last_sequence": 2}),
        (top_up(3, 5, 1_006), "total_mismatch", {"last_sequence": 2}),
        (top_up(4, 5, 1_004), "total_mismatch", {"last_sequence": 2}),
        (top_up(3, CAP_NANO + 1, CAP_NANO + 1_001), "above_cap", {"cap": "500.00 CHF a top-up", "last_sequence": 2}),
        (top_up(4, 1, 2 * CAP_NANO + 1_001), "above_cap", {"cap": "500.00 CHF a top-up", "last_sequence": 2}),
        (reversal(3, 1, 101, "EUR"), "wrong_currency", {"expected": "CHF", "got": "EUR"}),
        (reversal(2, 1, 100), "already_included", {"last_sequence": 2}),
        (reversal(3, 901, 1_001), "reversal_exceeds_top_ups", {}),
        (PowerSet(NOW, "p", 501), "invalid_step", {"power_w": 501}),
        (HoldReleased(NOW, "h", "h-1"), "no_hold", {"hold": "h-1"}),
        (LockoutReleased(NOW, "l"), "no_lockout", {}),
    ],
)
def test_a_refusal_says_what_would_be_right(request_: Request, reason: str, detail: dict[str, str | int]) -> None:
    """Decision 4: a wrong sequence, total, currency or size changes nothing and is answered with what we have."""
    assert said(paid(), request_) == (reason, detail)


@pytest.mark.parametrize(
    ("request_", "gained_nano"),
    [
        (top_up(3, 1, 1_001), 1),
        (top_up(3, CAP_NANO, CAP_NANO + 1_000), CAP_NANO),
        (top_up(4, 5, 1_005), 5),
        (top_up(4, 5, 1_009), 9),
        (top_up(4, 5, 2 * CAP_NANO + 1_000), 2 * CAP_NANO),
        (top_up(1_002, 1, 1_001), 1),
        (reversal(3, 900, 1_000), -900),
    ],
)
def test_money_at_the_edge_is_taken(request_: TopUp | TopUpReversal, gained_nano: int) -> None:
    """Decision 4, I2: the smallest, the cap, the thousandth number, all that was ever topped up."""
    outcome = apply(paid(), request_, TERMS)
    assert outcome.account.balance_nano - paid().balance_nano == gained_nano
    (entry,) = [record for record in outcome.records if isinstance(record, Entry)]
    wanted = EntryKind.TOP_UP if isinstance(request_, TopUp) else EntryKind.TOP_UP_REVERSAL
    assert (entry.kind, entry.amount_nano, entry.reference) == (wanted, gained_nano, request_.command_id)
    assert (entry.from_register_wh, entry.to_register_wh) == (None, None)
    told: Detail = (("sequence", request_.sequence), ("total_nano", request_.total_nano))
    if isinstance(request_, TopUp):
        balance_nano = outcome.account.balance_nano
        told = (*told, ("channel", "web"), ("credited_nano", gained_nano), ("balance_nano", balance_nano))
    assert outcome.verdict == Verdict(VerdictStatus.APPLIED, "", told)


def test_what_lost_books_may_have_charged_is_withheld() -> None:
    """I1: of a lifetime total that jumps only the amount bought now is credited, and the caps look at that alone."""
    account = replace(paid(), start=Start(0, known=False), withheld_nano=7)
    outcome = apply(account, top_up(4, 5, 1_030), TERMS)
    assert (outcome.account.top_up_sequence, outcome.account.top_up_total_nano) == (4, 1_030)
    assert outcome.account.withheld_nano == 7 + 25
    assert outcome.account.balance_nano - account.balance_nano == 5
    (entry,) = [record for record in outcome.records if isinstance(record, Entry)]
    assert entry.amount_nano == 5
    full = replace(opened(2_000 * NANO - 5), start=Start(0, known=False))
    assert after(full, top_up(2, 5, 900)).withheld_nano == 895
    assert said(full, top_up(2, 6, 900))[0] == "balance_above_cap"


def test_the_balance_stops_at_its_cap() -> None:
    """S0-12: up to the cap and not a nano beyond it; the cap is named."""
    full = opened(1_999 * NANO)
    assert after(full, top_up(1, NANO, NANO)).balance_nano == 2_000 * NANO
    assert said(full, top_up(1, NANO + 1, NANO + 1)) == ("balance_above_cap", {"cap": "2000.00 CHF"})


@pytest.mark.parametrize(
    ("power_w", "valid"),
    [(0, False), (499, False), (500, True), (501, False), (750, False), (6_000, True), (5_500, True), (6_500, False),
     (7_000, True), (10_000, True), (10_500, False), (11_000, False), (15_000, True), (1_000_000, True),
     (1_000_001, False), (1_005_000, False), (-500, False)],
)  # fmt: skip
def test_power_is_sold_in_steps(power_w: int, valid: bool) -> None:
    """S2-07: 0.5 kW up to 6 kW, 1 kW up to 10 kW, 5 kW above."""
    assert valid_power_w(power_w) is valid


def test_a_closed_account_takes_nothing() -> None:
    """S1-15: whatever is asked."""
    closed = replace(opened(), supply=Supply(SupplyState.TERMINATED, at()))
    for request in (top_up(1, 1, 1), PowerSet(NOW, "p", 3_000), AccountClosed(NOW, "c", "moved")):
        assert said(closed, request) == ("account_closed", {})


def opening(**changes: object) -> AccountOpened:
    """A good opening, with some fields changed."""
    made = AccountOpened(NOW, "o-1", "CH-1", "m1", "CHF", 3_000, policy(), tariff(), 20 * NANO, 77, "serial")
    return replace(made, **changes)  # type: ignore[arg-type]


NO_CALENDAR = replace(TERMS, calendars={})


@pytest.mark.parametrize(
    ("event", "terms", "reason", "detail"),
    [
        (opening(policy=policy(currency="EUR")), TERMS, "wrong_currency", {"expected": "CHF", "got": "EUR"}),
        (opening(tariff=tariff(currency="EUR")), TERMS, "wrong_currency", {"expected": "CHF", "got": "EUR"}),
        (opening(), replace(TERMS, can_disconnect=False), "no_actuator", {}),
        (opening(contract_power_w=501), TERMS, "invalid_step", {"power_w": 501}),
        (opening(opening_balance_nano=2_000 * NANO + 1), TERMS, "balance_above_cap", {"cap": "2000.00 CHF"}),
        (opening(policy=policy(limit_required=True)), replace(TERMS, can_limit=False), "cannot_limit", {}),
        (opening(), NO_CALENDAR, "unknown_calendar", {"calendar": "test"}),
    ],
)
def test_an_account_that_cannot_be_kept_is_not_opened(
    event: AccountOpened, terms: object, reason: str, detail: dict[str, str | int]
) -> None:
    """S0-11: each thing that is missing has its word; the first that is missing is told."""
    verdict = open_account(event, terms)  # type: ignore[arg-type]
    assert verdict == Verdict(VerdictStatus.REFUSED, reason, tuple(detail.items()))


def test_of_several_obstacles_the_first_is_told() -> None:
    """S0-11: in this order, so that who mends one after the other comes to an end."""
    mended = {
        "policy": policy(),
        "tariff": tariff(),
        "terms": TERMS,
        "contract_power_w": 3_000,
        "opening_balance_nano": 0,
    }
    wrong = {
        "policy": policy(calendar="none"),
        "tariff": tariff(currency="EUR"),
        "terms": replace(TERMS, can_disconnect=False),
        "contract_power_w": 1,
        "opening_balance_nano": 9_999 * NANO,
    }
    reasons = []
    for name, better in mended.items():
        terms = wrong["terms"]
        event = opening(**{key: value for key, value in wrong.items() if key != "terms"})
        verdict = open_account(event, terms)  # type: ignore[arg-type]
        assert isinstance(verdict, Verdict)
        reasons.append(verdict.reason)
        wrong[name] = better
    assert reasons == ["unknown_calendar", "wrong_currency", "no_actuator", "invalid_step", "balance_above_cap"]


def test_an_opened_account_is_what_was_ordered() -> None:
    """Decision 3: register, balance, policy, tariff and meter, with one entry that says so."""
    outcome = open_account(opening(), TERMS)
    assert not isinstance(outcome, Verdict)
    account = outcome.account
    assert (account.account_id, account.meter_id, account.meter_serial, account.currency) == (
        "CH-1", "m1", "serial", "CHF",
    )  # fmt: skip
    assert (account.contract_power_w, account.policy, account.tariffs) == (3_000, policy(), (tariff(),))
    assert (account.opened, account.opening_nano, account.balance_nano) == (NOW, 20 * NANO, 20 * NANO)
    assert account.supply == Supply(SupplyState.NORMAL, NOW)
    assert account.register == Register(wh=77, at=NOW, unobserved=True, dated=NOW)
    assert account.intervals == IntervalState(NOW.utc_ms, 0, None, 0, 0, open_estimated=True)
    assert (account.settled_register_wh, account.contact_running_ms) == (77, 1_000)
    entry = Entry(NOW, "CH-1", EntryKind.OPENING, "CHF", 20 * NANO, 20 * NANO, "o-1", None, 77, ())
    assert outcome.records == (entry,)
    assert outcome.verdict == Verdict(VerdictStatus.APPLIED)
    undated = open_account(opening(at=at(1_000, TimeTrust.RESTORED)), TERMS)
    assert not isinstance(undated, Verdict)
    assert undated.account.register.dated is None
    later = open_account(opening(opening_register_wh=None, policy=policy(limit_required=True)), TERMS)
    assert not isinstance(later, Verdict)
    assert (later.account.register, later.account.settled_register_wh) == (Register(), None)
    full = open_account(opening(opening_balance_nano=2_000 * NANO), TERMS)
    assert not isinstance(full, Verdict)


def test_a_policy_replaces_one_of_its_name_only_when_it_is_newer() -> None:
    """Decision 17: a replayed policy does not bring back old terms; another policy may begin at version 1."""
    account = opened(policy=policy(version=3))
    for version in (2, 3):
        assert said(account, PolicySet(NOW, "p", policy(version=version))) == ("stale_version", {})
    for good in (policy(version=4), policy(policy_id="other", version=1)):
        assert after(account, PolicySet(NOW, "p", good)).policy == good
    euro = PolicySet(NOW, "p", policy(version=4, currency="EUR"))
    assert said(account, euro) == ("wrong_currency", {"expected": "CHF", "got": "EUR"})
    no_terms = take(account, PolicySet(NOW, "p", policy(version=4)), NO_CALENDAR)
    assert no_terms == Verdict(VerdictStatus.REFUSED, "unknown_calendar", (("calendar", "test"),))
    for enabled, required, wanted in ((True, True, False), (False, True, True), (True, False, True)):
        asked = PolicySet(NOW, "p", policy(version=4, limit_enabled=enabled, limit_required=required))
        answer = take(account, asked, replace(TERMS, can_limit=False))
        assert (not isinstance(answer, Verdict)) is wanted


def hold(hold_id: str, kind: HoldKind = HoldKind.DISPUTE, until: int | None = None) -> HoldSet:
    """A request to hold."""
    return HoldSet(NOW, "h", hold_id, kind, until)


@pytest.mark.parametrize(
    ("known", "new", "taken"),
    [
        ((HoldKind.LIFE_SUPPORT, None), (HoldKind.DISPUTE, None), False),
        ((HoldKind.DISPUTE, None), (HoldKind.LIFE_SUPPORT, None), True),
        ((HoldKind.LIFE_SUPPORT, None), (HoldKind.NON_DISCONNECTABLE, None), True),
        ((HoldKind.DISPUTE, None), (HoldKind.DISPUTE, NOW.utc_ms + 50), False),
        ((HoldKind.DISPUTE, NOW.utc_ms + 50), (HoldKind.DISPUTE, NOW.utc_ms + 49), False),
        ((HoldKind.DISPUTE, NOW.utc_ms + 50), (HoldKind.DISPUTE, NOW.utc_ms + 50), True),
        ((HoldKind.DISPUTE, NOW.utc_ms + 50), (HoldKind.DISPUTE, NOW.utc_ms + 51), True),
        ((HoldKind.DISPUTE, NOW.utc_ms + 50), (HoldKind.DISPUTE, None), True),
        ((HoldKind.DISPUTE, NOW.utc_ms + 1), (HoldKind.DISPUTE, None), True),
        ((HoldKind.LIFE_SUPPORT, NOW.utc_ms), (HoldKind.DISPUTE, None), True),
    ],
)
def test_a_hold_may_be_renewed_but_not_weakened(
    known: tuple[HoldKind, int | None], new: tuple[HoldKind, int | None], taken: bool
) -> None:
    """Decision 17: to take something away is a release, which must prove freshness; one that is over is no hold."""
    account = replace(opened(), holds=(Hold("h-0", HoldKind.MORATORIUM, None), Hold("h-1", *known)))
    request = hold("h-1", *new)
    if taken:
        assert after(account, request).holds == (Hold("h-0", HoldKind.MORATORIUM, None), Hold("h-1", *new))
    else:
        assert said(account, request) == ("hold_exists", {"hold": "h-1"})


def test_sixteen_holds_and_room_for_those_that_protect() -> None:
    """I20, decision 11: a sixteenth is taken, a seventeenth is not; sixteen others do not keep a protection out."""
    fifteen = tuple(Hold(f"h-{number}", HoldKind.DISPUTE, None) for number in range(15))
    account = replace(opened(), holds=fifteen)
    full = after(account, hold("h-15"))
    assert len(full.holds) == 16
    assert said(full, hold("h-16")) == ("too_many_holds", {})
    assert after(full, hold("h-3")).holds[-1].hold_id == "h-3"
    protected = full
    for number in range(16):
        protected = after(protected, hold(f"p-{number}", HoldKind.LIFE_SUPPORT))
    assert len(protected.holds) == 32
    assert said(protected, hold("p-16", HoldKind.LIFE_SUPPORT)) == ("too_many_holds", {})
    assert said(protected, hold("h-16")) == ("too_many_holds", {})


@pytest.mark.parametrize(
    ("change", "until"),
    [
        (lambda a: a, "2026-03-10"),  # five working days after Monday, and the day is over at midnight
        (lambda a: replace(a, policy=policy(payment_proof_working_days=1)), "2026-03-04"),
        (lambda a: replace(a, policy=policy(calendar="missing")), None),
    ],
)
def test_a_proof_of_payment_holds_for_five_working_days(
    change: Callable[[Account], Account], until: str | None
) -> None:
    """Requirements 2.5: unless the command says otherwise, and until released where the days cannot be counted."""
    account = change(opened())
    made = after(account, hold("h", HoldKind.PAYMENT_PROOF)).holds[0].until_utc_ms
    wanted = None
    if until is not None:
        wanted = int(datetime.fromisoformat(f"{until}T00:00:00+01:00").timestamp() * 1000)
    assert made == wanted
    assert after(account, hold("h", HoldKind.PAYMENT_PROOF, NOW.utc_ms + 5)).holds[0].until_utc_ms == NOW.utc_ms + 5
    assert after(account, hold("h", HoldKind.DISPUTE)).holds[0].until_utc_ms is None
    undated = HoldSet(at(1_000, TimeTrust.UNKNOWN), "h", "h", HoldKind.PAYMENT_PROOF)
    assert after(account, undated).holds[0].until_utc_ms is None
    beyond = HoldSet(at(1_000, utc_ms=MONDAY_MS + 20 * 366 * DAY_MS), "h", "h", HoldKind.PAYMENT_PROOF)
    assert after(account, beyond).holds[0].until_utc_ms is None


def test_releases_end_one_hold_and_one_lockout() -> None:
    """Decision 13: the one that is named; a second lock-out for another reason would be ended by the first release."""
    account = replace(opened(), holds=(Hold("a", HoldKind.DISPUTE, None), Hold("b", HoldKind.DISPUTE, None)))
    assert after(account, HoldReleased(NOW, "r", "a")).holds == (Hold("b", HoldKind.DISPUTE, None),)
    locked = after(account, LockoutSet(NOW, "l", "fire"))
    assert locked.lockout == "fire"
    assert after(locked, LockoutSet(NOW, "l", "fire")).lockout == "fire"
    assert said(locked, LockoutSet(NOW, "l", "work")) == ("locked_out", {"by": "fire"})
    assert after(locked, LockoutReleased(NOW, "l")).lockout is None
    suspicion = Suspicion(SuspicionCause.FORK, at(), 3)
    for doubtful in (replace(account, suspicion=suspicion), replace(locked, suspicion=suspicion)):
        freed = after(doubtful, LockoutReleased(NOW, "l"))
        assert (freed.lockout, freed.suspicion) == (None, replace(suspicion, leaves_switch=False))
    assert after(account, PowerSet(NOW, "p", 4_500)).contract_power_w == 4_500


def test_a_contract_ends_with_its_reason_and_register() -> None:
    """S1-15: unless somebody is protected; the verdict tells what the final account needs."""
    protected = replace(opened(), holds=(Hold("x", HoldKind.DISPUTE, None), Hold("y", HoldKind.LIFE_SUPPORT, None)))
    assert said(protected, AccountClosed(NOW, "c", "moved")) == ("held", {"hold": "y"})
    over = replace(opened(), holds=(Hold("y", HoldKind.LIFE_SUPPORT, NOW.utc_ms),))
    read = apply(over, Reading(NOW, 0), TERMS).account
    for account, wh, reason in ((read, 0, ""), (opened(register_wh=None), -1, UNREAD)):
        outcome = apply(account, AccountClosed(NOW, "c", "moved"), TERMS)
        assert outcome.verdict is not None
        assert (outcome.verdict.status, outcome.verdict.reason) == (VerdictStatus.APPLIED, reason)
        assert outcome.verdict.detail[:2] == (("reason", "moved"), ("register_wh", wh))
        assert bool(outcome.verdict.detail[2:]) == bool(reason)
        assert outcome.account.supply.state is SupplyState.TERMINATED
