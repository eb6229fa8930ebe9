"""What keeps the link alive and complete: a reading now, the time, acknowledgement, a resend."""

from __future__ import annotations

from msgspec import Struct

from gateway.commands.claims import Count, Epoch, Hex64, Name, Ordinal, Token


class ReadNowBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Read the meter of this account now and publish what it says."""

    account_id: Name


class TimeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The head-end's UTC, in answer to our nonce."""

    nonce: Token
    utc_ms: Count


class AckBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything up to this row arrived and its hash is `head`; `interval_number` says the same of the intervals.

    In answer to a status `run` is the `epoch` in it: what this says is then known to be new. `seq` 0: no row is known.
    """

    epoch: Epoch
    seq: Count
    head: Hex64
    interval_number: Count | None = None
    run: Token | None = None


class ResendBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Send these journal rows again, both ends included."""

    from_seq: Ordinal
    to_seq: Ordinal
