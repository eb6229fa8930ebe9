"""One simulated site: meter, wires, card, clocks, broker, head-end, and the production daemon in the middle.

Everything happens on one virtual loop; each part draws from a random stream of its own, so that taking one incident
away changes nothing else and a failing run can be made smaller. `told` is where the invariants listen.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_sim.load import FixedLoad
from firmware_sim.simulation import Simulation, load_scenario
from tests.simulation.broker import SimBroker, SimLink, Weather
from tests.simulation.center import Center
from tests.simulation.claims_office import ClaimsOffice
from tests.simulation.kernel import Machine
from tests.simulation.loop import VirtualLoop
from tests.simulation.medium import Medium
from tests.simulation.observers import Observers, Of, fall
from tests.simulation.phone import Phone
from tests.simulation.post import Post, is_told
from tests.simulation.postpaid import PostPaid, gas_of, kind_of
from tests.simulation.process import Computer, Process
from tests.simulation.site import GATEWAY, TERMS, VARIANTS, Terms, Variant, installation

if TYPE_CHECKING:
    from gateway.installation import Installation

METER = "m1"
HARNESS = "harness"
"""Broken by the simulation itself, whatever the gateway did."""
DAY_S = 86_400.0
HOUR_S = 3600.0
TRACE_KEPT = 400
LOOKED_AFTER_S = 6 * HOUR_S
"""How soon somebody comes again to a gateway that does not start."""
SHORTER_AT_1_S = 20
"""A run that polls each second is so much shorter, and its incidents come as much closer."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is, drawn from its seed before anything happens."""

    seed: int
    days: float
    variant: Variant
    terms: Terms
    poll_s: int
    opening: str
    started_utc_ms: int
    has_rtc: bool
    pace: float = 1.0
    """How much closer together incidents come."""
    post_paid: PostPaid | None = None
    """What is paid afterwards, on the order of the central system; None: prepaid."""
    gas: bool = False
    """The register counts litres."""
    told: bool = False
    """The gateway has a channel of its own to the customer."""


class World:
    """Build it inside a running loop; `folder` is emptied."""

    def __init__(self, setting: Setting, folder: Path, loop: VirtualLoop) -> None:
        self.setting = setting
        self.loop = loop
        self.violations: list[str] = []
        self._fallen: set[str] = set()
        self.healed = False
        self._images = 0
        self.bypassed = False
        self.rots = False
        """The gateway may go back to its copy at any start: rot is found when it is read."""
        self._wanted_w = self._produced_w = 0
        self.on = Observers()
        self.faulted: set[str] = set()
        """What has ever happened in this run, by family; some promises hold only without some of it."""
        self.played: set[str] = set()
        """The kinds of incident that have happened."""
        self.seats: set[asyncio.Task[None]] = set()
        """Who sits at the console now."""
        self.disturbed_s = 0.0
        """When the last incident began or will be over; promises with a deadline hold in undisturbed time only."""
        self.folder = folder
        self._trace = hashlib.blake2b(digest_size=16)
        self.trace: list[str] = []
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "card").mkdir(parents=True)
        self.medium = Medium(folder / "card", self.chance("medium"))
        self.machine = Machine(loop.time, setting.started_utc_ms, has_rtc=setting.has_rtc)
        self.plant = Simulation(
            load_scenario(setting.variant.scenario), folder, clock=_PlantClock(self), seed=setting.seed
        )
        self.line = self.plant.line("lan")
        self.line.plugged = True
        self.meter = self.plant.meter(METER)
        self.broker = SimBroker(self.chance("broker"))
        self.center = Center(
            GATEWAY,
            self.chance("center"),
            send=self.broker.send_down,
            later=self.later,
            now_ms=self.machine.true_utc_ms,
        )
        self.phone = Phone(self.center, self.chance("phone"))
        self.broker.to_center = self.center.heard
        self.broker.published = self._published
        self.broker.said = self._said
        self.claims = ClaimsOffice(self)
        self.post = Post(self)
        self.process = Process(self, Computer(self.medium, self.machine, self._installation(folder / "card")))
        self.medium.on_cut = lambda: self.process.cut(self.chance("cut").uniform(1, 900))
        self.medium.after_work = self._committed
        self.medium.judged = self._judged

    # -- for actors, incidents and invariants

    def chance(self, name: str) -> random.Random:
        """A random stream of its own for each name."""
        return random.Random(f"{self.setting.seed}/{name}")

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something in a while."""
        self.loop.call_later(max(0.0, seconds), act)

    def meanwhile(self, seconds: float, act: Callable[[], object]) -> None:
        """`later`, for what belongs to a fault: when everything has been healed it no longer happens."""
        self.disturb(seconds)
        self.later(seconds, lambda: None if self.healed else act())

    def disturb(self, seconds: float) -> None:
        """An incident is at work for so long."""
        self.disturbed_s = max(self.disturbed_s, self.loop.time() + seconds)

    def tell(self, text: str) -> None:
        """One line of the trace; its hash must be the same in every run of the seed (I22)."""
        line = f"{self.loop.time():.6f} {text}"
        self._trace.update(line.encode())
        self.trace.append(line)
        if len(self.trace) > 2 * TRACE_KEPT:
            del self.trace[:TRACE_KEPT]

    def violated(self, invariant: str, what: str) -> None:
        """A promise is broken."""
        day = self.loop.time() / DAY_S
        self.violations.append(f"{invariant} at day {day:.4f}: {what}")
        self.tell(f"VIOLATED {invariant} {what}")

    def hear(self, observers: Iterable[Callable[Of, object]], *told: Of.args, **named: Of.kwargs) -> None:
        """Tell each; the gateway, in whose call this may be, feels nothing of one that falls over.

        PowerCut and CancelledError are the simulation's own signals, and no Exception: they go through.
        """
        for call in observers:
            try:
                call(*told, **named)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the harness's and not the gateway's
                self.fell(error)

    def fell(self, error: BaseException) -> None:
        """A check or an incident that fell over has seen nothing, or done nothing: such a run proves nothing.

        One that falls over at every step is told once.
        """
        what = fall(error)
        if what not in self._fallen:
            self._fallen.add(what)
            self.violated(HARNESS, what)

    @property
    def trace_hash(self) -> str:
        """The hash of everything that was told."""
        return self._trace.hexdigest()

    @property
    def delivered_wh(self) -> int:
        """What the customer really got so far, whatever the registers show."""
        self.meter.advance()
        return int(self.meter.delivered_wh)

    def use(self, watts: int) -> None:
        """The household switches something on or off; a wire around the meter takes it away from the meter."""
        self._wanted_w = watts
        self.meter.use_load(FixedLoad(0 if self.bypassed else (watts - self._produced_w) * 1000))

    def produce(self, watts: int) -> None:
        """What the roof gives now; what the household does not use goes into the grid."""
        self._produced_w = watts
        self.use(self._wanted_w)

    def bypass(self, *, on: bool) -> None:
        """A wire around the meter, or its end."""
        self.bypassed = on
        self.use(self._wanted_w)

    def weather(self, spell: Weather, seconds: float) -> None:
        """Another network for a while, on top of what else is wrong with it."""
        self.broker.begin(spell)
        self.meanwhile(seconds, lambda: self.broker.end(spell))

    def cut(self, off_s: float) -> None:
        """The power goes for so long."""
        self.disturb(off_s)
        self.process.cut(off_s)

    def take_image(self) -> Image:
        """Copy the card as it is at this instant, between two writes."""
        self._images += 1
        image = Image(self, self.folder / f"image-{self._images}")
        self.medium.copy_to(image.folder)
        return image

    def restored(self, what: str) -> None:
        """Other books than before are on the card: what was committed since may be gone."""
        self.tell(what)
        self.hear(self.on.restored)

    def rotten(self, archive: Image, after_s: float) -> None:
        """The card has rotted; if the gateway refuses it and has no copy, somebody brings this one after a while.

        And again: an image of the rotten card may be put back later.
        """
        self.rots = True
        self.restored("a rotten card")

        def look() -> None:
            if self.process.refused:
                archive.put_back()
            if not self.healed:
                self.later(LOOKED_AFTER_S, look)

        self.meanwhile(after_s, look)
        self.on.healed.append(look)

    def clone(self, image: Image) -> Process:
        """A second gateway with the identity and the books of this one, and no meter; it is on until it is cut."""
        medium = Medium(image.folder, self.chance("clone"))
        machine = Machine(self.loop.time, self.setting.started_utc_ms, has_rtc=True)
        twin = Process(self, Computer(medium, machine, self._installation(image.folder), wired=False))
        twin.start()
        return twin

    def stand_still(self, seconds: float, *, asleep: bool) -> None:
        """The machine stands still; `asleep`: its monotonic clock, too. The rest of the world is late by as much."""
        self.tell(f"stands still for {seconds:.0f} s")
        self.loop.leap(seconds)
        self.disturb(0.0)  # what is looked at next comes before the daemon has run again
        if asleep:
            self.machine.sleep(seconds)

    def heal(self) -> None:
        """Every fault ends."""
        self.tell("heal")
        self.healed = True
        for device in self.line.devices.values():
            device.faults.clear()
            for contact in device.contacts():
                contact.shown_closed = contact.closed  # a welded contact has been replaced
        self.line.plugged = True
        self.broker.heal()
        self.medium.heal()
        self.machine.drift_ppm = 0
        self.machine.synchronise()
        self.center.heal()
        self.bypassed = False
        self.produce(0)
        for seat in self.seats:
            seat.cancel()
        self.hear(self.on.healed)
        self.process.start()
        self.later(2 * HOUR_S, self.phone.conclude)

    def written(self, unit: int, pdu: bytes) -> None:
        """The gateway is about to write to a device."""
        self.tell(f"write {unit} {pdu.hex()}")
        self.hear(self.on.written, unit, pdu)

    def _said(self, link: SimLink, topic: str, payload: bytes) -> None:
        if link.owner is self.process:
            self.hear(self.on.said, topic, payload)

    def _judged(self, right: bool) -> None:
        self.hear(self.on.judged, right)

    def _installation(self, card: Path) -> Installation:
        setting, service_key = self.setting, self.folder / "service.key"
        service_key.write_text(self.phone.service_key(GATEWAY).hex() + "\n")
        service_key.chmod(0o600)
        return installation(
            setting.variant,
            setting.terms,
            setting.post_paid,
            gas=setting.gas,
            poll_s=setting.poll_s,
            opening=setting.opening,
            card=card,
            keys=self.center.keys(),
            service_key=service_key,
            told=setting.told,
        )

    def _committed(self, raw: sqlite3.Connection) -> None:
        self.hear(self.on.committed, raw)

    def _published(self, link: SimLink, topic: str, payload: bytes) -> None:
        what = topic.rpartition("/")[2]
        if what != "ask":
            self.tell(f"up {what} {hashlib.blake2b(payload, digest_size=8).hexdigest()}")
        if link.owner is self.process:  # a clone speaks for itself
            self.hear(self.on.published, topic, payload)


@dataclass(frozen=True, slots=True)
class Image:
    """A copy of the card."""

    world: World
    folder: Path

    def put_back(self) -> None:
        """The power goes, this takes the place of the card, and the power comes back."""
        self.world.cut(20.0)
        self.world.medium.replace_by(self.folder)
        self.world.restored("an old image")


class _PlantClock:
    """firmware_sim's clock on the virtual loop."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now_ns(self) -> int:
        return round(self._world.loop.time() * 1_000_000) * 1000

    async def sleep_until(self, instant_ns: int) -> None:
        await asyncio.sleep(max(0, instant_ns - self.now_ns()) / 1e9)

    def started_unix_s(self) -> int:
        return self._world.setting.started_utc_ms // 1000


def setting_of(seed: int, days: float, *, poll_s: int | None = None) -> Setting:
    """The run that belongs to a seed."""
    chance = random.Random(f"{seed}/setting")
    day = chance.randrange(20, 900)
    if chance.random() < 0.2:  # around the changes of the clocks in spring and autumn
        day = chance.choice((86, 87, 297, 451, 668)) - chance.randrange(4)
    started_s = 1_767_225_600 + day * 86_400 + chance.randrange(86_400)
    drawn = 1 if chance.random() < 0.02 else 60
    post_paid = kind_of(seed)
    pace = SHORTER_AT_1_S if drawn == 1 and poll_s is None else 1
    return Setting(
        seed=seed,
        days=days / pace,
        pace=pace,
        variant=chance.choice(VARIANTS),
        terms=chance.choice(TERMS),
        poll_s=poll_s or drawn,
        opening=f"{chance.choice((0, 1, 3, 10, 30)) if post_paid is None else 0}.00",
        started_utc_ms=started_s * 1000,
        has_rtc=chance.random() < 0.5,
        post_paid=post_paid,
        gas=gas_of(seed),
        told=is_told(seed),
    )
