"""A resync: what the head-end's rows say is taken over field by field, and charging goes on from their register."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Spending, Start, Suspicion
from gateway.prepayment.events import Hold, HoldKind, Moment, SuspicionCause, TimeTrust
from gateway.prepayment.ledger import Entry, EntryKind, Happening, Transition, VerdictStatus
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.register import Case, CaseKind
from gateway.prepayment.rollback import HOLDS_KEPT_MAX, LOST_EPOCHS_MAX
from gateway.prepayment.step import apply
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import MONDAY_MS, NANO, TERMS, at, opened, policy, tariff, world

HEAD = "ab" * 32
DAY_MS = 86_400_000
THEIRS = Position(
    register_wh=5_000,
    at_utc_ms=MONDAY_MS - 3_600_000,
    balance_nano=12 * NANO,
    top_up_sequence=2,
    top_up_total_nano=30 * NANO,
    reversal_sequence=1,
    reversal_total_nano=4 * NANO,
    state=SupplyState.NORMAL,
    in_state_ms=1_000,
)


def suspect(account: Account | None = None, seq: int = 5) -> Account:
    """An account suspected of being an old image."""
    suspicion = Suspicion(SuspicionCause.FORK, at(), seq)
    return replace(opened() if account is None else account, suspicion=suspicion)


def request(position: Position | None = THEIRS, seq: int = 5, currency: str = "CHF") -> Resynced:
    """The head-end's word, ten seconds in."""
    return Resynced(at(10_000), "r-1", "run-1", "e-1", seq, HEAD, currency, position)


def taken(position: Position | None = THEIRS, account: Account | None = None) -> Account:
    """The account after the resync."""
    outcome = apply(suspect(account), request(position), TERMS)
    assert outcome.verdict is not None
    assert outcome.verdict.status is VerdictStatus.APPLIED
    return outcome.account


def refused(account: Account, order: Resynced) -> tuple[str, dict[str, str | int]]:
    """The reason and the detail of a refusal; nothing changes."""
    outcome = apply(account, order, TERMS)
    assert (outcome.account, outcome.records) == (account, ())
    assert outcome.verdict is not None
    assert outcome.verdict.status is VerdictStatus.REFUSED
    return outcome.verdict.reason, dict(outcome.verdict.detail)


def test_a_resync_needs_a_suspicion_the_currency_and_all_that_was_known() -> None:
    """Threat 4: it answers this suspicion, in this currency, by somebody who knows at least the row that raised it."""
    assert refused(opened(), request()) == ("not_suspected", {})
    waiting = replace(opened(), start=Start(0, known=False))
    assert refused(waiting, request()) == ("not_suspected", {})
    assert refused(suspect(), request(currency="EUR")) == ("wrong_currency", {"expected": "CHF", "got": "EUR"})
    assert refused(suspect(), request(seq=4)) == ("stale_command", {"seq": 4, "suspected_seq": 5})
    assert apply(suspect(), request(seq=6), TERMS).account.suspicion is None


@pytest.mark.parametrize(
    ("sequence", "total", "good"),
    [(1, 1, True), (2, 2, True), (3, 3, True), (2, 1, False), (2, 3, False), (1, 2, False), (1, 3, False),
     (3, 2, False), (3, 1, False)],
)  # fmt: skip
def test_totals_grow_with_their_sequences_on_both_sides(sequence: int, total: int, good: bool) -> None:
    """I1: of two totals the one with the higher sequence is the higher; the same number is the same money."""
    ours = replace(opened(), top_up_sequence=2, top_up_total_nano=2 * NANO)
    theirs = replace(
        THEIRS, top_up_sequence=sequence, top_up_total_nano=total * NANO, reversal_sequence=0, reversal_total_nano=0
    )
    swapped = replace(ours, top_up_sequence=9, top_up_total_nano=9 * NANO, reversal_sequence=2)
    swapped = replace(swapped, reversal_total_nano=2 * NANO)
    theirs_swapped = replace(
        theirs, top_up_sequence=9, top_up_total_nano=9 * NANO, reversal_sequence=sequence,
        reversal_total_nano=total * NANO,
    )  # fmt: skip
    for account, position in ((ours, theirs), (swapped, theirs_swapped)):
        if good:
            after = taken(position, account)
            assert after.top_up_total_nano == max(account.top_up_total_nano, position.top_up_total_nano)
            assert after.top_up_sequence == max(account.top_up_sequence, position.top_up_sequence)
            assert after.reversal_total_nano == max(account.reversal_total_nano, position.reversal_total_nano)
            assert after.reversal_sequence == max(account.reversal_sequence, position.reversal_sequence)
        else:
            told = refused(suspect(account), request(position))
            assert told == ("total_mismatch", {"last_sequence": account.top_up_sequence})


def test_the_balance_is_theirs_and_what_only_these_books_know() -> None:
    """I2, I3: money that only this branch saw stays, what only they saw is taken over, and nothing counts twice."""
    ours = replace(opened(), top_up_sequence=3, top_up_total_nano=37 * NANO, reversal_sequence=2)
    ours = replace(ours, reversal_total_nano=5 * NANO, withheld_nano=3 * NANO)
    after = taken(account=ours)
    assert after.balance_nano == 12 * NANO + (37 - 30) * NANO - (5 - 4) * NANO
    assert after.withheld_nano == 0
    assert after.adjusted_nano == after.balance_nano - (20 + 37 - 5) * NANO
    assert taken().balance_nano == 12 * NANO
    assert taken(account=replace(opened(), adjusted_nano=2 * NANO)).balance_nano == 12 * NANO


def test_both_heads_are_on_record() -> None:
    """I1, I24: both registers and heads, the change of rung, and the totals taken over, which no other row tells."""
    began = world()
    began.use(2_000)
    account = suspect(began.account)
    order = replace(request(replace(THEIRS, state=SupplyState.GRACE, in_state_ms=4_000)), at=began.now())
    outcome = apply(account, order, TERMS)
    charge, entry = [record for record in outcome.records if isinstance(record, Entry)]
    assert charge.kind is EntryKind.CHARGE
    assert (entry.kind, entry.reference, entry.currency) == (EntryKind.RESYNC, "r-1", "CHF")
    assert (entry.from_register_wh, entry.to_register_wh) == (2_000, 5_000)
    assert (entry.balance_nano, entry.amount_nano) == (12 * NANO, 12 * NANO - account.balance_nano)
    (happening,) = [record for record in outcome.records if isinstance(record, Happening)]
    assert (happening.what, happening.account_id) == ("rollback.resynced", "CH-1")
    assert dict(happening.detail) == {
        "lost_epoch": "e-1", "lost_seq": 5, "lost_head": HEAD, "run": "run-1", "cause": "fork", "known": 1,
        "top_up_sequence": outcome.account.top_up_sequence, "top_up_total_nano": outcome.account.top_up_total_nano,
        "reversal_sequence": outcome.account.reversal_sequence, "in_state_ms": 4_000,
        "reversal_total_nano": outcome.account.reversal_total_nano,
    }  # fmt: skip
    assert (outcome.account.top_up_sequence, outcome.account.reversal_sequence) != (0, 0)
    moved = next(record for record in outcome.records if isinstance(record, Transition))
    assert (moved.source, moved.target, moved.rule) == (SupplyState.NORMAL, SupplyState.GRACE, "resynced")
    assert (moved.policy, moved.balance_nano, moved.currency) == ("test@1", 12 * NANO, "CHF")
    assert (moved.register_wh, moved.limit_w, moved.detail) == (5_000, None, (("in_state_ms", 4_000),))
    assert moved.account_id == "CH-1"


def test_an_account_nobody_knows_goes_on_as_it_is() -> None:
    """Threat 3: without a position only the suspicion ends, and what was withheld is the customer's."""
    account = replace(opened(), top_up_total_nano=9 * NANO, withheld_nano=9 * NANO, start=Start(0, known=False))
    outcome = apply(suspect(account), request(None), TERMS)
    after = outcome.account
    assert after == replace(account, start=None, withheld_nano=0, lost_epochs=("e-1",))
    (happening,) = [record for record in outcome.records if isinstance(record, Happening)]
    assert dict(happening.detail)["known"] == 0
    assert not [record for record in outcome.records if isinstance(record, Transition)]


def test_a_closed_account_stays_closed() -> None:
    """S1-15: a resync of a closed account ends the suspicion and moves nothing."""
    account = replace(opened(), supply=replace(opened().supply, state=SupplyState.TERMINATED))
    after = taken(account=account)
    assert (after.supply, after.register, after.suspicion) == (account.supply, account.register, None)


def test_epochs_given_up_are_remembered_once_and_not_for_ever() -> None:
    """I20: the newest 16; one that is known is not listed twice."""
    many = tuple(f"e-{number}" for number in range(2, 2 + LOST_EPOCHS_MAX))
    assert taken(account=replace(opened(), lost_epochs=many)).lost_epochs == (*many[1:], "e-1")
    assert taken(account=replace(opened(), lost_epochs=("e-1", "e-2"))).lost_epochs == ("e-1", "e-2")


def test_the_rung_comes_back_with_its_terms_as_far_as_they_had_run() -> None:
    """I9: no term is shortened by a restored card and none begins again."""
    known = replace(
        THEIRS, balance_nano=-3 * NANO, state=SupplyState.GRACE, in_state_ms=4_000, notice_age_ms=3_000,
        dated_utc_ms=MONDAY_MS - 9 * 3_600_000 - 1,
    )  # fmt: skip
    supply = taken(known).supply
    assert (supply.state, supply.since.running_ms, supply.since.utc_ms) == (SupplyState.GRACE, 6_000, at(10_000).utc_ms)
    assert supply.notice_running_ms == 7_000
    assert supply.dated_on == "2026-03-01"  # 23:59:59.999 of the day before, in Zurich
    undated = replace(known, notice_age_ms=None, dated_utc_ms=None)
    unproven = replace(request(undated), at=at(10_000, TimeTrust.SYNCHRONISED))
    supply = apply(suspect(), unproven, TERMS).account.supply
    assert (supply.notice_running_ms, supply.dated_on) == (None, None)


def test_lockouts_and_holds_of_either_side_stand() -> None:
    """Decision 13: a hold too many does no harm until it is released, one too few may; theirs of one id wins."""
    ours = replace(
        opened(), lockout="water", holds=(Hold("h-1", HoldKind.DISPUTE, 5), Hold("h-2", HoldKind.COMPLAINT, None))
    )
    both = replace(THEIRS, lockout="fire", holds=(Hold("h-1", HoldKind.LIFE_SUPPORT, None),))
    after = taken(both, ours)
    assert after.lockout == "fire"
    assert after.holds == (Hold("h-1", HoldKind.LIFE_SUPPORT, None), Hold("h-2", HoldKind.COMPLAINT, None))
    after = taken(account=ours)
    assert (after.lockout, after.holds) == ("water", ours.holds)
    many = tuple(Hold(f"t-{number}", HoldKind.DISPUTE, None) for number in range(HOLDS_KEPT_MAX - 1))
    assert taken(replace(THEIRS, holds=many), ours).holds == (*many, ours.holds[0])


def test_charging_goes_on_from_their_register() -> None:
    """I5, I6: as if the gateway had been off since their reading; what this branch charged beyond it comes again."""
    began = world(tariff=tariff(blocks_wh=()))
    began.use(7_000)
    account = began.account
    anchor = Moment(MONDAY_MS - 3_600_000, TimeTrust.SYNCHRONISED, 10_000)
    register = taken(account=account).register
    assert (register.wh, register.at, register.dated) == (5_000, anchor, anchor)
    assert (register.segment, register.unobserved) == (account.register.segment + 1, True)
    assert register.cases_opened == account.register.cases_opened
    after = taken(account=account)
    assert (after.usage.wh, after.usage.month_wh) == (account.usage.wh - 2_000, account.usage.month_wh - 2_000)
    assert after.usage.net_nano == account.usage.net_nano
    assert after.settled_register_wh == 5_000
    assert after.spending == Spending()
    undated = taken(replace(THEIRS, at_utc_ms=None), account).register
    assert (undated.at, undated.dated) == (Moment(at(10_000).utc_ms, TimeTrust.UNKNOWN, 10_000), None)


@pytest.mark.parametrize(("ours_wh", "again_wh"), [(None, 0), (4_999, 0), (5_000, 0), (5_001, 1), (5_900, 900)])
def test_only_what_lies_beyond_their_register_is_charged_again(ours_wh: int | None, again_wh: int) -> None:
    """I5: neither overlap nor gap; counters never go below zero."""
    account = opened()
    usage = replace(account.usage, wh=1_500, month_wh=800)
    account = replace(account, usage=usage, register=replace(account.register, wh=ours_wh))
    after = taken(account=account)
    assert (after.usage.wh, after.usage.month_wh) == (1_500 - again_wh, max(0, 800 - again_wh))


def test_their_counters_never_go_below_zero() -> None:
    """I5: a register far ahead of all that was ever used here."""
    account = replace(opened(), register=replace(opened().register, wh=9_000))
    account = replace(account, usage=replace(account.usage, wh=100, month_wh=100))
    after = taken(account=account)
    assert (after.usage.wh, after.usage.month_wh) == (0, 0)


def test_without_their_register_ours_goes_on() -> None:
    """A branch that never read its meter knows nothing of it."""
    account = replace(opened(), settled_register_wh=7)
    after = taken(replace(THEIRS, register_wh=None), account)
    assert (after.register, after.settled_register_wh) == (account.register, 7)
    dated = taken(replace(THEIRS, register_wh=None, standing_utc_ms=MONDAY_MS), account)
    assert dated.usage.standing_through == "2026-03-02"


def test_cases_below_their_register_stay_open() -> None:
    """Decision 6: a discontinuity before their reading is still nobody's; what lies beyond is read again."""

    def case(number: int, kind: CaseKind, from_wh: int, to_wh: int) -> Case:
        return Case(number, kind, from_wh, to_wh, to_wh - from_wh, at(), at(1), 1)

    below = case(1, CaseKind.DISCONTINUITY, 4_000, 5_000)
    back = case(2, CaseKind.DISCONTINUITY, 5_000, 100)
    cases = (
        below,
        back,
        case(3, CaseKind.DISCONTINUITY, 4_000, 5_001),
        case(4, CaseKind.DISCONTINUITY, 5_001, 100),
        case(5, CaseKind.UNOBSERVED, 1_000, 2_000),
    )
    account = replace(opened(), register=replace(opened().register, cases=cases, cases_opened=5, segment=3))
    register = taken(account=account).register
    assert (register.cases, register.cases_opened, register.segment) == ((below, back), 5, 4)


def test_cases_before_the_time_of_their_register_stay_open() -> None:
    """I6: after another meter, or a register that began again, figures say nothing of before and after; dates do."""

    def case(number: int, utc_ms: int, trust: TimeTrust = TimeTrust.SYNCHRONISED) -> Case:
        ended = Moment(utc_ms, trust, 1)
        return Case(number, CaseKind.DISCONTINUITY, 1_221_650, 1_225_360, 3_710, at(), ended, 1)

    read_ms = MONDAY_MS - 3_600_000
    before = case(1, read_ms)
    after, undated = case(2, read_ms + 1), case(3, read_ms - 1, TimeTrust.RESTORED)
    waiting = replace(before, case_id=4, kind=CaseKind.UNOBSERVED)
    cases = (before, after, undated, waiting)
    account = replace(opened(), register=replace(opened().register, cases=cases, cases_opened=4))
    assert taken(account=account).register.cases == (before,)
    assert taken(replace(THEIRS, at_utc_ms=None), account).register.cases == ()


def test_the_standing_charge_goes_on_from_their_last_day() -> None:
    """I5: a day that they have charged is not charged again, in the zone of the tariff of that day."""
    night = MONDAY_MS - 9 * 3_600_000  # midnight of Monday in Zurich
    account = opened(policy=policy(), tariff=tariff())
    for utc_ms, through in ((night, "2026-03-02"), (night - 1, "2026-03-01")):
        order = request(replace(THEIRS, standing_utc_ms=utc_ms))
        assert apply(suspect(account), order, TERMS).account.usage.standing_through == through
    kept = replace(account, usage=replace(account.usage, standing_through="2026-02-27"))
    assert taken(account=kept).usage.standing_through == "2026-02-27"
