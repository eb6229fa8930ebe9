"""One run: a life without lies, the same life with them, and everything that may not differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .life import Diary, Life
from .oracle import civil, violations
from .plans import MIN_MS, Lie, Plan, lies, plan, script

LIES_PER_LIFE = 3


@dataclass
class Sum:
    """What many runs add up to."""

    lives: int = 0
    minutes: int = 0
    lies: int = 0
    escalations: int = 0
    compared: int = 0
    doubts: int = 0
    broken: list[str] = field(default_factory=list)


def run(seed: int, *, days: int = 5, total: Sum | None = None) -> list[str]:
    """All that this seed broke; empty when it kept every promise."""
    total = Sum() if total is None else total
    lived = plan(seed, days)
    true = Life(lived)
    true.live()
    broken = [f"truthful: {wrong}" for wrong in violations(true)]
    _count(total, true, ())
    for variant in range(LIES_PER_LIFE):
        told = lies(seed * LIES_PER_LIFE + variant, days) if variant else script(seed)
        lied = Life(lived, told)
        lied.live()
        _count(total, lied, told)
        found = [*violations(lied), *_money(lived, true, lied)]
        if comparable(lived, told, lied.diary):
            total.compared += 1
            found += shortened(true.diary, lied.diary, -(-lied.slack_ms // MIN_MS))
        broken += [f"lies {variant}: {wrong}" for wrong in found]
    total.broken += broken
    return broken


def comparable(lived: Plan, told: Iterable[Lie], diary: Diary) -> bool:
    """The time decides no price, no rule bounds the loss by money alone, and no counted minute was invented."""
    leaps = any(lie.what == "leap" for lie in told)
    return lived.flat and not leaps and all(move.rule != "offline_debt_cap" for move in diary.moves)


def shortened(true: Diary, lied: Diary, minutes: int) -> list[str]:
    """The first minute in which the lied life is on a lower rung, or has less money, than the truthful one ever had."""
    absent = set(lied.absent)
    for minute, (rank, balance_nano) in enumerate(zip(lied.ranks, lied.balances_nano, strict=True)):
        if minute in absent:
            continue
        around = slice(max(0, minute - 6), minute + minutes + 6)
        if rank > max(true.ranks[around]):
            return [f"minute {minute}: rung {rank}, and truthfully {max(true.ranks[around])}"]
        if balance_nano < min(true.balances_nano[around]):
            return [f"minute {minute}: {min(true.balances_nano[around]) - balance_nano} nano less than truthfully"]
    return []


def _money(lived: Plan, true: Life, lied: Life) -> list[str]:
    """With the time known again for two days: all energy is charged once or an open case, and each day once."""
    found = []
    both = (true.account, lied.account)
    known_wh = [account.usage.wh + sum(case.wh for case in account.register.cases) for account in both]
    if known_wh[0] != known_wh[1]:
        found.append(f"charged or open: {known_wh[1]} Wh, truthfully {known_wh[0]}")
    days = [life.account.usage.standing_through for life in (true, lied)]
    if days[0] != days[1]:
        found.append(f"standing charge through {days[1]}, truthfully {days[0]}")
    usage = lied.account.usage
    energy_nano = usage.net_nano - _standing_nano(true)
    if not lived.night_nano_per_wh * usage.wh <= energy_nano <= lived.nano_per_wh * usage.wh:
        found.append(f"{usage.wh} Wh cost {energy_nano} nano: outside of any price")
    return found


def _standing_nano(true: Life) -> int:
    """Each day once: what is not energy in the truthful life, counted from its dates."""
    days = (civil(true.machine.true_ms).date() - civil(true.plan.started_ms).date()).days + 1
    return days * true.plan.standing_nano


def _count(total: Sum, life: Life, told: tuple[Lie, ...]) -> None:
    total.lives += 1
    total.minutes += len(life.diary.ranks)
    total.lies += len(told)
    total.doubts += life.diary.doubts
    total.escalations += sum(move.rule in ("grace_over", "limit_over", "offline_debt_cap") for move in life.diary.moves)
