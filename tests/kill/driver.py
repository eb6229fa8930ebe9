"""The process to be killed: the real teller and store under a stream of readings and top-ups.

    python -m tests.kill.driver STORE BEGAN_NS

It says `ready`, reads top-ups from standard input (`jti account number amount total`, as the head-end would send them)
and prints `ack jti status` after each commit. The meters are functions of the machine's monotonic clock since
BEGAN_NS, an hour each second, so they go on turning while nobody reads them; so does the proven time.
`end` on standard input takes a last reading of each meter and stops in good order.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

from gateway.commands import Command, Order
from gateway.commands.credit import TopUpBody
from gateway.commands.envelope import Envelope
from gateway.prepayment.events import Moment, Reading, TimeTrust
from gateway.prepayment.money import wire_money
from gateway.prepayment.register import CONFIRMATIONS
from gateway.store import Store
from gateway.teller import Teller
from tests.counter import opening, terms
from tests.prepayment.worlds import MONDAY_MS, NANO, policy

ACCOUNTS = {"CH-1": 5_200, "CH-2": 900, "CH-3": 11_000}
"""Accounts and the load on their meters in W."""
SPEED = 3_600
UNCAPPED = replace(policy(), balance_max_nano=1_000_000 * NANO)
"""A thousand lives sell more than two thousand francs."""


class FastClock:
    """An hour each second."""

    def __init__(self, began_ns: int, running_ms: int) -> None:
        self._began_ns = began_ns
        self._base_ms = running_ms - self.elapsed_ms()

    def elapsed_ms(self) -> int:
        """Simulated time since the first start, whoever was running."""
        return (time.monotonic_ns() - self._began_ns) * SPEED // 1_000_000

    def now(self) -> Moment:
        """Proven wall clock; running time only while running."""
        elapsed_ms = self.elapsed_ms()
        return Moment(MONDAY_MS + elapsed_ms, TimeTrust.AUTHENTICATED, self._base_ms + elapsed_ms)

    def monotonic_ms(self) -> int:
        """Simulated."""
        return self.elapsed_ms()

    async def sleep(self, seconds: float) -> None:
        """Simulated seconds."""
        await asyncio.sleep(seconds / SPEED)

    def reading(self, power_w: int) -> Reading:
        """What a meter under this load shows now."""
        at = self.now()
        return Reading(at, (at.utc_ms - MONDAY_MS) * power_w // 3_600_000)


async def read_meters(teller: Teller, clock: FastClock) -> None:
    """Poll all meters as fast as it goes."""
    while True:
        for account_id, power_w in ACCOUNTS.items():
            await teller.post(account_id, clock.reading(power_w))
        await asyncio.sleep(0.001)


def order(line: str) -> Order:
    """One top-up of the head-end."""
    jti, account_id, number, amount_nano, total_nano = line.split()
    body = TopUpBody(account_id, int(number), wire_money(int(amount_nano)), wire_money(int(total_nano)), "CHF", "web")
    return Order(Envelope(Command.TOP_UP, jti, "utility", 1, 0, 0, None, "k1", body))


async def main(path: Path, began_ns: int) -> None:
    """Run until `end` or until killed."""
    store = await Store.open(path)
    clock = FastClock(began_ns, store.saved.running_ms)
    teller = await Teller.open(store, clock, terms)
    for number, account_id in enumerate(ACCOUNTS, start=1):
        if teller.account(account_id) is None:
            await teller.open_account(replace(opening(account_id, f"m{number}"), policy=UNCAPPED))
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    polling = asyncio.create_task(read_meters(teller, clock))
    print("ready", flush=True)
    while line := (await lines.readline()).decode().strip():
        if line == "end":
            break
        answer = await teller.execute(order(line))
        print("ack", answer.command_id, answer.reason or answer.status.value, flush=True)
    polling.cancel()
    await asyncio.wait({polling})
    for account_id, power_w in ACCOUNTS.items():
        last = clock.reading(power_w)
        for _ in range(CONFIRMATIONS + 1):  # what was used while it was dead is believed when it is stable
            await asyncio.sleep(0.001)
            last = clock.reading(power_w)
            await teller.post(account_id, last)
        print("register", account_id, last.import_wh, flush=True)
    await teller.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
