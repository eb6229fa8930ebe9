"""The composition root: builds every part from an `Installation`, runs them in one task group, and ends cleanly.

    store -> clock's base -> teller -> buses, meters, polls -> head-end

One meter that fails is its bus task's business and a broker that is away is the link's; neither ends the process.
Anything nobody expected does: the task group falls, `main` says why and returns non-zero, systemd starts again and the
store is the truth (decision 18). SIGTERM and SIGINT end it at any moment: what is only in memory is settled and saved.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from gateway import __version__
from gateway.clock import SystemClock
from gateway.config.loader import Configuration
from gateway.console.door import Front, OpenDesk, serve
from gateway.documents.key import DeviceKey, load_or_make
from gateway.errors import CommandRefused, ConfigError, GatewayError
from gateway.headend.run import Headend, LinkFactory
from gateway.installation import Installation, opening, terms
from gateway.notify import Notifier
from gateway.plant import BusFactory, Plant, build_bus
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.events import AccountOpened, Tick
from gateway.prepayment.ledger import Entry, Happening, Notice, Transition, VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.step import next_deadline_ms
from gateway.prepayment.supply import SupplyState
from gateway.store import Store, ballast, copies
from gateway.teller import Teller

if TYPE_CHECKING:
    from gateway.alerts.run import Alerts, ChannelFactory
    from gateway.console.access import Outside
    from gateway.console.desk import Desk

_Parts = tuple[Installation, Store, Teller, SystemClock, Plant, Headend, DeviceKey]

EXIT_FAILED = 1
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # malloc.h
_LARGE_BYTES = 1 << 20
TICK_AT_MOST_S = 60.0
TICK_AT_LEAST_S = 0.1
STALE_MS = 120_000
"""A task that has not gone round for this long is stuck; a bus without work still goes round each minute."""

BACKUP_MS = 24 * 3_600_000
BACKUP_FIRST_S = 60.0
BACKUP_RETRY_S = 3600.0
BACKUP_END_S = 10.0

_ORDINARY = {
    "limit.set",
    "limit.reclosed",
    "meter.back",
    "register.opened",
    "switch.closed",
    "switch.opened",
    "voltage.begun",
    "voltage.hour",
    "voltage.report",
}
"""Happenings that belong to a good day; all others are logged as warnings."""

log = structlog.get_logger()


class _Stopped(Exception):
    """Ends the task group: somebody asked the process to stop."""


def main(installation: Installation) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 1 when something failed that nobody expected."""
    _be_thrifty()
    try:
        asyncio.run(_until_signal(installation))
    except ExceptionGroup as group:
        for error in leaves(group):
            if isinstance(error, GatewayError):
                log.critical("gateway.failed", reason=str(error))
            else:
                log.critical("gateway.failed", reason=repr(error), exc_info=error)
        return EXIT_FAILED
    return 0


def _be_thrifty() -> None:
    """Threads allocate from one arena: the few there are never wait for it, and each arena costs memory for good.

    What is large (8 MiB to check a password) is given back at once; by itself glibc would keep room for the next one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


async def _until_signal(installation: Installation) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(installation, clock=SystemClock(), stop=stop, notifier=Notifier())


async def run(
    installation: Installation,
    *,
    clock: SystemClock,
    stop: asyncio.Event,
    notifier: Notifier | None = None,
    link_factory: LinkFactory | None = None,
    bus_factory: BusFactory = build_bus,
    front: Front = serve,
    channel_factory: ChannelFactory | None = None,
) -> None:
    """The whole daemon until `stop` is set. Raises ConfigError or StoreError at the start, an ExceptionGroup later.

    `front` is how the console is reached.
    """
    configuration = installation.configuration
    store, crowded = await _open_store(configuration)
    try:
        clock.resume(store.saved.running_ms, store.saved.bound_utc_ms)
        teller = await _open_teller(store, clock, installation)
        await _seed(teller, installation, clock)
        if crowded:
            await teller.note("store.room_low", (("given_up_bytes", ballast.BALLAST_BYTES),))
        plant = Plant(installation, teller, clock, bus_factory)
        supervisor = _Supervisor(clock, teller, plant, notifier or Notifier({}))
        keeper = _Keeper(store, teller, clock, configuration.copy)
        device = await load_or_make(configuration.store.parent, teller.note)
        headend = Headend(
            configuration,
            installation.keys,
            store=store,
            teller=teller,
            clock=clock,
            factory=link_factory,
            device=device,
        )
        plant.watch(headend.live)
        alerts = _alerts(configuration, store, teller, clock, channel_factory)
        desk = _desk(alerts, (installation, store, teller, clock, plant, headend, device))
        try:
            async with asyncio.TaskGroup() as group:
                for bus in plant.buses.values():
                    group.create_task(bus.run(), name=f"bus.{bus.bus_id}")
                group.create_task(headend.run(), name="headend")
                group.create_task(supervisor.tick(), name="ticker")
                group.create_task(supervisor.watch(), name="watchdog")
                group.create_task(keeper.keep(), name="backup")
                if alerts is not None:
                    group.create_task(alerts.run(), name="alerts")
                if configuration.settings.console.enabled:
                    group.create_task(front(configuration, clock, desk), name="console")
                group.create_task(_ended(stop, headend, supervisor), name="stop")
                supervisor.ready(installation)
        except* _Stopped:
            await teller.close()
            await keeper.at_end()
    finally:
        await store.close()
    log.info("gateway.stopped")


def _alerts(
    configuration: Configuration, store: Store, teller: Teller, clock: SystemClock, factory: ChannelFactory | None
) -> Alerts | None:
    if configuration.settings.alerts is None:
        return None
    from gateway.alerts.run import open_alerts

    return open_alerts(configuration, store, teller, clock, factory)


def _desk(alerts: Alerts | None, parts: _Parts) -> OpenDesk:
    def opened(outside: Outside | None = None) -> Desk:
        from gateway.console.desk import open_desk

        return replace(open_desk(*parts, outside), alerts=alerts)

    return opened


async def _ended(stop: asyncio.Event, headend: Headend, supervisor: _Supervisor) -> None:
    await stop.wait()
    supervisor.stopping()
    await headend.farewell()
    raise _Stopped


async def _open_store(configuration: Configuration) -> tuple[Store, bool]:
    """The store, and whether the disk was so full that the room kept for it had to be given up."""
    crowded = ballast.give_up(configuration.store.parent)
    if crowded:
        log.error("store.room_low", folder=str(configuration.store.parent), see="docs/damaged-store.md")
    store = await Store.open(configuration.store, configuration.copy)
    if store.restored:
        log.error("store.restored", source=store.restored, copy=str(configuration.copy), see="docs/damaged-store.md")
    ballast.keep(configuration.store.parent)  # a start that is refused changes nothing
    return store, crowded


async def _open_teller(store: Store, clock: SystemClock, installation: Installation) -> Teller:
    points = {point.table.id: point for point in installation.points}

    def terms_of(account: Account | AccountOpened) -> Terms:
        point = points.get(account.meter_id)
        if point is None and isinstance(account, Account) and account.supply.state is SupplyState.TERMINATED:
            return Terms(1, can_disconnect=False, can_limit=False, calendars={})  # its meter may be gone with it
        if point is None:
            raise CommandRefused("unknown_meter", meter_id=account.meter_id)
        return terms(point, installation)

    try:
        awaits = installation.configuration.settings.headend.acknowledges
        return await Teller.open(store, clock, terms_of, awaits=awaits)
    except CommandRefused as refusal:
        raise ConfigError(
            f"the store holds an account on meter {refusal.detail.get('meter_id')!r}, which is not there any more",
            file=str(installation.configuration.file),
            key="[[meter]]",
            hint="put the meter back, or close the account with a signed account.close first",
        ) from refusal


async def _seed(teller: Teller, installation: Installation, clock: SystemClock) -> None:
    """Open the accounts of the file that the store has never seen; those it knows are its own (decision 3)."""
    configuration = installation.configuration
    for table in configuration.settings.account:
        if teller.account(table.id) is not None:
            continue
        verdict = await teller.open_account(opening(table, installation, clock.now()))
        if verdict.status is VerdictStatus.REFUSED:
            log.error("account.not_opened", account_id=table.id, reason=verdict.reason, **dict(verdict.detail))
        else:
            log.info("account.opened", account_id=table.id, meter_id=table.meter, origin="gateway.toml")


class _Keeper:
    """Keeps the verified copy of the store: at most a day of running behind, and made anew at a clean end."""

    def __init__(self, store: Store, teller: Teller, clock: SystemClock, copy: Path) -> None:
        self._store = store
        self._teller = teller
        self._clock = clock
        self._copy = copy
        self._failing = False

    async def keep(self) -> None:
        """Make the first copy soon and the next ones daily; after a failure try again each hour."""
        made_ms = copies.running_ms(self._copy)
        while True:
            since_ms = BACKUP_MS if made_ms is None else self._clock.now().running_ms - made_ms
            due_s = (BACKUP_MS - since_ms) / 1000 if since_ms >= 0 else 0.0
            await self._clock.sleep(max(due_s, BACKUP_RETRY_S if self._failing else BACKUP_FIRST_S))
            reason = await self._store.back_up(self._copy)
            if not reason:
                made_ms = self._clock.now().running_ms
            elif not self._failing:
                await self._teller.note("store.backup_failed", (("reason", reason[:200]),))
            self._say(reason)

    async def at_end(self) -> None:
        """The last copy; the process must end in time, with it or without."""
        try:
            async with asyncio.timeout(BACKUP_END_S):
                self._say(await self._store.back_up(self._copy))
        except TimeoutError:
            log.warning("store.backup_failed", copy=str(self._copy), reason="no time for it at the end")

    def _say(self, reason: str) -> None:
        self._failing = bool(reason)
        if reason:
            log.error("store.backup_failed", copy=str(self._copy), reason=reason)
        else:
            log.info("store.backed_up", copy=str(self._copy))


class _Supervisor:
    """The ticker, the watchdog and what is logged of the accounts."""

    def __init__(self, clock: SystemClock, teller: Teller, plant: Plant, notifier: Notifier) -> None:
        self._clock = clock
        self._teller = teller
        self._plant = plant
        self._notifier = notifier
        self._changed = asyncio.Event()
        self._ticked_ms = clock.monotonic_ms()
        teller.subscribe(self._told)

    def ready(self, installation: Installation) -> None:
        """All tasks have been started."""
        accounts = len(self._teller.accounts)
        gateway_id = installation.configuration.settings.gateway.id
        meters = len(installation.points)
        for warning in installation.warnings:
            log.warning("config.warning", text=warning)
        log.info("gateway.started", version=__version__, gateway_id=gateway_id, meters=meters, accounts=accounts)
        self._notifier.ready()
        self._notifier.status(f"{accounts} accounts on {meters} meters")

    def stopping(self) -> None:
        """Tell the service manager that the end is intended."""
        self._notifier.stopping()

    async def tick(self) -> None:
        """Let time pass for every account: when its next timer is due, and each minute at least."""
        while True:
            self._ticked_ms = self._clock.monotonic_ms()
            for account_id in tuple(self._teller.accounts):
                await self._teller.post(account_id, Tick(self._clock.now()))
            for step in self._clock.steps():
                log.warning("clock.step", by_ms=step.by_ms)
                await self._teller.note("clock.step", (("by_ms", step.by_ms),))
            for doubt in self._clock.doubts():
                log.warning("clock.doubted", by=doubt.by, ahead_ms=doubt.ahead_ms)
                await self._teller.note("clock.doubted", (("by", doubt.by), ("ahead_ms", doubt.ahead_ms)))
            self._changed.clear()
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._changed.wait()
            except TimeoutError:
                continue
            await self._clock.sleep(TICK_AT_LEAST_S)  # changes come in bursts; one look is enough for all

    async def watch(self) -> None:
        """Feed the watchdog as long as every bus and the ticker go round."""
        interval_s = self._notifier.interval_s
        while interval_s is not None:
            stuck = self.stuck()
            if stuck:
                log.error("watchdog.not_fed", stuck=stuck)
            else:
                self._notifier.watchdog()
            await self._clock.sleep(interval_s)

    def stuck(self) -> list[str]:
        """The tasks that have not gone round for too long."""
        beats = {f"bus {bus.bus_id}": bus.heartbeat_ms for bus in self._plant.buses.values()}
        beats["ticker"] = self._ticked_ms
        now_ms = self._clock.monotonic_ms()
        return [name for name, beat_ms in beats.items() if now_ms - beat_ms > STALE_MS]

    def _pause_s(self) -> float:
        at = self._clock.now()
        waits_ms = [
            wait_ms
            for account in self._teller.accounts.values()
            if (wait_ms := next_deadline_ms(account, self._teller.terms(account.account_id), at)) is not None
        ]
        return min(TICK_AT_MOST_S, max(TICK_AT_LEAST_S, min(waits_ms, default=60_000) / 1000))

    def _told(self, account_id: str, account: Account, outcome: Outcome) -> None:
        for record in outcome.records:
            match record:
                case Transition():
                    self._changed.set()
                    balance = f"{wire_money(account.balance_nano)} {account.currency}"
                    log.info(
                        "supply.transition",
                        account_id=account_id,
                        source=record.source,
                        target=record.target,
                        rule=record.rule,
                        balance=balance,
                    )
                case Notice():
                    log.info("account.notice", account_id=account_id, template=record.template)
                case Happening():
                    say = log.info if record.what in _ORDINARY or record.what.endswith(".over") else log.warning
                    say(record.what, account_id=account_id, **dict(record.detail))
                case Entry():
                    log.info("account.entry", account_id=account_id, kind=record.kind)
                case _:
                    pass


def leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    """The errors themselves, out of however many groups."""
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from leaves(error)
        else:
            yield error
