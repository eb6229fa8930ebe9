"""ROLLBACK_SUSPECTED, rule by rule: how it begins, what it withholds and leaves alone, and how it ends."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Spending, Start, Supply, Suspicion
from gateway.prepayment.entitlement import UNCONFIRMED, control
from gateway.prepayment.events import Confirmed, HoldKind, Restarted, Suspected, SuspicionCause, Tick, TimeTrust
from gateway.prepayment.ledger import Entry, EntryKind, Happening
from gateway.prepayment.rating import Usage
from gateway.prepayment.register import Case, CaseKind
from gateway.prepayment.rollback import (
    HOLDS_KEPT_MAX,
    LEAVE_MS,
    LOST_EPOCHS_MAX,
    confirmed,
    leaves_switch,
    reckoned_nano,
    restarted,
    suspected,
    suspicion_of,
    vouched,
    waited,
    withholds,
)
from gateway.prepayment.step import apply
from gateway.prepayment.supply import Control, SupplyState, SwitchState
from tests.prepayment.worlds import NANO, TERMS, at, opened, policy, tariff, world

FORK, LOST, BACKUP = SuspicionCause.FORK, SuspicionCause.LOST, SuspicionCause.BACKUP


def under(cause: SuspicionCause, seq: int = 5, *, leaves: bool = True) -> Account:
    """An account that has been suspected since its first minute."""
    return replace(opened(), suspicion=Suspicion(cause, at(60_000), seq, leaves_switch=leaves))


def test_the_bounds_of_a_suspicion() -> None:
    """I20: two minutes without moving the switch, 16 epochs given up, 32 holds: nothing grows without end."""
    assert (LEAVE_MS, LOST_EPOCHS_MAX, HOLDS_KEPT_MAX) == (120_000, 16, 32)
    assert (Start(0, known=True).leaves_switch, Suspicion(FORK, at()).leaves_switch, Suspicion(FORK, at()).seq) == (
        True,
        True,
        0,
    )
    assert Restarted(at()) == Restarted(at(), awaits=False, known=True)
    assert Suspected(at(), FORK) == Suspected(at(), FORK, epoch="", seq=0)
    assert Account.__dataclass_fields__["withheld_nano"].default == 0
    assert Account.__dataclass_fields__["adjusted_nano"].default == 0


@pytest.mark.parametrize("known", [True, False])
def test_a_start_waits_for_the_head_end_if_there_is_one(known: bool) -> None:
    """Threat 3: from the start on nobody vouches for the books; without a head-end there is nobody to wait for."""
    account = opened()
    waiting = restarted(account, Restarted(at(7), awaits=True, known=known))
    assert waiting.start == Start(since_ms=7, known=known, leaves_switch=True)
    assert waiting.register.unobserved
    assert (vouched(waiting), leaves_switch(waiting), withholds(waiting)) == (False, True, not known)
    alone = restarted(account, Restarted(at(7), awaits=False, known=known))
    assert (alone.start, alone.register.unobserved) == (None, True)
    assert (vouched(alone), leaves_switch(alone), withholds(alone)) == (True, False, False)


def test_a_suspicion_goes_on_over_a_start_and_the_row_that_raised_it_does_not() -> None:
    """I23: the row may be of a branch that the head-end gave up since; what it knows now it says in this run."""
    account = under(FORK)
    assert account.suspicion is not None
    after = restarted(account, Restarted(at(7), awaits=True))
    assert after.suspicion == replace(account.suspicion, seq=0)
    known = suspected(after, Suspected(at(9), FORK, "e-1", 3)).account.suspicion
    assert known is not None
    assert known.seq == 3


@pytest.mark.parametrize(("waited_ms", "leaves"), [(LEAVE_MS - 1, True), (LEAVE_MS, False), (LEAVE_MS + 1, False)])
def test_a_start_leaves_the_switch_for_two_minutes(waited_ms: int, leaves: bool) -> None:
    """I10: a supply that was paid for is not kept open for ever because nobody answers."""
    waiting = restarted(opened(), Restarted(at(1_000), awaits=True))
    after = waited(waiting, at(1_000 + waited_ms))
    assert leaves_switch(after) is leaves
    assert after.start == Start(1_000, known=True, leaves_switch=leaves)
    assert waited(after, at(10**9)).start == Start(1_000, known=True, leaves_switch=False)
    assert waited(opened(), at(10**9)).start is None
    told = apply(waiting, Tick(at(1_000 + waited_ms)), TERMS).account
    assert leaves_switch(told) is leaves


@pytest.mark.parametrize(
    ("before", "event", "after", "told"),
    [
        (None, (FORK, 7), (FORK, 9, 7, True), True),
        (None, (BACKUP, 0), (BACKUP, 9, 0, True), True),
        (FORK, (FORK, 9), (FORK, 60_000, 9, False), False),
        (FORK, (FORK, 3), (FORK, 60_000, 5, False), False),
        (FORK, (LOST, 9), (FORK, 60_000, 9, False), False),
        (FORK, (BACKUP, 9), (FORK, 60_000, 9, False), False),
        (BACKUP, (BACKUP, 9), (BACKUP, 60_000, 9, False), False),
        (BACKUP, (FORK, 3), (FORK, 60_000, 3, False), True),
        (BACKUP, (LOST, 3), (LOST, 60_000, 3, False), True),
    ],
)
def test_a_suspicion_begins_once_and_only_grows(
    before: SuspicionCause | None,
    event: tuple[SuspicionCause, int],
    after: tuple[SuspicionCause, int, int, bool],
    told: bool,
) -> None:
    """Threat 4: the head-end's word outranks the gateway's own guess; no later word makes it younger."""
    account = opened() if before is None else under(before, leaves=False)
    account = replace(account, start=Start(0, known=True) if before is None else None)
    cause, seq = event
    outcome = suspected(account, Suspected(at(9), cause, "e-1", seq))
    found = outcome.account.suspicion
    assert found is not None
    assert (found.cause, found.since.running_ms, found.seq, found.leaves_switch) == after
    assert outcome.account.start is None
    detail = (("cause", cause.value), ("seq", seq), ("epoch", "e-1"))
    assert outcome.records == ((Happening(at(9), "CH-1", "rollback.suspected", detail),) if told else ())


def test_a_branch_given_up_is_no_news() -> None:
    """A head-end that still shows a row of a lost epoch starts nothing again."""
    account = replace(opened(), lost_epochs=("e-0", "e-1"), start=Start(3, known=True))
    assert suspected(account, Suspected(at(9), FORK, "e-1", 7)).account == account


def test_the_word_of_the_head_end_ends_the_wait() -> None:
    """The ordinary case within seconds: nothing to tell, the switch is free; and again changes nothing."""
    waiting = restarted(opened(), Restarted(at(7), awaits=True, known=False))
    outcome = confirmed(waiting, Confirmed(at(9)))
    assert (outcome.account.start, outcome.records) == (None, ())
    again = confirmed(outcome.account, Confirmed(at(10)))
    assert (again.account, again.records) == (outcome.account, ())


@pytest.mark.parametrize("cause", [FORK, LOST])
def test_a_fork_is_not_ended_by_a_word(cause: SuspicionCause) -> None:
    """Threat 4: who knows rows that we do not cannot also confirm us; that takes a signed resync."""
    account = replace(under(cause), withheld_nano=3 * NANO)
    outcome = confirmed(account, Confirmed(at(9)))
    assert (outcome.account, outcome.records) == (account, ())


@pytest.mark.parametrize("withheld_nano", [0, 3 * NANO])
@pytest.mark.parametrize("cause", [None, BACKUP])
def test_what_was_withheld_is_credited_once_the_books_are_confirmed(
    cause: SuspicionCause | None, withheld_nano: int
) -> None:
    """I2, I3: with an entry of its own after everything charged so far, so the journal's sum is the balance."""
    before = world()
    before.use(1_000)
    account = replace(before.account, start=Start(0, known=False), withheld_nano=withheld_nano)
    account = replace(account, top_up_total_nano=withheld_nano)
    if cause is not None:
        account = replace(account, start=None, suspicion=Suspicion(cause, at(1)))
    outcome = confirmed(account, Confirmed(at(9)))
    after = outcome.account
    assert (after.start, after.suspicion, after.withheld_nano) == (None, None, 0)
    assert after.balance_nano == account.balance_nano + withheld_nano
    entries = [record for record in outcome.records if isinstance(record, Entry)]
    if cause is not None or withheld_nano:
        assert entries[0].kind is EntryKind.CHARGE
        assert after.unsettled == ()
    if withheld_nano:
        released = entries[-1]
        assert (released.kind, released.reference, released.currency) == (EntryKind.TOP_UP, "withheld", "CHF")
        assert (released.amount_nano, released.balance_nano) == (3 * NANO, after.balance_nano)
        assert (released.at, released.account_id) == (at(9), "CH-1")
    over = [record for record in outcome.records if isinstance(record, Happening)]
    wanted = [Happening(at(9), "CH-1", "rollback.suspected.over", (("cause", "backup"),))] if cause else []
    assert over == wanted


def test_what_is_still_withheld_is_credited_even_when_nobody_waits_any_more() -> None:
    """I3: whatever ended the wait, the customer's money comes with the next word of the head-end."""
    account = replace(opened(), top_up_total_nano=NANO, withheld_nano=NANO)
    assert confirmed(account, Confirmed(at(9))).account.balance_nano == 21 * NANO


def test_the_suspicion_of_a_gateway_is_the_oldest_of_its_accounts() -> None:
    """S1-11: the status shows since when, and how many accounts wait."""
    calm, young, old = opened(), under(FORK), replace(opened(), suspicion=Suspicion(BACKUP, at(5)))
    assert suspicion_of([calm]) == (None, 0)
    assert suspicion_of([]) == (None, 0)
    assert suspicion_of([calm, young, old]) == (old.suspicion, 2)
    assert suspicion_of([old, young]) == (old.suspicion, 2)


@pytest.mark.parametrize(("cause", "withheld"), [(FORK, False), (LOST, True), (BACKUP, False)])
def test_only_books_that_began_anew_withhold(cause: SuspicionCause, withheld: bool) -> None:
    """I1: a lifetime total may cover what books before these have charged; the amount itself is always credited."""
    assert withholds(under(cause)) is withheld
    assert (vouched(under(cause)), vouched(opened()), withholds(opened())) == (False, True, False)
    assert withholds(replace(opened(), start=Start(0, known=True))) is False
    assert withholds(replace(opened(), start=Start(0, known=False))) is True
    assert withholds(replace(under(FORK), start=Start(0, known=False))) is False


@pytest.mark.parametrize("leaves", [True, False])
def test_a_suspicion_leaves_the_switch_until_somebody_says_that_no_lockout_was_forgotten(leaves: bool) -> None:
    """Decision 13: what the suspicion says counts, not what the start before it said."""
    account = replace(under(FORK, leaves=leaves), start=Start(0, known=True, leaves_switch=not leaves))
    assert leaves_switch(account) is leaves


def case(wh: int, kind: CaseKind = CaseKind.UNOBSERVED) -> Case:
    """An open case of so many Wh."""
    return Case(1, kind, 1_000, 1_000 + wh, wh, at(), at(1), 1)


@pytest.mark.parametrize(
    ("cases", "waiting_wh"),
    [
        ((), 0),
        ((case(400),), 400),
        ((case(1),), 1),
        ((case(400), case(1)), 401),
        ((case(400), case(-300)), 400),
        ((case(0),), 0),
        ((case(400, CaseKind.DISCONTINUITY),), 0),
    ],
)
def test_energy_nobody_could_date_counts_as_spent_while_nobody_vouches(
    cases: tuple[Case, ...], waiting_wh: int
) -> None:
    """I13: or somebody could put the same old card back for ever and owe nothing."""
    account = opened()
    account = replace(account, register=replace(account.register, cases=cases))
    assert reckoned_nano(account) == account.balance_nano == 20 * NANO
    for doubtful in (replace(account, start=Start(0, known=True)), replace(account, suspicion=Suspicion(FORK, at()))):
        assert reckoned_nano(doubtful) == 20 * NANO - waiting_wh * 250_000


def test_what_waits_is_reckoned_with_all_that_a_kwh_costs() -> None:
    """I13: tax included, at the last band known."""
    taxed = tariff(200_000, vat_ppm=100_000, prices_include_vat=False)
    account = replace(opened(tariff=taxed), start=Start(0, known=True), usage=Usage(net_nano=NANO))
    account = replace(account, register=replace(account.register, cases=(case(1_000),)))
    assert reckoned_nano(account) == 19 * NANO - 220_000_000


LIMIT_W = 495


@pytest.mark.parametrize(
    ("state", "can_limit", "balance_nano", "wanted"),
    [
        (SupplyState.NORMAL, True, 0, Control(None, None, UNCONFIRMED)),
        (SupplyState.LIMITED, True, 0, Control(None, LIMIT_W, UNCONFIRMED)),
        (SupplyState.SUSPENDED, True, 0, Control(None, LIMIT_W, UNCONFIRMED)),
        (SupplyState.SUSPENDED, True, -99 * NANO, Control(None, LIMIT_W, UNCONFIRMED)),
        (SupplyState.TERMINATED, True, 0, Control(None, LIMIT_W, UNCONFIRMED)),
        (SupplyState.SUSPENDED, False, -40 * NANO + 1, Control(None, None, UNCONFIRMED)),
        (SupplyState.SUSPENDED, False, -40 * NANO, Control(SwitchState.DISCONNECTED, None, "suspended")),
        (SupplyState.NORMAL, False, -99 * NANO, Control(None, None, UNCONFIRMED)),
    ],
)
def test_books_in_doubt_leave_the_switch_as_it_was_found(
    state: SupplyState, can_limit: bool, balance_nano: int, wanted: Control
) -> None:
    """I11: an open switch may be a forgotten lock-out, a closed one paid for; money bounds it where nothing limits."""
    terms = replace(TERMS, can_limit=can_limit)
    account = replace(opened(balance_nano), supply=Supply(state, at()))
    assert control(replace(account, suspicion=Suspicion(FORK, at())), terms) == wanted
    assert control(replace(account, start=Start(0, known=True)), terms) == wanted
    locked = replace(account, suspicion=Suspicion(FORK, at()), lockout="fire")
    assert control(locked, terms).switch is SwitchState.DISCONNECTED
    settled = replace(account, suspicion=Suspicion(FORK, at(), leaves_switch=False))
    assert control(settled, terms) == control(account, terms)
    assert control(account, terms).switch is not None


def test_confirmation_is_taken_in_by_the_one_step() -> None:
    """I10: what was withheld restores the supply in the same breath."""
    account = opened(0, policy=policy(low_credit_nano=0, low_credit_hysteresis_nano=0))
    account = replace(account, supply=Supply(SupplyState.SUSPENDED, at()), opening_nano=-NANO)
    account = replace(account, start=Start(0, known=False), top_up_total_nano=9 * NANO, withheld_nano=9 * NANO)
    outcome = apply(account, Confirmed(at(5)), TERMS)
    assert outcome.account.supply.state is SupplyState.NORMAL
    assert apply(account, Suspected(at(5), LOST, "e", 4), TERMS).account.suspicion == Suspicion(LOST, at(5), 4)


def test_a_fresh_account_is_in_nobodys_doubt() -> None:
    """What an account is before anything happened to it."""
    account = opened()
    assert (account.start, account.suspicion, account.lost_epochs) == (None, None, ())
    assert account.spending == Spending(None, None, ())
    assert at(trust=TimeTrust.UNKNOWN).trust is TimeTrust.UNKNOWN
    assert HoldKind.LIFE_SUPPORT.protective
