"""A resync of a post-paid account: no claim is lost with the card, no contract ends by it, nothing is taken blindly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.arrears import Arrears, Proof
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import AccountClosed, CloseCause, Suspected, SuspicionCause, TimeTrust
from gateway.prepayment.ledger import Entry, EntryKind, Happening, VerdictStatus
from gateway.prepayment.outages import OUTAGE_MAX_MS, Outage
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.rollback import OUTAGES_KEPT_MAX
from gateway.prepayment.supply import Commodity, SupplyState, SwitchState
from gateway.prepayment.taken import refused
from tests.delinquency.debtor import Debtor, debtor, utc_ms
from tests.prepayment.worlds import NANO

S = SupplyState
DAY_MS = 86_400_000


def _suspended() -> Debtor:
    """Cut on 20 April for the claim a-1."""
    home = debtor()
    home.notice()
    home.stand("2026-04-07")
    home.limit()
    home.stand("2026-04-20")
    assert home.suspend().reason == ""
    return home


def _image_of_march() -> Debtor:
    """Books from before the claim, on 1 May: the head-end knows better."""
    home = debtor()
    home.stand("2026-05-01")
    home.post(Suspected(home.at(), SuspicionCause.FORK, "epoch", 5))
    return home


def _position(home: Debtor, state: SupplyState = S.SUSPENDED, **changes: Any) -> Position:
    """Cut since 20 April, as the head-end's rows say."""
    known = Position(
        home.register_wh, home.now_ms, 0, 0, 0, 0, 0, state, 11 * DAY_MS, dated_utc_ms=utc_ms("2026-04-20")
    )
    return replace(known, **changes)


def _resync(home: Debtor, known: Position | None) -> Resynced:
    return Resynced(home.at(), "r-1", "run-1", "epoch", 9, "ab" * 32, "EUR", known)


def _claim(**changes: Any) -> Arrears:
    """The claim as its notice told it."""
    return replace(_suspended().account.arrears[0], **changes)


def test_a_suspended_account_keeps_its_claims_and_stays_off() -> None:
    """Threat 4, S1-15: an image without the claim brings nobody back; the payment does, and the end has its terms."""
    home = _image_of_march()
    claim = _claim(amount_nano=70 * NANO)
    assert home.said(_resync(home, _position(home, arrears=(claim,)))).status is VerdictStatus.APPLIED
    assert (home.state, home.account.arrears) == (S.SUSPENDED, (claim,))
    assert control(home.account, home.terms).switch is SwitchState.DISCONNECTED
    end = AccountClosed(home.at(), "close", "arrears", CloseCause.DELINQUENCY)
    assert home.said(end).reason == "too_early", "twenty days from 20 April, which the image did not know"
    home.stand("2026-05-11")
    assert home.said(replace(end, at=home.at())).reason == ""
    home = _image_of_march()
    home.said(_resync(home, _position(home, arrears=(claim,))))
    home.pay()
    assert home.state is S.REGULAR


def test_who_owes_nothing_any_more_is_restored_by_the_resync() -> None:
    """S1-14: the claims of the position stand instead of those of the image, also when there are none."""
    home = _suspended()
    home.post(Suspected(home.at(), SuspicionCause.FORK, "epoch", 5))
    home.said(_resync(home, _position(home, S.REGULAR, arrears=())))
    assert (home.state, home.account.arrears) == (S.REGULAR, ())


def test_a_position_that_does_not_say_the_claims_is_refused() -> None:
    """Threat 4: silence is neither a payment nor a claim; what is said comes with the field that is missing."""
    home = _image_of_march()
    verdict = home.said(_resync(home, _position(home)))
    hint = "the claims that are open, each with what is left of it; [] when nothing is owed"
    assert verdict == refused("missing_field", field="arrears", hint=hint)
    assert home.account.suspicion is not None
    assert home.said(_resync(home, None)).status is VerdictStatus.APPLIED, "it knows nothing of the account"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"commodity": Commodity.GAS}, "other_commodity_debt"),
        ({"amount_nano": 0}, "invalid_amount"),
        ({"notified_on": None}, "incomplete_evidence"),
        ({"due_on": "2026-03-01"}, "dates_contradict"),
        ({"notified_on": "2026-05-02", "final_term_on": "2026-06-02"}, "dates_contradict"),
        ({"issued_on": "2026-01-31", "due_on": "2026-01-31"}, "too_early"),
        ({"final_term_on": "2026-03-11"}, "final_term_too_short"),
        ({"proof": Proof.REGISTERED_LETTER}, "incomplete_evidence"),
    ],
)
def test_a_claim_in_a_position_shows_what_its_notice_must_show(changes: dict[str, Any], reason: str) -> None:
    """2.4: a resync is no way around the terms of a notice; the refusal names the claim and nothing changes."""
    home = _image_of_march()
    verdict = home.said(_resync(home, _position(home, arrears=(_claim(), _claim(arrears_id="a-2", **changes)))))
    assert verdict.reason == reason
    assert dict(verdict.detail)["arrears"] == "a-2"
    assert dict(verdict.detail)["hint"] == "leave it out and give notice anew"


def test_the_same_claim_twice_is_no_position() -> None:
    """2.4: which of two amounts counts nobody could say."""
    home = _image_of_march()
    verdict = home.said(_resync(home, _position(home, arrears=(_claim(), _claim(amount_nano=NANO)))))
    assert verdict == refused("arrears_exist", hint="each claim once")


def test_without_proven_time_no_day_lies_ahead() -> None:
    """Threat 3: a resync proves itself by the challenge; the clock of an old card must not hold it up."""
    home = _image_of_march()
    home.trust, home.now_ms = TimeTrust.UNKNOWN, 0
    known = _position(home, arrears=(_claim(),), dated_utc_ms=utc_ms("2026-04-20"))
    assert home.said(_resync(home, known)).reason == ""
    assert home.state is S.SUSPENDED


def test_a_resync_ends_no_contract_that_is_open_here() -> None:
    """S1-15, threat 4: TERMINATED would open the switch; the end, or the change of holder, is ordered again first."""
    home = _image_of_march()
    ended = _resync(home, _position(home, S.TERMINATED, arrears=()))
    verdict = home.said(ended)
    hint = "first account_close, or account_rollover to the next holder, again: a resync ends no contract"
    assert verdict == refused("not_closed", state="REGULAR", hint=hint)
    assert home.said(AccountClosed(home.at(), "close", "moved")).reason == ""
    assert home.said(ended).status is VerdictStatus.APPLIED
    assert (home.state, home.account.suspicion) == (S.TERMINATED, None)


def test_what_a_contract_used_after_its_end_is_taken_back() -> None:
    """S2-03, threat 4: ended again at the register of today, the old holder has paid for the next one's consumption."""
    home = debtor(balance_nano=100 * NANO)
    home.register_wh = 1_000
    home.stand("2026-03-03")
    then = home.account
    home.register_wh = 41_000  # the next holder's, in the branch that was lost
    home.stand("2026-03-20")
    home.post(Suspected(home.at(), SuspicionCause.FORK, "epoch", 5))
    home.said(AccountClosed(home.at(), "close", "moved"))
    assert home.account.balance_nano < then.balance_nano
    known = _position(home, S.TERMINATED, balance_nano=then.balance_nano, register_wh=1_000, arrears=(_claim(),))
    home.said(_resync(home, known))
    assert (home.account.balance_nano, home.account.arrears) == (then.balance_nano, (_claim(),))
    entry = next(one for one in home.records if isinstance(one, Entry) and one.kind is EntryKind.RESYNC)
    assert (entry.from_register_wh, entry.to_register_wh) == (41_000, 1_000)
    refunds = [
        dict(one.detail)["balance_nano"]
        for one in home.records
        if isinstance(one, Happening) and one.what == "account.refund_due"
    ]
    assert refunds[-1] == then.balance_nano


def test_outages_of_either_side_stand() -> None:
    """S4-06: a window that the image forgot stops the terms again; theirs of one id counts, and none lasts for ever."""
    home = _image_of_march()
    ours = (Outage("o-1", home.now_ms, home.now_ms + 1), Outage("o-2", home.now_ms, home.now_ms + 2))
    home.account = replace(home.account, outages=ours)
    theirs = Outage("o-1", home.now_ms, home.now_ms + OUTAGE_MAX_MS)
    long = replace(theirs, ends_utc_ms=theirs.ends_utc_ms + 1)
    verdict = home.said(_resync(home, _position(home, S.REGULAR, arrears=(), outages=(long,))))
    assert verdict == refused("outage_length", outage="o-1", max_ms=OUTAGE_MAX_MS)
    home.said(_resync(home, _position(home, S.REGULAR, arrears=(), outages=(theirs,))))
    assert home.account.outages == (theirs, ours[1])
    assert OUTAGES_KEPT_MAX == 32
