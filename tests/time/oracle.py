"""The terms of the requirements, computed by hand: of the gateway only the names of terms and rungs are used.

Everything is necessary, nothing sufficient: it says when an escalation would have been *too early*.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.prepayment.policy import DayKind, Term
from gateway.prepayment.supply import SupplyState

from .life import Life, Move
from .plans import MIN_MS

HOLIDAYS = {date(2026, 4, 6), date(2026, 12, 25)}
ZONE = ZoneInfo("Europe/Zurich")
WORSE = (SupplyState.LIMITED, SupplyState.SUSPENDED)


def violations(life: Life) -> list[str]:
    """Every promise that this life broke."""
    found = list(life.diary.wrong)
    before: Move | None = None
    for move in life.diary.moves:
        if move.target in WORSE and move.source is not SupplyState.SUSPENDED:
            since_ms = move.true_ms - life.plan.started_ms
            found += [f"{move.rule} at {since_ms} ms: {why}" for why in _early(life, move, before)]
        before = move
    return found


def civil(true_ms: int) -> datetime:
    """The wall clock in the kitchen."""
    return datetime.fromtimestamp(true_ms / 1000, UTC).astimezone(ZONE)


def first_day_after(start: date, term: Term) -> date:
    """The day of the event does not count; the day after the last counted one is the first that may be acted on."""
    counted, day = 0, start
    while counted < (term.days or 0):
        day += timedelta(days=1)
        counted += term.day_kind is DayKind.CALENDAR or (day.weekday() < 5 and day not in HOLIDAYS)
    return day + timedelta(days=1)


def _early(life: Life, move: Move, before: Move | None) -> list[str]:
    """What was not over yet."""
    policy, slack_ms = life.plan.policy, life.slack_ms + 2 * MIN_MS
    found = []
    if before is None or before.target is not move.source:
        return ["nobody came into the rung it leaves"]
    stayed_ms = move.powered_ms - before.powered_ms
    debt_nano = _most_debt_nano(life, move.true_ms)
    if debt_nano < 0:
        found.append("there is credit")
    if move.noticed_ms is None or move.powered_ms - move.noticed_ms < policy.min_after_notice_ms - slack_ms:
        found.append("the notice is too young")
    if any(
        at_ms < move.true_ms - life.plan.started_ms - slack_ms < until_ms - 2 * slack_ms
        for at_ms, until_ms in _holds(life)
    ):
        found.append("a hold stands")
    if move.rule == "offline_debt_cap":
        return found if debt_nano >= policy.offline_debt_cap_nano else [*found, "the offline cap is not reached"]
    if not move.proven:
        found.append("nobody has told the time since the start")
    term, cap_nano = policy.grace, policy.grace_debt_cap_nano
    if move.source is SupplyState.LIMITED:
        term, cap_nano = policy.limit_term, 10**18
    if debt_nano < cap_nano and _term_runs(term, move, before, stayed_ms, slack_ms):
        found.append("the term is not over")
    if not any(_slot_open(life, move.true_ms + shift_ms) for shift_ms in (-slack_ms, 0, slack_ms)):
        found.append("the slot is closed")
    return found


def _holds(life: Life) -> list[tuple[int, int]]:
    """From the first minute the gateway was there to be told, not counting any that came while it was off."""
    return [span for span in life.plan.holds if not any(at <= span[0] <= at + off for at, off in life.plan.cuts)]


def _term_runs(term: Term, move: Move, before: Move, stayed_ms: int, slack_ms: int) -> bool:
    if term.duration_ms is not None:
        return stayed_ms < term.duration_ms - slack_ms - term.duration_ms // 5_000
    entered = civil(before.true_ms - slack_ms).date()
    return civil(move.true_ms + slack_ms).date() < first_day_after(entered, term)


def _slot_open(life: Life, true_ms: int) -> bool:
    slots, now = life.plan.policy.slots, civil(true_ms)
    today, tomorrow = now.date(), now.date() + timedelta(days=1)
    if now.weekday() in slots.closed_weekdays or (slots.closed_on_holidays and today in HOLIDAYS):
        return False
    if slots.closed_on_eves and tomorrow in HOLIDAYS:
        return False
    return slots.from_minute <= now.hour * 60 + now.minute < slots.to_minute


def _most_debt_nano(life: Life, true_ms: int) -> int:
    """What is owed at most: all that was used at the dearer price, a standing charge for each day begun."""
    plan = life.plan
    since_ms = true_ms - plan.started_ms
    hours = min(since_ms // (60 * MIN_MS), len(plan.watts) + 49)
    used_wh = sum((*plan.watts, *([100] * 50))[: hours + 1])
    days = (civil(true_ms + life.slack_ms).date() - civil(plan.started_ms).date()).days + 1
    paid_nano = plan.opening_nano + sum(nano for at_ms, nano in plan.top_ups if at_ms < since_ms - 2 * MIN_MS)
    if any(at <= at_ms <= at + off for at, off in plan.cuts for at_ms, _ in plan.top_ups):
        paid_nano = plan.opening_nano
    return used_wh * plan.nano_per_wh + days * plan.standing_nano - paid_nano
