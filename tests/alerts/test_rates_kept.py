"""The rates of messages hold across restarts: pulling the plug buys nobody another day's worth of them."""

from __future__ import annotations

from pathlib import Path

from gateway.alerts.queue import Limits
from gateway.prepayment.supply import SupplyState as S
from tests.alerts.post import ANNA, StillClock, lived, post
from tests.alerts.test_outbox import on

LIMITS = Limits("Europe/Zurich", per_recipient_day=3)


@lived
async def test_a_restart_forgets_no_rate(tmp_path: Path) -> None:
    """S0-18, S4-22: what the rows say was sent today counts for the rate of the next run, and tomorrow no more."""
    clock, states, sent = StillClock(), {"limited": S.LIMITED, "low": S.LOW_CREDIT}, 0
    now = ["low"]

    async def crossings(number: int) -> int:
        """So many, in one run of the daemon."""
        async with post(tmp_path, clock=clock, limits=LIMITS, state=lambda _: on(states[now[0]])) as p:
            p.start()
            await p.settle()
            for crossing in range(number):
                now[0] = "limited" if crossing % 2 else "low"
                await p.tell(now[0])
                clock.pass_by(60_000)
                await p.settle()
            await p.teller.note("checkpoint")
            return len(p.channel.sent)

    await crossings(0)
    for _ in range(6):
        sent += await crossings(6)
    assert 3 <= sent <= 2 * 3
    clock.pass_by(24 * 3_600_000)
    assert await crossings(6) >= 3
    assert ANNA.account_id == "CH-1"
