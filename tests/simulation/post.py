"""The way to the customer as a channel of the gateway sees it: a mail server or a modem with all its moods.

It hangs, it rejects, it takes a message and is gone before it says so, it is away for weeks. What it delivered stays.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.alerts.channel import Channel, Later, Message, Never, Result, Sent
from tests.simulation.incidents import FAMILY_SHARE

if TYPE_CHECKING:
    from tests.simulation.world import World

FAMILY = "messages"
_FOR_EVER_S = 1e6


class Mood(StrEnum):
    """How the next message fares."""

    WELL = "well"
    AWAY = "away"
    HANGS = "hangs"
    REJECTS = "rejects"
    """For good: there is no such mailbox."""
    BUSY = "busy"
    UNSURE = "unsure"
    """It is delivered, and the answer to that is lost."""
    RAVES = "raves"
    """One of the others, each time another."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that reached somebody. `life` is that of the daemon that sent it."""

    at_s: float
    life: int
    message: Message


class Post:
    """What stands behind the channel of one gateway, over its lives."""

    def __init__(self, world: World) -> None:
        self.mood = Mood.WELL
        self.troubled_s = -1.0
        """Until when, or since when, something was wrong with it."""
        self._world = world
        self._chance = world.chance("post")
        world.on.healed.append(lambda: self.set(Mood.WELL))

    def set(self, mood: Mood) -> None:
        """Another mood from now on."""
        self.mood = mood
        self.troubled_s = self._world.loop.time()

    def channels(self) -> Sequence[Channel]:
        """What the gateway finds when it starts."""
        return [_Mail(self)] if self._world.setting.told else []

    async def take(self, message: Message) -> Result:
        """One message, in the mood of the moment."""
        world, mood = self._world, self.mood
        life = world.process.life
        if mood is Mood.RAVES:
            mood = self._chance.choice([one for one in Mood if one is not Mood.RAVES])
        world.tell(f"post {mood} {message.message_id}")
        await asyncio.sleep(self._chance.choice((0.2, 2.0, 9.0)))
        match mood:
            case Mood.AWAY:
                return Later("no connection")
            case Mood.HANGS:
                await asyncio.sleep(_FOR_EVER_S)
            case Mood.REJECTS:
                return Never(f"550 no such mailbox {message.to}")
            case Mood.BUSY:
                return Later("451 try again later")
            case _:
                pass
        posted = Posted(world.loop.time(), life, message)
        world.hear(world.on.posted, posted)
        await asyncio.sleep(self._chance.choice((0.05, 0.5)))
        return Later("the connection was lost", may_have_gone=True) if mood is Mood.UNSURE else Sent("250")


@dataclass(frozen=True, slots=True)
class _Mail:
    """The channel itself."""

    post: Post
    name: str = "email"
    state: str = "ok"

    async def send(self, message: Message) -> Result:
        """Hand it on."""
        return await self.post.take(message)

    async def close(self) -> None:
        """Nothing is open."""


def is_told(seed: int) -> bool:
    """Whether the gateway of this run has a channel: where its faults are played."""
    return random.Random(f"{seed}/family/{FAMILY}").random() < FAMILY_SHARE
