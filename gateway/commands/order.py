"""An order: an envelope together with what the gateway can judge of its freshness, and the event it becomes.

Decision 17: commands that can hurt prove that they are fresh, by the gateway's current challenge or by an expiry that
lies ahead of a proven clock. Those that help need neither, and never expire: a customer's money that arrives late is
still the customer's money.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.commands.claims import Body, Command, Reason, Said
from gateway.commands.envelope import Envelope
from gateway.commands.kinds import HELPFUL, HURTFUL, KINDS, Event
from gateway.errors import CommandRefused
from gateway.prepayment.events import Moment


@dataclass(frozen=True, slots=True)
class Order:
    """A verified command on its way to the teller; `challenges` are the gateway's own that still prove freshness."""

    envelope: Envelope
    challenges: frozenset[str] = frozenset()
    present: bool = False
    """Given at this gateway's own console, now: there is no way on which it could grow old or be repeated."""

    @property
    def command(self) -> Command:
        """Which command."""
        return self.envelope.command

    @property
    def command_id(self) -> str:
        """The `jti`: one per command for ever, chosen by the issuer."""
        return self.envelope.command_id

    @property
    def issuer(self) -> str:
        """Whose sequence `sequence` belongs to."""
        return self.envelope.issuer

    @property
    def sequence(self) -> int:
        """The issuer's sequence number of this envelope."""
        return self.envelope.sequence

    @property
    def account_id(self) -> str:
        """The account concerned; empty for the gateway itself."""
        return self.envelope.account_id

    def event(self, at: Moment) -> Event:
        """The event this becomes at `at`. Raises CommandRefused: stale_command, expired, bad_payload, not_allowed."""
        if not self.present:
            check_fresh(self.envelope, self.challenges, at)
        return to_event(self.envelope, at)


def at_console(command: Command, body: Body, *, issuer: str, command_id: str, at: Moment) -> Order:
    """An order that nobody signed: the console answers for who gave it, and puts that on record (I14)."""
    second = at.utc_ms // 1000
    return Order(Envelope(command, command_id, issuer, at.running_ms, second, second, None, "", body), present=True)


def check_fresh(envelope: Envelope, challenges: frozenset[str], at: Moment) -> None:
    """Raise CommandRefused unless the command is fresh enough for what it can do (decision 17)."""
    check_key(envelope, at)
    if envelope.command in HELPFUL:
        return
    if at.trust.proven and at.utc_ms >= envelope.expires_s * 1000:
        raise CommandRefused(Reason.EXPIRED, expired_s=envelope.expires_s)
    if envelope.command not in HURTFUL or at.trust.proven:
        return
    if envelope.challenge not in challenges:
        hint = "sign it again with the challenge in the gateway's status"
        raise CommandRefused(Reason.STALE_COMMAND, trust=at.trust.value, hint=hint)


def check_key(envelope: Envelope, at: Moment) -> None:
    """Raise CommandRefused when the key is past its day; only a proven clock can say so."""
    if at.trust.proven and envelope.key_not_after_utc_ms is not None and at.utc_ms >= envelope.key_not_after_utc_ms:
        raise CommandRefused(Reason.NOT_ALLOWED, kid=envelope.kid, hint="this key is past its not_after day")


def to_event(envelope: Envelope, at: Moment) -> Event:
    """The event of an envelope, without judging freshness. Raises CommandRefused(bad_payload)."""
    event_of = KINDS[envelope.command].event_of
    if event_of is None:
        raise CommandRefused(Reason.UNKNOWN_COMMAND, hint="these have topics of their own, or change no books")
    return event_of(envelope.body, Said(at, envelope.command_id, envelope.issuer))
