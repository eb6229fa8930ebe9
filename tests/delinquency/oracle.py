"""The terms of post-paid escalation once more, counted day by day from the rows alone; shares no code with the gateway.

Holidays are written here by hand for the months the lives are in. A row of a transition is judged by what it says of
itself (dates, policy, reference) and by what the test knows to have been so at that instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

HOLIDAYS = {
    date(2026, 1, 1), date(2026, 1, 6), date(2026, 4, 5), date(2026, 4, 6), date(2026, 4, 25), date(2026, 5, 1),
    date(2026, 6, 2), date(2026, 8, 15), date(2026, 10, 4), date(2026, 11, 1), date(2026, 12, 8), date(2026, 12, 25),
    date(2026, 12, 26), date(2027, 1, 1), date(2027, 1, 6),
}  # fmt: skip
ROME = ZoneInfo("Europe/Rome")
ONE = timedelta(days=1)


@dataclass(frozen=True)
class Rules:
    """What a policy is, as a person reads it in its file."""

    working: int
    notified: int
    after_due: int
    after_notice: int
    limit_days: int | None


def local(utc_ms: int) -> datetime:
    """The wall clock in Rome."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(ROME)


def works(day: date) -> bool:
    """Monday to Friday and no holiday."""
    return day.weekday() < 5 and day not in HOLIDAYS


def over(start: date, days: int, *, working: bool = False) -> date:
    """The first day after so many days, the first not counted."""
    day, left = start, days
    while left:
        day += ONE
        if works(day) or not working:
            left -= 1
    return day + ONE


def in_slot(utc_ms: int) -> bool:
    """Monday to Thursday, 08:00 to 15:00, no holiday and no eve."""
    now = local(utc_ms)
    day = now.date()
    return day.weekday() < 4 and day not in HOLIDAYS and day + ONE not in HOLIDAYS and 8 <= now.hour < 15


def first_day(told: dict[str, str | int], rules: Rules, limited_on: date | None) -> date:
    """The first day on which the rung of this row was legal."""
    days = [over(_day(told["final_term_on"]), rules.working, working=True)]
    if rules.notified:
        days.append(over(_day(told["notified_on"]), rules.notified))
    if rules.after_due:
        days.append(over(_day(told["due_on"]), rules.after_due))
    if rules.after_notice:
        days.append(over(_day(told["notified_on"]), rules.after_notice))
    if limited_on is not None:
        assert rules.limit_days is not None
        days.append(over(limited_on, rules.limit_days))
    return max(days)


def notice_is_legal(told: dict[str, str | int], notice_after: int) -> bool:
    """The letter came after the due date and left enough time to pay."""
    least = {"certified_mail": ("notified_on", 10), "registered_letter": ("sent_on", 15), "unproven": ("issued_on", 20)}
    start, days = least[str(told["proof"])]
    in_time = _day(told["final_term_on"]) >= _day(told[start]) + days * ONE
    return in_time and _day(told["issued_on"]) > _day(told["due_on"]) + notice_after * ONE


def _day(text: str | int) -> date:
    return date.fromisoformat(str(text))
