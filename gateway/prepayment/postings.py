"""Accepting a posting: exactly once, of a kind that may move money that way, within the limits of law and policy.

The gateway invents none of these (S1-16) and prices none of them: amounts come signed, and what the gateway can check
it checks. A refused posting leaves its number free. The ladder then sees the balance as always.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from gateway.prepayment import civil
from gateway.prepayment.account import Account
from gateway.prepayment.events import Detail
from gateway.prepayment.ledger import Entry, EntryKind, Record, Verdict, VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.posting import KEPT_MAX, Posted, Posting, PostingKind, Postings
from gateway.prepayment.register import CaseKind, Register
from gateway.prepayment.rollback import vouched
from gateway.prepayment.taken import Taken, refused

OLD_MONTHS = 24
"""Consumption older than this may be barred by limitation (Italian law 160/2019): flagged, for people to judge."""

CASE_KINDS = frozenset(
    {PostingKind.ADJUSTMENT, PostingKind.RECONSTRUCTION, PostingKind.ESTIMATE, PostingKind.CONGUAGLIO}
)
"""What may settle an open difference of the register."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind may do: the `signs` of its amount, whether it is for a period, whether it has two sides."""

    signs: tuple[int, ...]
    period: bool = False
    sides: bool = False


RULES = {
    PostingKind.FEE: Rule((-1,)),
    PostingKind.INTEREST: Rule((-1, 1), period=True),
    PostingKind.COMPENSATION: Rule((1,)),
    PostingKind.INDEMNITY: Rule((1,)),
    PostingKind.RECONSTRUCTION: Rule((-1, 0, 1), period=True, sides=True),
    PostingKind.ESTIMATE: Rule((-1,), period=True),
    PostingKind.CONGUAGLIO: Rule((-1, 0, 1), period=True),
    PostingKind.SETOFF: Rule((0,), sides=True),
    PostingKind.ADJUSTMENT: Rule((-1, 1)),
    PostingKind.REFUND: Rule((-1,)),
}
"""A deposit bears interest, so interest goes both ways; a refund is paid out and therefore leaves the account."""


def post(account: Account, request: Posting) -> Taken | Verdict:
    """Accept or refuse one posting. A closed account still takes them: its last bill is settled with them."""
    if not vouched(account):
        return refused("books_unconfirmed")
    if request.currency != account.currency:
        return refused("wrong_currency", expected=account.currency, got=request.currency)
    known = _numbered(account.postings, request)
    if known is not None:
        return known
    numbers = account.postings.numbers.with_number(request.number)
    if numbers is None:
        return refused("sequence_gap", last_sequence=account.postings.numbers.highest)
    if account.postings.find(request.reference) is not None:
        return refused("duplicate_reference", reference=request.reference)
    earlier, refusal = _earlier(account.postings, request)
    if refusal is None:
        refusal = _amount(account, request, earlier) or _period(account, request, earlier) or _case(account, request)
    if refusal is not None:
        return refusal
    posted = _posted(request, earlier)
    return Taken(
        lambda a: replace(
            a,
            postings=Postings(
                numbers, a.postings.total_nano + request.amount_nano, _kept(a.postings.kept, posted, earlier)
            ),
            register=_without_case(a.register, request.case_id),
        ),
        Verdict(VerdictStatus.APPLIED, "", _verdict_detail(request)),
        told=lambda before, after: _entries(before, after, request, posted),
    )


def reconstruction_from(test_day: date) -> date:
    """The first day a reconstruction may reach back to: one civil year before the day of the test (S2-18).

    A test on 29 February reaches back to 1 March, the day after which a year is over.
    """
    if (test_day.month, test_day.day) == (2, 29):
        return date(test_day.year - 1, 3, 1)
    return test_day.replace(year=test_day.year - 1)


def settled(estimate: Posted, actual_wh: int) -> int:
    """What corrects an estimate to what was really used, at the estimate's own price (S3-10), half away from zero.

    100 kWh estimated at 25.00 and 90 kWh used: 2.50 back.
    """
    assert estimate.wh is not None
    twice = 2 * estimate.amount_nano * (actual_wh - estimate.wh)
    nano = (abs(twice) + estimate.wh) // (2 * estimate.wh)
    return nano if twice >= 0 else -nano


def _numbered(postings: Postings, request: Posting) -> Verdict | None:
    """Already in? Another posting under a number already used would be lost if it were called included."""
    if not postings.numbers.has(request.number):
        return None
    same = next((one for one in postings.kept if one.number == request.number), None)
    if same is not None and (same.reference, same.kind, same.amount_nano) != (
        request.reference,
        request.kind,
        request.amount_nano,
    ):
        return refused("sequence_used", reference=same.reference, last_sequence=postings.numbers.highest)
    detail = (("last_sequence", postings.numbers.highest),)
    return Verdict(VerdictStatus.ALREADY_INCLUDED, "already_included", detail)


def _earlier(postings: Postings, request: Posting) -> tuple[Posted | None, Verdict | None]:
    """The posting this one undoes, if it names one."""
    name = request.reverses or request.supersedes
    if not name:
        return None, None
    earlier = postings.find(name)
    if earlier is None or (request.reverses and request.supersedes):
        return None, refused("unknown_posting", reference=name)
    if earlier.undone:
        return None, refused("already_undone", reference=name)
    if request.supersedes:
        if request.kind is not PostingKind.CONGUAGLIO or earlier.kind is not PostingKind.ESTIMATE:
            return None, refused("not_applicable", reference=name, kind=earlier.kind.value)
        if request.wh is None:
            return None, refused("missing_field", field="wh")
        wanted_nano = settled(earlier, request.wh)
    else:
        if request.kind is not earlier.kind:
            return None, refused("not_applicable", reference=name, kind=earlier.kind.value)
        wanted_nano = -earlier.amount_nano
    if request.amount_nano != wanted_nano:
        return None, refused("amount_mismatch", expected=wire_money(wanted_nano))
    return earlier, None


def _amount(account: Account, request: Posting, earlier: Posted | None) -> Verdict | None:
    rule, amount_nano, policy = RULES[request.kind], request.amount_nano, account.policy
    if not request.reverses and (amount_nano > 0) - (amount_nano < 0) not in rule.signs:
        return refused("wrong_sign", kind=request.kind.value, amount=wire_money(amount_nano))
    sides = (request.credit_nano, request.debit_nano)
    if rule.sides:
        if None in sides:
            return refused("missing_field", field="credit" if sides[0] is None else "debit")
        if request.kind is PostingKind.RECONSTRUCTION and sides[0] - sides[1] != amount_nano:  # type: ignore[operator]
            return refused("amount_mismatch", expected=wire_money(sides[0] - sides[1]))  # type: ignore[operator]
    elif sides != (None, None):
        return refused("not_applicable", field="credit, debit", kind=request.kind.value)
    largest_nano = max(abs(amount_nano), *(side or 0 for side in sides))
    if largest_nano > policy.posting_max_nano:
        return refused("above_cap", cap=f"{wire_money(policy.posting_max_nano)} {account.currency} a posting")
    if amount_nano > 0 and policy.above_cap(account.balance_nano + amount_nano):
        return refused("balance_above_cap", cap=f"{wire_money(policy.balance_max_nano)} {account.currency}")
    if request.kind is PostingKind.REFUND and earlier is None and account.balance_nano + amount_nano < 0:
        return refused("refund_exceeds_balance", balance=wire_money(account.balance_nano))
    return None


def _period(account: Account, request: Posting, earlier: Posted | None) -> Verdict | None:
    first, last = request.from_day, request.to_day
    if earlier is not None and first is None and last is None:
        return None  # the period of the one it undoes
    if first is None or last is None:
        if not RULES[request.kind].period and first is last is None:
            return None
        return refused("missing_field", field="from" if first is None else "to")
    if not request.at.trust.dated:
        return refused("clock_untrusted")
    today = _today(account, request).isoformat()
    if not first <= last <= today:
        return refused("invalid_period", today=today)
    if request.kind is PostingKind.RECONSTRUCTION:
        return _reconstruction(request, first, last)
    if request.kind is PostingKind.ESTIMATE and earlier is None:  # it is taken back because it was measured after all
        if not request.wh:
            return refused("missing_field", field="wh")
        if _measured(account, first, last):
            return refused("already_measured", register_wh=account.register.wh or 0)
    return None


def _reconstruction(request: Posting, first: str, last: str) -> Verdict | None:
    """From the fault if it is certain, else at most a year before the test (S2-17, S2-18)."""
    if request.fault_day is not None:
        if first != request.fault_day:
            return refused("reconstruction_limit", not_before=request.fault_day)
        return None
    if request.test_day is None:
        return refused("missing_field", field="test_day")
    earliest = reconstruction_from(date.fromisoformat(request.test_day)).isoformat()
    if first < earliest:
        return refused("reconstruction_limit", not_before=earliest)
    if last > request.test_day:
        return refused("invalid_period", test_day=request.test_day)
    return None


def _case(account: Account, request: Posting) -> Verdict | None:
    """An open difference is settled by a signed posting, and only one that a person can have looked into."""
    if request.case_id is None:
        return None
    if request.kind not in CASE_KINDS or request.reverses:
        return refused("not_applicable", field="case_id", kind=request.kind.value)
    settles = CaseKind.DISCONTINUITY  # energy used unobserved is charged by itself once the time is known
    if not any(case.case_id == request.case_id and case.kind is settles for case in account.register.cases):
        return refused("unknown_case", case_id=request.case_id)
    return None


def _without_case(register: Register, case_id: int | None) -> Register:
    if case_id is None:
        return register
    return replace(register, cases=tuple(case for case in register.cases if case.case_id != case_id))


def _measured(account: Account, first: str, last: str) -> bool:
    """The register was read after the period and nothing in it stayed open: then it is charged, and no estimate is."""
    dated, zone = account.register.dated, account.policy.time_zone
    if dated is None or civil.local_date(dated.utc_ms, zone).isoformat() <= last:
        return False
    for case in account.register.cases:
        began = civil.local_date(case.began.utc_ms, zone).isoformat() if case.began.trust.dated else ""
        ended = civil.local_date(case.ended.utc_ms, zone).isoformat() if case.ended.trust.dated else "9999"
        if began <= last and first <= ended:
            return False
    return True


def _today(account: Account, request: Posting) -> date:
    return civil.local_date(request.at.utc_ms, account.policy.time_zone)


def _posted(request: Posting, earlier: Posted | None) -> Posted:
    first, last = request.from_day, request.to_day
    if earlier is not None and first is None:
        first, last = earlier.from_day, earlier.to_day
    return Posted(
        request.number,
        request.kind,
        request.reference,
        request.amount_nano,
        first,
        last,
        request.wh,
        undone=bool(request.reverses),
        supersedes=request.supersedes,
    )


def _kept(kept: tuple[Posted, ...], posted: Posted, earlier: Posted | None) -> tuple[Posted, ...]:
    """The newest; what this one undoes is undone, and the estimate of an undone conguaglio is in force again."""
    marked = (replace(one, undone=True) if one is earlier else one for one in kept)
    if earlier is not None and earlier.supersedes:
        marked = (replace(one, undone=False) if one.reference == earlier.supersedes else one for one in marked)
    return (*marked, posted)[-KEPT_MAX:]


def _verdict_detail(request: Posting) -> Detail:
    detail: list[tuple[str, str | int]] = [("sequence", request.number)]
    if request.kind is PostingKind.SETOFF:
        assert request.credit_nano is not None
        assert request.debit_nano is not None
        detail.append(("net_nano", request.credit_nano - request.debit_nano))
    return tuple(detail)


def _entries(before: Account, after: Account, request: Posting, posted: Posted) -> tuple[Record, ...]:
    """One entry, or the two sides of it: what is taken back and what is booked instead."""
    amounts = [request.amount_nano]
    if request.kind is PostingKind.SETOFF:
        assert request.credit_nano is not None
        assert request.debit_nano is not None
        settled_nano = min(request.credit_nano, request.debit_nano)
        amounts = [settled_nano, -settled_nano]
    elif request.kind is PostingKind.RECONSTRUCTION:
        assert request.credit_nano is not None
        assert request.debit_nano is not None
        amounts = [request.credit_nano, -request.debit_nano]
    detail = _entry_detail(before, request, posted)
    balance_nano, entries = before.settled_balance_nano, []
    for amount_nano in amounts:
        balance_nano += amount_nano
        entries.append(
            Entry(
                at=request.at,
                account_id=after.account_id,
                kind=EntryKind(request.kind.value),
                currency=after.currency,
                amount_nano=amount_nano,
                balance_nano=balance_nano,
                reference=request.command_id,
                detail=detail,
            )
        )
    return tuple(entries)


def _entry_detail(account: Account, request: Posting, posted: Posted) -> Detail:
    undone = account.postings.find(request.reverses) if request.reverses else None
    restores = "" if undone is None else undone.supersedes
    said: dict[str, str | int | None] = {
        "sequence": request.number,
        "reference": request.reference,
        "legal_ref": request.legal_ref or None,
        "from": posted.from_day,
        "to": posted.to_day,
        "wh": request.wh,
        "reverses": request.reverses or None,
        "restores": restores or None,
        "supersedes": request.supersedes or None,
        "test_day": request.test_day,
        "fault_day": request.fault_day,
        "case_id": request.case_id,
    }
    if request.kind is PostingKind.SETOFF:
        said |= {"credit_nano": request.credit_nano, "debit_nano": request.debit_nano}
    if posted.from_day is not None and request.at.trust.dated and posted.from_day < _old(_today(account, request)):
        said["older_than_months"] = OLD_MONTHS
    return tuple((name, value) for name, value in said.items() if value is not None)


def _old(today: date) -> str:
    """The day 24 months ago; 28 February stands for a 29th that is not there."""
    years = OLD_MONTHS // 12
    day = min(today.day, 28) if today.month == 2 else today.day
    return today.replace(year=today.year - years, day=day).isoformat()
