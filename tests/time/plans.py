"""Lives to live: by a seed, a household with its policy, and the lies that its clocks will tell."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gateway.prepayment.policy import DayKind, Policy, Slots, Term
from tests.prepayment.worlds import policy

MIN_MS = 60_000
HOUR_MS = 60 * MIN_MS
DAY_MS = 24 * HOUR_MS
NANO = 1_000_000_000
_DAYS = ((2026, 3, 26, 8), (2026, 3, 31, 20), (2026, 10, 23, 6), (2026, 12, 22, 11))
STARTS = tuple(datetime(*day, tzinfo=UTC) for day in _DAYS)
"""Around both changes of the clocks, Easter Monday and Christmas."""
_STEPS_MS = (1_000, 10_000, 299_000, HOUR_MS, DAY_MS, 3 * DAY_MS, 40 * DAY_MS, 3_652 * DAY_MS)


@dataclass(frozen=True, slots=True)
class Lie:
    """At `at_ms` of the life a clock does `what` by so much; see `Life`."""

    at_ms: int
    what: str
    by_ms: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One household. Times are ms since `started_ms`; the meter's register moves whatever the gateway does."""

    seed: int
    days: int
    started_ms: int
    ppm: int
    policy: Policy
    nano_per_wh: int
    night_nano_per_wh: int
    standing_nano: int
    opening_nano: int
    watts: tuple[int, ...]
    top_ups: tuple[tuple[int, int], ...]
    holds: tuple[tuple[int, int], ...]
    lockout: tuple[int, int] | None
    cuts: tuple[tuple[int, int], ...]

    @property
    def flat(self) -> bool:
        """One price at all hours: then the time decides nothing but terms and standing charge."""
        return self.nano_per_wh == self.night_nano_per_wh


def plan(seed: int, days: int) -> Plan:
    """The household of this seed."""
    chance = random.Random(f"plan {seed}")
    started = chance.choice(STARTS)
    whole_ms = days * DAY_MS
    price = 250_000
    return Plan(
        seed=seed,
        days=days,
        started_ms=int(started.timestamp() * 1000) + 30_000 + chance.randrange(24) * HOUR_MS,
        ppm=chance.choice((0, 0, -100, 100)),
        policy=_policy(chance),
        nano_per_wh=price,
        night_nano_per_wh=price if chance.random() < 0.8 else price // 2,
        standing_nano=chance.choice((0, NANO // 4)),
        opening_nano=chance.choice((NANO // 2, NANO, 3 * NANO)),
        watts=tuple(chance.choice((0, 200, 500, 1_000, 3_000)) for _ in range(24 * days)),
        top_ups=tuple(
            sorted((chance.randrange(whole_ms) // MIN_MS * MIN_MS, NANO * chance.randint(1, 12))
            for _ in range(chance.choice((0, 0, 1, 2))))
        ),
        holds=tuple(
            (at_ms, at_ms + chance.choice((5 * HOUR_MS, DAY_MS + 17 * MIN_MS, 2 * DAY_MS)))
            for at_ms in sorted(chance.randrange(whole_ms) // MIN_MS * MIN_MS for _ in range(chance.choice((0, 0, 1))))
        ),
        lockout=_span(chance, whole_ms) if chance.random() < 0.2 else None,
        cuts=tuple(
            sorted((chance.randrange(whole_ms) // MIN_MS * MIN_MS, chance.choice((2, 40, 300, 1_500)) * MIN_MS)
            for _ in range(chance.choice((0, 0, 1, 2))))
        ),
    )  # fmt: skip


def lies(seed: int, days: int) -> tuple[Lie, ...]:
    """What the clocks of this seed do: anything, as long as no two of them tell the same lie."""
    chance = random.Random(f"lies {seed}")
    found = []
    kinds: tuple[str, ...] = ("step", "step", "claim", "unclaim", "honest", "answer", "answer", "stubborn", "late")
    kinds += ("forged", "again", "silence", "back", "leap", "suspend", "rtc", "restart")
    few = dict.fromkeys(("back", "leap", "suspend", "restart"), 2)
    for number in range(chance.choice((1, 3, 8, 25, 60))):
        what = chance.choice(kinds)
        if what in few:
            few[what] -= 1
            if few[what] < 0:
                continue
        # each lie has minutes of its own, so that two clocks never agree on a time that is wrong
        by_ms = chance.choice((-1, 1)) * (chance.choice(_STEPS_MS) + (number + 1) * 11 * MIN_MS)
        if what == "suspend":
            by_ms = chance.choice((11, 600)) * MIN_MS
        if what == "silence":
            by_ms = chance.choice((2, 30, 60)) * HOUR_MS
        found.append(Lie(chance.randrange(days * DAY_MS) // MIN_MS * MIN_MS, what, by_ms))
    return tuple(sorted(found, key=lambda lie: lie.at_ms))


def script(number: int) -> tuple[Lie, ...]:
    """Lies that belong together: a restart while nobody answers or somebody lies, under a wall clock years off.

    Or no restart: an answer of minutes ago is played again, and then nobody answers for days.
    """
    restart = (Lie(2 * MIN_MS, "silence", 30 * HOUR_MS), Lie(3 * MIN_MS, "unclaim"), Lie(4 * MIN_MS, "restart"))
    return (
        (
            Lie(2 * MIN_MS, "silence", 20 * HOUR_MS),
            *restart[1:],
            Lie(5 * MIN_MS, "step", -40 * DAY_MS),
            Lie(6 * MIN_MS, "suspend", 10 * HOUR_MS),
        ),
        (*restart, Lie(5 * MIN_MS, "step", 3_652 * DAY_MS), Lie(6 * MIN_MS, "claim")),
        (Lie(2 * MIN_MS, "stubborn", 40 * DAY_MS), Lie(3 * MIN_MS, "step", -3_652 * DAY_MS), *restart[1:]),
        (Lie(9 * MIN_MS, "again", -4 * MIN_MS), Lie(10 * MIN_MS, "silence", 60 * HOUR_MS)),
    )[(number + 3) % 4]


def _policy(chance: random.Random) -> Policy:
    kind = chance.choice((DayKind.CALENDAR, DayKind.WORKING))
    morning = Slots(from_minute=480, to_minute=780)
    closed = replace(morning, closed_weekdays=(4, 5, 6), closed_on_holidays=True, closed_on_eves=True)
    hours, days = Term(duration_ms=20 * HOUR_MS), Term(days=1, day_kind=kind)
    return policy(
        grace=chance.choice((Term(duration_ms=6 * HOUR_MS), Term(duration_ms=30 * HOUR_MS), days)),
        limit_term=chance.choice((hours, days, Term(days=0))),
        grace_debt_cap_nano=chance.choice((2, 15, 500)) * NANO,
        grace_warn_before_ms=HOUR_MS,
        min_after_notice_ms=chance.choice((1, 5)) * HOUR_MS,
        low_credit_nano=NANO,
        low_credit_hysteresis_nano=0,
        max_offline_ms=chance.choice((8, 72)) * HOUR_MS,
        offline_debt_cap_nano=chance.choice((3, 1_000, 1_000)) * NANO,
        slots=chance.choice((Slots(), morning, closed)),
    )


def _span(chance: random.Random, whole_ms: int) -> tuple[int, int]:
    begins_ms = chance.randrange(whole_ms) // MIN_MS * MIN_MS
    return begins_ms, begins_ms + chance.choice((3, 30)) * HOUR_MS
