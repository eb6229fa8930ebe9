"""What keeps the link alive and complete: a reading now, the time, acknowledgement, a resend."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.commands.claims import Body, Count, Epoch, Hex64, Name, Ordinal, Said, Token
from gateway.prepayment.events import Moment


class ReadNowBody(Body, frozen=True):
    """Read the meter of this account now and publish what it says."""

    account_id: Name


@dataclass(frozen=True, slots=True)
class ReadNow:
    """Read the meter of this account now."""

    at: Moment
    command_id: str
    account_id: str


class TimeBody(Body, frozen=True):
    """The head-end's UTC, in answer to our nonce."""

    nonce: Token
    utc_ms: Count


class AckBody(Body, frozen=True):
    """Everything up to this row arrived and its hash is `head`; `interval_number` says the same of the intervals.

    In answer to a status `run` is the `epoch` in it: what this says is then known to be new. `seq` 0: no row is known.
    """

    epoch: Epoch
    seq: Count
    head: Hex64
    interval_number: Count | None = None
    run: Token | None = None


class ResendBody(Body, frozen=True):
    """Send these journal rows again, both ends included."""

    from_seq: Ordinal
    to_seq: Ordinal


def read_now(body: ReadNowBody, said: Said) -> ReadNow:
    """The meter to read."""
    return ReadNow(said.at, said.command_id, body.account_id)
