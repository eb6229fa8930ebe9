"""One meter, one head-end, and as many cards of its gateway as somebody likes to copy, put back, lose or clone.

The truth is kept apart from the product: what the meter has counted, what was signed. Books are real stores with the
real teller and uplink above them; the head-end is the reference's own reading of the journal.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from gateway.commands import Command, Order
from gateway.commands.books import AccountResyncBody
from gateway.commands.credit import TopUpBody, TopUpReverseBody
from gateway.commands.envelope import Envelope
from gateway.commands.link import AckBody
from gateway.errors import CommandRefused
from gateway.headend.link import Link
from gateway.headend.topics import Topics
from gateway.headend.uplink import Uplink
from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.events import Reading, Tick
from gateway.prepayment.ledger import Transition
from gateway.prepayment.money import wire_money
from gateway.prepayment.policy import Policy, Term
from gateway.reference.book import Content
from gateway.reference.branches import Branches
from gateway.reference.resync import orders
from gateway.store import Answer, Store
from gateway.teller import Teller
from tests.counter import HandClock, opening, terms
from tests.prepayment.worlds import NANO, policy, tariff

ACCOUNT = "CH-1"
PRICE_NANO = 2_500_000
"""Dear, so that a short history reaches every rung."""
OPENING_NANO = 20 * NANO
POLL_MS = 60_000
SHORT = policy(
    grace=Term(duration_ms=6 * POLL_MS),
    min_after_notice_ms=3 * POLL_MS,
    grace_debt_cap_nano=4 * NANO,
    limit_term=Term(duration_ms=10 * POLL_MS),
    offline_debt_cap_nano=5 * NANO,
)
"""Terms in minutes, so that a short history reaches every rung."""


@dataclass
class Estate:
    """The world around the card that is in the gateway now."""

    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    register_wh: int = 0
    signed: list[TopUpBody] = field(default_factory=list)
    reversed: list[TopUpReverseBody] = field(default_factory=list)
    content: Content = field(default_factory=Content)
    moves: list[tuple[Transition, bool]] = field(default_factory=list)
    sequence: int = 0
    images: int = 0
    met: bool = False
    policy: Policy = SHORT

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self.branches = Branches(self.content.trail)
        self._store: Store | None = None
        self._teller: Teller | None = None

    @property
    def store(self) -> Store:
        """The open store."""
        assert self._store is not None
        return self._store

    @property
    def teller(self) -> Teller:
        """The open books."""
        assert self._teller is not None
        return self._teller

    @property
    def account(self) -> Account:
        """The one account as the gateway has it now."""
        return self.teller.accounts[ACCOUNT]

    @property
    def truth_nano(self) -> int:
        """What the customer has: opening, everything signed, everything the meter counted."""
        bought_nano = sum(nano_of(body.amount) for body in self.signed)
        back_nano = sum(nano_of(body.amount) for body in self.reversed)
        return OPENING_NANO + bought_nano - back_nano - self.register_wh * PRICE_NANO

    async def start(self) -> None:
        """The daemon starts on whatever is on the card; a file seeds the account into an empty store."""
        self._store = await Store.open(self.folder / "store.db")
        self.clock.running_ms = self._store.saved.running_ms
        self._teller = await Teller.open(self._store, self.clock, terms, awaits=True)
        self.met = False
        self._teller.subscribe(self._told)
        if ACCOUNT not in self._teller.accounts:
            await self._teller.open_account(replace(opening(ACCOUNT), policy=self.policy, tariff=tariff(PRICE_NANO)))

    async def stop(self, *, orderly: bool) -> None:
        """The daemon ends, or the power goes."""
        if orderly:
            await self.teller.close()
        await self.store.close()

    def image(self) -> Path:
        """A copy of the card, while the daemon is not running."""
        self.images += 1
        kept = self.folder.parent / f"image-{self.images}"
        kept.mkdir(parents=True)
        for file in self.folder.glob("store.db*"):
            shutil.copy2(file, kept / file.name)
        return kept

    def put_back(self, kept: Path | None) -> None:
        """Another card is in the gateway: a copy, or an empty one."""
        for file in self.folder.glob("store.db*"):
            file.unlink()
        for file in kept.iterdir() if kept is not None else ():
            shutil.copy2(file, self.folder / file.name)

    def off(self, ms: int, wh: int) -> None:
        """The gateway is off while the household goes on."""
        self.clock.utc_ms += ms
        self.register_wh += wh

    async def poll(self, times: int = 1, wh: int = 0) -> None:
        """The meter is read, a minute apart, and time is let pass for the ladder."""
        for _ in range(times):
            self.register_wh += wh
            await self.teller.post(ACCOUNT, Reading(self.clock.advance(POLL_MS), self.register_wh))
            await self.teller.post(ACCOUNT, Tick(self.clock.now()))

    async def contact(self) -> None:
        """The link comes up: rows go up, the status is answered, what follows the head-end's branch is acknowledged."""
        self.branches.hear(self.store.epoch)
        main = self.branches.main
        await self.acknowledge(AckBody(main.epoch, main.seq, main.head, run=self.store.epoch))
        self.met = True
        await self.upload()

    async def upload(self) -> None:
        """Every row after the cursor goes up once more, and what is followed is acknowledged."""
        for row in await self.store.rows_after(await self.store.cursor(), 100_000):
            self.branches.take(row.body)
        if not self.branches.elsewhere(self.store.epoch):
            main = self.branches.main
            await self.acknowledge(AckBody(main.epoch, main.seq, main.head))

    async def acknowledge(self, body: AckBody) -> None:
        """The gateway takes an acknowledgement."""
        uplink = Uplink(cast("Link", None), self.store, self.teller, Topics("gw"), clock=self.clock)
        with suppress(CommandRefused):  # a fork: the teller has been told
            await uplink.acknowledge(body)

    async def sell(self, nano: int) -> None:
        """A top-up is signed; `deliver` brings it."""
        total_nano = sum(nano_of(body.amount) for body in self.signed) + nano
        body = TopUpBody(ACCOUNT, len(self.signed) + 1, wire_money(nano), wire_money(total_nano), "CHF", "web")
        self.signed.append(body)

    async def take_back(self, nano: int) -> None:
        """A reversal is signed and brought at once."""
        total_nano = sum(nano_of(body.amount) for body in self.reversed) + nano
        number = len(self.reversed) + 1
        body = TopUpReverseBody(ACCOUNT, number, wire_money(nano), wire_money(total_nano), "CHF", "x")
        self.reversed.append(body)
        await self.execute(Command.TOP_UP_REVERSE, body)

    async def execute(self, command: Command, body: TopUpBody | TopUpReverseBody | AccountResyncBody) -> Answer:
        """A verified command under a new id, fresh."""
        self.sequence += 1
        expires_s = self.clock.utc_ms // 1000 + 3600
        envelope = Envelope(command, f"jti-{self.sequence}", "utility", self.sequence, 0, expires_s, None, "k1", body)
        return await self.teller.execute(Order(envelope))

    async def resync(self) -> Answer:
        """The head-end states what it knows."""
        found = [body for _, body in orders(self.content, self.store.epoch, [ACCOUNT])]
        body = found[-1]
        assert isinstance(body, AccountResyncBody)
        answer = await self.execute(Command.ACCOUNT_RESYNC, body)
        await self.upload()
        return answer

    async def forked(self) -> bool:
        """The truth about the books: the head-end follows a row that is not in them."""
        main = self.branches.main
        ours = await self.store.row(main.seq) if main.seq else None
        return main.seq > 0 and (ours is None or ours.hash != main.head)

    def _told(self, _account_id: str, account: Account, outcome: Outcome) -> None:
        self.moves += [
            (record, account.suspicion is not None) for record in outcome.records if isinstance(record, Transition)
        ]


def nano_of(text: str) -> int:
    """Money on the wire as an integer, computed here."""
    whole, _, part = text.partition(".")
    return int(whole) * NANO + int(part.ljust(9, "0"))
