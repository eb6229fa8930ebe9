"""What a channel is: it takes one message for one person and says what became of it. Two exist: e-mail and SMS.

A channel knows nothing of accounts, queues or repeats. It keeps to its own time limits and never raises: whatever
happens on the way is one of the three answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

SEND_MAX_S = 180.0
"""One `send` that takes longer is cancelled and counts as `Later`: a channel must be done, or give up, well before."""
REASON_MAX_CHARS = 200
"""Reasons go into the journal: one line of plain words, and never an address, a number or a text that was sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """One text for one person. `message_id` is the same each time the same message is tried again.

    `to` is an e-mail address, or a telephone number in E.164 ("+41791234567"). An SMS has no subject. What is written
    here needs only characters of the GSM alphabet in an SMS; names from a configuration may need others (UCS-2).
    """

    message_id: str
    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The next one on the way has taken it over. `reference` is how that one names it, "" if it does not."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: try again. `may_have_gone`: nobody knows whether it went, so it is tried once more and not for hours."""

    reason: str
    may_have_gone: bool = False


@dataclass(frozen=True, slots=True)
class Never:
    """This recipient cannot be reached this way (no such mailbox, a number that is none): trying again is no use."""

    reason: str


Result = Sent | Later | Never


class Channel(Protocol):
    """One way to a person. `send` is called for one message at a time, never twice at once."""

    @property
    def name(self) -> str:
        """As rows, cursors and people call it: "email" or "sms"."""
        ...

    @property
    def state(self) -> str:
        """What a technician should know of it now, as a word: "ok", "no_network", "pin_needed", ...; "" before use."""
        ...

    async def send(self, message: Message) -> Result:
        """Hand one message on. Ends within SEND_MAX_S, may be cancelled at any await, and raises nothing of its own."""
        ...

    async def close(self) -> None:
        """Let go of the line or connection; called once, when the gateway ends. Takes two seconds at most."""
        ...


@runtime_checkable
class Reporting(Protocol):
    """A channel that hears later what became of a message it was rid of: its id, and "delivered", "failed", ..."""

    told: Callable[[str, str], None]
