"""Judging the meter's import register: what a reading may charge (decision 6, I6).

A reading charges only if it lies between the last accepted value and what the rated power could have used since
(a quarter more, plus two register quanta). Anything else is quarantined and charges nothing. Reading it again proves
that a value is *stable*, never that it is *consumption*: three consistent readings open a new segment from which
charging goes on, and the difference stays behind as an open case for a person. The one thing that may be settled
without a person is energy used while the gateway was off and did not know for how long: once the time is known, rated
power over the time it was off since the last dated reading decides, however often it was switched off meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.prepayment.events import Detail, Moment, Reading

UNREADABLE, FOREIGN, QUARANTINED = "register.unreadable", "register.foreign_serial", "register.quarantined"
CONFIRMATIONS = 3
"""Consistent readings that make a discontinuity stable."""
CASES_MAX = 16
"""Open cases kept in the account; the journal has all of them."""
REFRESH_MS = 60_000
"""Some meters renew their register only now and then: what one that stood still gains at once may be this old."""
QUIET_MS = 900_000
"""A trouble that comes and goes is told once in so long: each telling is a row for ever and a write to flash (I20)."""
OVERLOAD_PERCENT = 125
"""Of rated power; what a supply may carry for hours: mains 10 % high (EN 50160), a breaker at 1.13 of its current."""
_MS_PER_H = 3_600_000


class CaseKind(StrEnum):
    """Why a difference of the register was not charged."""

    DISCONTINUITY = "discontinuity"
    UNOBSERVED = "unobserved"


@dataclass(frozen=True, slots=True)
class Case:
    """Energy nobody has been charged for; `began` is the last accepted reading before it, if UNOBSERVED the last dated.

    `wh` is the difference, negative where a register went back. An UNOBSERVED case collects what several absences
    in a row left behind: `wh` is their sum, `observed_ms` the running time around them.
    """

    case_id: int
    kind: CaseKind
    from_wh: int
    to_wh: int
    wh: int
    began: Moment
    ended: Moment
    observed_ms: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A quarantined value: where it began, its latest reading and how many agree."""

    first_wh: int
    first_at: Moment
    last_wh: int
    last_at: Moment
    count: int


@dataclass(frozen=True, slots=True)
class Told:
    """A trouble that was put on record, when, and whether it is still so and its end must be told, too."""

    what: str
    running_ms: int
    stands: bool = True


@dataclass(frozen=True, slots=True)
class Register:
    """The last accepted reading (`wh`, `at`), what is in quarantine, and the open cases.

    `unobserved` is set at each start: until the next accepted reading the gateway cannot know how long it was away.
    `trouble` names what is wrong now ("" when nothing is): a defect or a foreign serial number. `dated` is the last
    accepted reading whose time was known; `moved_ms` the running time at which `wh` last became another; `told` what
    was told last of each kind of trouble.
    """

    wh: int | None = None
    at: Moment | None = None
    segment: int = 1
    unobserved: bool = False
    trouble: str = ""
    candidate: Candidate | None = None
    cases: tuple[Case, ...] = ()
    cases_opened: int = 0
    dated: Moment | None = None
    moved_ms: int | None = None
    told: tuple[Told, ...] = ()

    @property
    def trusted(self) -> bool:
        """The latest reading was accepted and nothing is in quarantine."""
        return self.wh is not None and self.candidate is None and not self.trouble


@dataclass(frozen=True, slots=True)
class Span:
    """Consumption to rate: `wh` used between two moments; `case` when it is one that was open until now."""

    before: Moment
    after: Moment
    wh: int
    case: Case | None = None


Found = tuple[str, Detail]
"""What happened to the register and its details, for the record."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The register after a reading, what to charge, and what to put on record (`what`, details)."""

    register: Register
    spans: tuple[Span, ...] = ()
    events: tuple[Found, ...] = ()
    reread: bool = False


def judge(
    register: Register, reading: Reading, *, serial: str | None, rated_power_w: int, wraps_at_wh: int | None
) -> Judgement:
    """Decide what one reading may charge; `serial` is the meter the account is bound to (None: not checked)."""
    if reading.import_wh is None:
        return _troubled(register, reading.defect or "unreadable", UNREADABLE, reading)
    if serial is not None and reading.serial is not None and reading.serial != serial:
        return _troubled(register, "serial", FOREIGN, reading)
    clear = replace(register, trouble="") if register.trouble else register
    judged = _accept_or_quarantine(clear, reading, rated_power_w, wraps_at_wh)
    if _stands(register, UNREADABLE, FOREIGN):
        cleared = ("register.readable", (("after", register.trouble),))
        over = replace(judged.register, told=_over(judged.register, UNREADABLE, FOREIGN))
        judged = replace(judged, register=over, events=(cleared, *judged.events))
    if judged.register.trusted and reading.at.trust.dated and judged.register.cases:
        judged = _judge_unobserved(judged, reading.at, rated_power_w)
    return judged


def plausible_wh(elapsed_ms: int, rated_power_w: int, quantum_wh: int) -> int:
    """The most a register may have advanced: rated power with overload over the time, and two quanta (decision 6)."""
    return -(-rated_power_w * OVERLOAD_PERCENT * max(elapsed_ms, 0) // (100 * _MS_PER_H)) + 2 * quantum_wh


def ended(register: Register, at: Moment, rated_power_w: int) -> Judgement:
    """A contract ends: an absence is charged if the time tells how long it was, or is left for a person to settle.

    No reading of this contract will follow that could charge it.
    """
    judged = Judgement(register)
    if at.trust.dated:
        judged = _judge_unobserved(judged, at, rated_power_w)
    cases, events = [], list(judged.events)
    for case in judged.register.cases:
        if case.kind is CaseKind.UNOBSERVED:
            events.append(("register.discontinuity", (*_case_detail(case, register.segment), ("wh", case.wh))))
        cases.append(replace(case, kind=CaseKind.DISCONTINUITY))
    return replace(judged, register=replace(judged.register, cases=tuple(cases)), events=tuple(events))


def after_end(before: Register, judged: Judgement, *, owed: bool) -> Judgement:
    """A reading after the end of a contract charges nothing; `owed`: the last was missed, so the rest is a case."""
    register = judged.register
    events = tuple(event for event in judged.events if event[0] != "register.unobserved_charged")
    cases = tuple(case for case in register.cases if case.kind is CaseKind.DISCONTINUITY)
    register = replace(register, cases=cases)
    opened = register.cases_opened != before.cases_opened and any(case.case_id > before.cases_opened for case in cases)
    wh = 0 if register.wh is None or before.wh is None else register.wh - before.wh
    if not owed or opened or wh <= 0 or before.at is None or register.at is None:
        return replace(judged, register=register, spans=(), events=events)
    number, observed_ms = register.cases_opened + 1, register.at.running_ms - before.at.running_ms
    assert before.wh is not None
    assert register.wh is not None
    case = Case(number, CaseKind.DISCONTINUITY, before.wh, register.wh, wh, before.at, register.at, observed_ms)
    register = replace(register, cases=(*cases, case)[-CASES_MAX:], cases_opened=number)
    detail = (*_case_detail(case, register.segment), ("wh", wh))
    return replace(judged, register=register, spans=(), events=(*events, ("register.discontinuity", detail)))


def _troubled(register: Register, trouble: str, what: str, reading: Reading) -> Judgement:
    detail: Detail = (("trouble", trouble),)
    if trouble == "serial" and reading.serial:
        detail = (*detail, ("serial", reading.serial))
    register, events = _tell(replace(register, trouble=trouble), what, detail, reading.at)
    return Judgement(register, events=events, reread=trouble != "serial")


def _tell(register: Register, what: str, detail: Detail, at: Moment) -> tuple[Register, tuple[Found, ...]]:
    """Tell a trouble once while it stands, and not again soon after; one that lasts is told when that is over."""
    known = next((told for told in register.told if told.what == what), None)
    if known is not None and (known.stands or at.running_ms - known.running_ms < QUIET_MS):
        return register, ()
    others = tuple(told for told in register.told if told.what != what)
    return replace(register, told=(*others, Told(what, at.running_ms))), ((what, detail),)


def _stands(register: Register, *troubles: str) -> bool:
    return any(told.stands for told in register.told if told.what in troubles)


def _over(register: Register, *troubles: str) -> tuple[Told, ...]:
    """What was told, of these troubles as what no longer stands."""
    return tuple(replace(one, stands=False) if one.what in troubles else one for one in register.told)


def _accept_or_quarantine(
    register: Register, reading: Reading, rated_power_w: int, wraps_at_wh: int | None
) -> Judgement:
    value_wh = reading.import_wh
    assert value_wh is not None
    if register.wh is not None and register.at is not None:
        advance_wh = value_wh - register.wh
        if 0 <= advance_wh <= plausible_wh(_stood_ms(register, reading.at), rated_power_w, reading.quantum_wh):
            accepted = _accepted(register, value_wh, reading.at)
            events: tuple[Found, ...] = ()
            if register.candidate is not None and _stands(register, QUARANTINED):
                events = (("register.transient", (("value_wh", register.candidate.last_wh), ("kept_wh", register.wh))),)
            return Judgement(accepted, (Span(register.at, reading.at, advance_wh),), events)
    candidate = _confirm(register.candidate, reading, rated_power_w)
    if candidate.count < CONFIRMATIONS:
        noticed: tuple[Found, ...] = ()
        if register.wh is not None:
            detail = (("value_wh", value_wh), ("expected_from_wh", register.wh))
            register, noticed = _tell(register, QUARANTINED, detail, reading.at)
        return Judgement(replace(register, candidate=candidate), events=noticed, reread=True)
    return _stable(register, candidate, reading, rated_power_w, wraps_at_wh)


def _accepted(register: Register, wh: int, at: Moment) -> Register:
    """The register after a reading that counts: nothing in quarantine, nothing unobserved."""
    moved_ms = register.moved_ms
    if wh != register.wh:
        moved_ms = at.running_ms
    elif moved_ms is None and register.at is not None:
        moved_ms = register.at.running_ms
    return Register(
        wh=wh,
        at=at,
        segment=register.segment,
        cases=register.cases,
        cases_opened=register.cases_opened,
        dated=at if at.trust.dated else register.dated,
        moved_ms=moved_ms,
        told=_over(register, QUARANTINED),
    )


def _stood_ms(register: Register, at: Moment) -> int:
    """The time a difference may have taken: since the last reading, or since the register last moved, within reason."""
    assert register.at is not None
    moved_ms = register.at.running_ms if register.moved_ms is None else register.moved_ms
    return max(at.running_ms - register.at.running_ms, min(at.running_ms - moved_ms, REFRESH_MS))


def _confirm(candidate: Candidate | None, reading: Reading, rated_power_w: int) -> Candidate:
    value_wh = reading.import_wh
    assert value_wh is not None
    if candidate is not None:
        elapsed_ms = reading.at.running_ms - candidate.last_at.running_ms
        if 0 <= value_wh - candidate.last_wh <= plausible_wh(elapsed_ms, rated_power_w, reading.quantum_wh):
            return replace(candidate, last_wh=value_wh, last_at=reading.at, count=candidate.count + 1)
    return Candidate(value_wh, reading.at, value_wh, reading.at, 1)


def _stable(
    register: Register, candidate: Candidate, reading: Reading, rated_power_w: int, wraps_at_wh: int | None
) -> Judgement:
    """The candidate is the register now; what lies between is charged only if it can be explained."""
    decided = tuple(told for told in register.told if told.what != QUARANTINED)  # the next one is another
    follows = replace(_accepted(register, candidate.last_wh, candidate.last_at), told=decided)
    since = Span(candidate.first_at, candidate.last_at, candidate.last_wh - candidate.first_wh)
    if register.wh is None or register.at is None:
        return Judgement(follows, (since,), (("register.opened", (("register_wh", candidate.first_wh),)),))
    gap_wh = candidate.first_wh - register.wh
    running_ms = candidate.first_at.running_ms - register.at.running_ms
    if wraps_at_wh is not None and 0 <= gap_wh + wraps_at_wh <= plausible_wh(
        running_ms, rated_power_w, reading.quantum_wh
    ):
        across = Span(register.at, candidate.first_at, gap_wh + wraps_at_wh)
        detail = (("from_wh", register.wh), ("to_wh", candidate.first_wh), ("wraps_at_wh", wraps_at_wh))
        return Judgement(follows, (across, since), (("register.wrapped", detail),))
    if register.unobserved and gap_wh > 0 and register.dated is not None:
        if not candidate.first_at.trust.dated:
            return _open_case(follows, CaseKind.UNOBSERVED, register, candidate, since)
        absent_ms = _off_ms(register.dated, candidate.first_at) + running_ms
        if gap_wh <= plausible_wh(max(absent_ms, running_ms), rated_power_w, reading.quantum_wh):
            return Judgement(follows, (Span(register.at, candidate.first_at, gap_wh), since))
    return _open_case(
        replace(follows, segment=register.segment + 1), CaseKind.DISCONTINUITY, register, candidate, since
    )


def _off_ms(began: Moment, at: Moment) -> int:
    """How long the gateway was off between two dated moments; below zero when the clock disagrees with itself."""
    return (at.utc_ms - began.utc_ms) - (at.running_ms - began.running_ms)


def _open_case(follows: Register, kind: CaseKind, register: Register, candidate: Candidate, since: Span) -> Judgement:
    assert register.wh is not None
    assert register.at is not None
    case = Case(
        case_id=register.cases_opened + 1,
        kind=kind,
        from_wh=register.wh,
        to_wh=candidate.first_wh,
        wh=candidate.first_wh - register.wh,
        began=register.at,
        ended=candidate.first_at,
        observed_ms=candidate.first_at.running_ms - register.at.running_ms,
    )
    detail = _case_detail(case, follows.segment)
    cases = register.cases
    if kind is CaseKind.UNOBSERVED:
        assert register.dated is not None
        case = replace(case, began=register.dated)
        last = cases[-1] if cases else None
        if last is not None and last.kind is kind and last.began == case.began:
            # The same absence as far as anybody can say: only together can they be held against the time.
            case = replace(
                case, from_wh=last.from_wh, wh=last.wh + case.wh, observed_ms=last.observed_ms + case.observed_ms
            )
            cases = cases[:-1]
    follows = replace(follows, cases=_kept((*cases, case)), cases_opened=case.case_id)
    return Judgement(follows, (since,), ((f"register.{kind}", detail),))


def _kept(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The newest; what waits for the time goes last, because nobody but this gateway would charge it."""
    if len(cases) <= CASES_MAX:
        return cases
    first = next((case for case in cases if case.kind is CaseKind.DISCONTINUITY), cases[0])
    return tuple(case for case in cases if case is not first)


def _judge_unobserved(judged: Judgement, at: Moment, rated_power_w: int) -> Judgement:
    """The time is known now: what was used while the gateway was away is charged if the rated power allows it."""
    register = judged.register
    spans, events, cases = list(judged.spans), list(judged.events), []
    for case in register.cases:
        if case.kind is not CaseKind.UNOBSERVED:
            cases.append(case)
            continue
        detail = (*_case_detail(case, register.segment), ("wh", case.wh))
        ended = Moment(at.utc_ms - (at.running_ms - case.ended.running_ms), at.trust, case.ended.running_ms)
        if case.wh <= plausible_wh(_off_ms(case.began, at) + case.observed_ms, rated_power_w, 0):
            spans.append(Span(case.began, ended, case.wh, case))
            events.append(("register.unobserved_charged", detail))
        else:
            cases.append(replace(case, kind=CaseKind.DISCONTINUITY, ended=ended))
            events.append(("register.discontinuity", detail))
    return replace(judged, register=replace(register, cases=tuple(cases)), spans=tuple(spans), events=tuple(events))


def _case_detail(case: Case, segment: int) -> Detail:
    return (("case_id", case.case_id), ("from_wh", case.from_wh), ("to_wh", case.to_wh), ("segment", segment))
