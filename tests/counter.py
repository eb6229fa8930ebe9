"""A teller over a real store, a clock the test moves, and orders as if the head-end had signed them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import Clock
from gateway.commands import Command, Order
from gateway.commands.claims import Body
from gateway.commands.credit import TopUpBody
from gateway.commands.envelope import Envelope
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.events import AccountOpened, Moment, Reading, TimeTrust
from gateway.prepayment.money import wire_money
from gateway.store import Store
from gateway.teller import Teller
from tests.prepayment.worlds import MONDAY_MS, NANO, TERMS, at, policy, tariff


@dataclass
class HandClock:
    """A clock that stands still until it is told."""

    running_ms: int = 0
    utc_ms: int = MONDAY_MS
    trust: TimeTrust = TimeTrust.AUTHENTICATED

    def now(self) -> Moment:
        """The instant the test chose."""
        return Moment(self.utc_ms, self.trust, self.running_ms)

    def monotonic_ms(self) -> int:
        """The running time."""
        return self.running_ms

    async def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self.advance(int(seconds * 1000))

    def advance(self, ms: int) -> Moment:
        """Move on and say when it is."""
        self.running_ms += ms
        self.utc_ms += ms
        return self.now()


def terms(_account: Account | AccountOpened) -> Terms:
    """The same installation for every account."""
    return TERMS


def opening(account_id: str = "CH-1", meter_id: str = "m1") -> AccountOpened:
    """A file's seed: 20 francs, register 0."""
    return AccountOpened(at(), "file", account_id, meter_id, "CHF", 3_000, policy(), tariff(), 20 * NANO, 0)


@dataclass
class Counter:
    """One gateway's books in a file."""

    path: Path
    clock: HandClock = field(default_factory=HandClock)
    sequence: int = 0
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    _store: Store | None = None
    _teller: Teller | None = None

    @property
    def store(self) -> Store:
        """The open store."""
        assert self._store is not None
        return self._store

    @property
    def teller(self) -> Teller:
        """The open teller."""
        assert self._teller is not None
        return self._teller

    async def start(self, *accounts: str) -> Teller:
        """Open, and seed accounts that are not there."""
        clock: Clock = self.clock
        self._store = await Store.open(self.path)
        self._teller = await Teller.open(self._store, clock, terms)
        for number, account_id in enumerate(accounts, start=1):
            if self._teller.account(account_id) is None:
                await self._teller.open_account(opening(account_id, f"m{number}"))
        return self._teller

    async def run_for_long(self) -> None:
        """Past the first quarter of an hour, in which a run saves more often, to just after a save; nothing is used."""
        self.clock.advance(900_000)
        for account_id, account in self.teller.accounts.items():
            await self.teller.post(account_id, Reading(self.clock.now(), account.register.wh))
        await self.teller.checkpoint()

    async def crash(self) -> None:
        """The process is gone: nothing in memory is saved."""
        await self.store.close()

    async def stop(self) -> None:
        """An orderly end."""
        await self.teller.close()
        await self.store.close()

    def reading(self, wh: int, after_ms: int = 1_000) -> Reading:
        """One poll, `after_ms` after the one before."""
        return Reading(self.clock.advance(after_ms), wh)

    def order(
        self, command: Command, body: Body, *, jti: str = "", sequence: int = 0, issuer: str = "utility"
    ) -> Order:
        """A verified order; the next of the issuer's numbers and a new id unless told."""
        self.sequence += 1
        number = sequence or self.sequence
        expires_s = self.clock.utc_ms // 1000 + 3600
        return Order(Envelope(command, jti or f"jti-{number}", issuer, number, 0, expires_s, None, "k1", body))

    def top_up(self, nano: int, account_id: str = "CH-1", *, jti: str = "") -> Order:
        """The account's next top-up."""
        number, total_nano = self.totals.get(account_id, (0, 0))
        self.totals[account_id] = number + 1, total_nano + nano
        total = wire_money(total_nano + nano)
        body = TopUpBody(account_id, number + 1, wire_money(nano), total, "CHF", "web")
        return self.order(Command.TOP_UP, body, jti=jti)
