"""kill -9 at any moment loses nothing acknowledged: every Wh and every cent is accounted for (I2, I4, I6, I7, I19)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from gateway.prepayment.money import parse_money
from gateway.store import Store
from tests.kill.driver import ACCOUNTS
from tests.prepayment.worlds import NANO

ROOT = Path(__file__).parent.parent.parent
KILLS = int(os.environ.get("KILLS", "25"))
SEED = int(os.environ.get("KILL_SEED", "1"))
PRICE_NANO_PER_WH = 250_000
OPENING_NANO = 20 * NANO


@dataclass
class Account:
    """What the head-end knows of one account: the lifetime total after each top-up it ever signed."""

    totals_nano: list[int] = field(default_factory=lambda: [0])
    acknowledged: int = 0


@dataclass
class Headend:
    """Signs top-ups, sends again what was not acknowledged, remembers what was."""

    chance: random.Random
    accounts: dict[str, Account] = field(default_factory=lambda: {name: Account() for name in ACCOUNTS})
    open_orders: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    acknowledgements: int = 0
    crashed_before: int = 0
    refused: list[str] = field(default_factory=list)
    ids: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def sign(self) -> str:
        """A new top-up for some account, as a line for the driver."""
        with self.lock:
            return self._sign()

    def unanswered(self) -> list[str]:
        """What has to be sent again."""
        with self.lock:
            return [line for _, _, line in self.open_orders.values()]

    def _sign(self) -> str:
        account_id = self.chance.choice(list(self.accounts))
        totals = self.accounts[account_id].totals_nano
        amount_nano = self.chance.choice([NANO, 5 * NANO, 500_000_000])
        totals.append(totals[-1] + amount_nano)
        return self._order(account_id, len(totals) - 1)

    def _order(self, account_id: str, number: int) -> str:
        totals = self.accounts[account_id].totals_nano
        self.ids += 1
        jti = f"jti-{self.ids}"
        line = f"{jti} {account_id} {number} {totals[number] - totals[number - 1]} {totals[number]}\n"
        self.open_orders[jti] = account_id, number, line
        return line

    def hear(self, line: str) -> str | None:
        """An acknowledgement arrived; gives a line to send instead when the command was given up."""
        with self.lock:
            return self._hear(line)

    def _hear(self, line: str) -> str | None:
        _, jti, status = line.split()
        account_id, number, _ = self.open_orders.pop(jti)
        if status == "crashed_before":  # the process died twice while this one was being executed
            self.crashed_before += 1
            return self._order(account_id, number)
        if status not in ("applied", "already_included"):
            self.refused.append(line)  # told by `kill`: an error of the thread that listens would go unheard
            return None
        account = self.accounts[account_id]
        account.acknowledged = max(account.acknowledged, number)
        self.acknowledgements += 1
        return None


class Driver:
    """One life of the process."""

    def __init__(self, path: Path, began_ns: int, headend: Headend) -> None:
        self._headend = headend
        self._ready = threading.Event()
        self.registers: dict[str, int] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.kill.driver", str(path), str(began_ns)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self._listener = threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True)
        self._listener.start()

    def wait_ready(self) -> None:
        """Until the accounts are open."""
        assert self._ready.wait(30), "the driver did not get ready"

    def send(self, line: str) -> None:
        """Give it a command; it may be dead already."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def kill(self) -> None:
        """Kill -9, then hear everything it managed to say."""
        self.process.kill()
        self.join()

    def join(self) -> int:
        """Wait for the end."""
        code = self.process.wait(60)
        self._listener.join(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        return code

    def _listen(self, output: IO[str]) -> None:
        for line in output:
            if not line.endswith("\n"):
                continue  # cut off by the kill: not an acknowledgement
            if line.startswith("ready"):
                self._ready.set()
            elif line.startswith("ack"):
                instead = self._headend.hear(line)
                if instead is not None:
                    self.send(instead)
            elif line.startswith("register"):
                _, account_id, wh = line.split()
                self.registers[account_id] = int(wh)


async def audit(path: Path, headend: Headend) -> dict[str, tuple[int, int]]:
    """Open the store (which verifies the chain) and account for everything; gives register and rated Wh."""
    store = await Store.open(path)
    accounts = {account.account_id: account for account in await store.accounts()}
    rows = [json.loads(row.body) for row in await store.rows_after(0, 10**6)]
    await store.close()
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    answered = [row["command_id"] for row in rows if row["type"] == "receipt"]
    assert len(answered) == len(set(answered)), "no command has two receipts"
    found = {}
    for account_id, known in headend.accounts.items():
        account = accounts.get(account_id)
        if account is None:
            assert known.acknowledged == 0
            continue
        entries = [row for row in rows if row["type"] == "entry" and row["account_id"] == account_id]
        assert known.acknowledged <= account.top_up_sequence < len(known.totals_nano), "nothing acknowledged is lost"
        assert account.top_up_total_nano == known.totals_nano[account.top_up_sequence], "no money made, none lost"
        assert account.usage.wh == (account.register.wh or 0), "rated exactly what the register says"
        assert account.balance_nano == OPENING_NANO + account.top_up_total_nano - account.usage.wh * PRICE_NANO_PER_WH
        assert sum(parse_money(entry["amount"]) for entry in entries) == account.settled_balance_nano
        assert not account.register.cases
        ranges = [(e.get("from_register_wh", 0), e["to_register_wh"]) for e in entries if e["kind"] == "charge"]
        assert [one for _, one in ranges[:-1]] == [other for other, _ in ranges[1:]], "no gap and no overlap (I5)"
        found[account_id] = account.register.wh or 0, account.usage.wh
    return found


def load(driver: Driver, headend: Headend, chance: random.Random) -> None:
    """Send again what was not acknowledged, then new top-ups, for up to 0.4 s."""
    until = time.monotonic() + chance.uniform(0.0, 0.4)
    for line in headend.unanswered():
        driver.send(line)
    while time.monotonic() < until:
        driver.send(headend.sign())
        time.sleep(chance.uniform(0, 0.02))


def kill(path: Path, kills: int, seed: int) -> Headend:
    """Kill the books so often; gives the head-end, to which everything was acknowledged in the end."""
    chance = random.Random(seed)
    headend = Headend(chance)
    began_ns = time.monotonic_ns()
    for _ in range(kills):
        driver = Driver(path, began_ns, headend)
        if chance.random() < 0.15:
            time.sleep(chance.uniform(0.05, 0.6))  # while it is starting
        else:
            driver.wait_ready()
            load(driver, headend, chance)
        driver.kill()
        assert not headend.refused, headend.refused
        asyncio.run(audit(path, headend))
    driver = Driver(path, began_ns, headend)
    driver.wait_ready()
    for line in headend.unanswered():
        driver.send(line)
    deadline = time.monotonic() + 30
    while headend.open_orders and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not headend.open_orders, "everything is acknowledged in the end"
    assert not headend.refused, headend.refused
    driver.send("end\n")
    assert driver.join() == 0
    found = asyncio.run(audit(path, headend))
    assert set(driver.registers) == set(ACCOUNTS)
    for account_id, register_wh in driver.registers.items():
        assert found[account_id] == (register_wh, register_wh), "the last reading charged everything up to it"
        assert headend.accounts[account_id].acknowledged == len(headend.accounts[account_id].totals_nano) - 1
    assert headend.acknowledgements >= kills, "there was load"
    return headend


@pytest.mark.timeout(900)
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Books alone, hours of meter time each second: after each kill every acknowledged cent and rated Wh is there."""
    print(f"KILLS={KILLS} KILL_SEED={SEED}")
    headend = kill(tmp_path / "store.db", KILLS, SEED)
    print(f"{headend.acknowledgements} acknowledged, {headend.crashed_before} given up after two crashes and sent anew")
