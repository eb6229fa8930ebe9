"""An order: an envelope together with what the gateway can judge of its freshness, and the event it becomes.

Decision 17: commands that can hurt prove that they are fresh, by the gateway's current challenge or by an expiry that
lies ahead of a proven clock. Those that help need neither, and never expire: a customer's money that arrives late is
still the customer's money.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from gateway.commands.claims import (
    AccountCloseBody,
    AccountOpenBody,
    AccountResyncBody,
    AckBody,
    Command,
    HoldReleaseBody,
    HoldSetBody,
    LockoutReleaseBody,
    LockoutSetBody,
    PolicySetBody,
    PositionBody,
    PowerSetBody,
    ReadNowBody,
    Reason,
    ResendBody,
    TariffSetBody,
    TimeBody,
    TopUpBody,
    TopUpReverseBody,
)
from gateway.commands.envelope import Envelope
from gateway.config.policies import PolicyDocument, to_policy
from gateway.config.tariffs import TariffDocument, to_tariff
from gateway.errors import CommandRefused, ConfigError
from gateway.prepayment.events import (
    AccountClosed,
    AccountOpened,
    Hold,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    Moment,
    PolicySet,
    Position,
    PowerSet,
    Request,
    Resynced,
    TariffSet,
    TopUp,
    TopUpReversal,
)
from gateway.prepayment.money import parse_money
from gateway.prepayment.policy import Policy
from gateway.prepayment.tariff import Tariff

LAST_UTC_MS = 253_370_764_800_000  # 9999-01-01
HELPFUL = frozenset({Command.TOP_UP, Command.HOLD_SET})
"""Signature and sequence are enough, however late they come."""
HURTFUL = frozenset(
    {
        Command.ACCOUNT_OPEN,
        Command.ACCOUNT_CLOSE,
        Command.ACCOUNT_RESYNC,
        Command.TOP_UP_REVERSE,
        Command.TARIFF_SET,
        Command.POLICY_SET,
        Command.POWER_SET,
        Command.HOLD_RELEASE,
        Command.LOCKOUT_SET,
        Command.LOCKOUT_RELEASE,
    }
)
"""Must prove freshness. A lock-out hurts both ways: setting it cuts supply, releasing it may close it on a worker."""


@dataclass(frozen=True, slots=True)
class ReadNow:
    """Read the meter of this account now."""

    at: Moment
    command_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Order:
    """A verified command on its way to the teller; `challenges` are the gateway's own that still prove freshness."""

    envelope: Envelope
    challenges: frozenset[str] = frozenset()

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

    def event(self, at: Moment) -> Request | AccountOpened | ReadNow:
        """The event this becomes at `at`. Raises CommandRefused: stale_command, expired, bad_payload, not_allowed."""
        check_fresh(self.envelope, self.challenges, at)
        return to_event(self.envelope, at)


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


def to_event(  # noqa: C901, PLR0911, PLR0912 - one arm for each command
    envelope: Envelope, at: Moment
) -> Request | AccountOpened | ReadNow:
    """The event of an envelope, without judging freshness. Raises CommandRefused(bad_payload)."""
    jti = envelope.command_id
    match envelope.body:
        case TopUpBody() as body:
            amount, total = _amounts(body)
            return TopUp(at, jti, body.sequence, amount, total, body.currency, body.channel)
        case TopUpReverseBody() as body:
            amount, total = _amounts(body)
            return TopUpReversal(at, jti, body.sequence, amount, total, body.currency, body.reason)
        case TariffSetBody() as body:
            return TariffSet(at, jti, _tariff(body.tariff))
        case PolicySetBody() as body:
            return PolicySet(at, jti, _policy(body.policy))
        case PowerSetBody() as body:
            return PowerSet(at, jti, body.contract_power_w)
        case HoldSetBody() as body:
            return HoldSet(at, jti, body.hold_id, body.kind, _utc_ms(body.until))
        case HoldReleaseBody() as body:
            return HoldReleased(at, jti, body.hold_id)
        case LockoutSetBody() as body:
            return LockoutSet(at, jti, body.reason)
        case LockoutReleaseBody():
            return LockoutReleased(at, jti)
        case AccountOpenBody() as body:
            return _opened(body, jti, at)
        case AccountCloseBody() as body:
            return AccountClosed(at, jti, body.reason)
        case AccountResyncBody() as body:
            known = None if body.position is None else _position(body.position)
            return Resynced(at, jti, body.run, body.epoch, body.seq, body.head, body.currency, known)
        case ReadNowBody() as body:
            return ReadNow(at, jti, body.account_id)
        case TimeBody() | AckBody() | ResendBody():
            raise CommandRefused(Reason.UNKNOWN_COMMAND, hint="time, ack and resend have topics of their own")
        case _ as never:
            assert_never(never)


def _opened(body: AccountOpenBody, jti: str, at: Moment) -> AccountOpened:
    return AccountOpened(
        at,
        jti,
        body.account_id,
        body.meter_id,
        body.currency,
        body.contract_power_w,
        _policy(body.policy),
        _tariff(body.tariff),
        parse_money(body.opening_balance),
        body.opening_register_wh,
        body.meter_serial,
    )


def _position(body: PositionBody) -> Position:
    return Position(
        body.register_wh,
        _utc_ms(body.at),
        parse_money(body.balance),
        body.top_up_sequence,
        parse_money(body.top_up_total),
        body.reversal_sequence,
        parse_money(body.reversal_total),
        body.state,
        body.in_state_ms,
        body.notice_age_ms,
        _utc_ms(body.dated_at),
        _utc_ms(body.standing_at),
        body.lockout,
        tuple(Hold(hold.hold_id, hold.kind, _utc_ms(hold.until)) for hold in body.holds),
    )


def _amounts(body: TopUpBody | TopUpReverseBody) -> tuple[int, int]:
    amount_nano, total_nano = parse_money(body.amount), parse_money(body.total)
    if not 0 < amount_nano <= total_nano:
        hint = "amount is above zero and part of total, the account's lifetime total after it"
        raise CommandRefused(Reason.BAD_PAYLOAD, amount=body.amount, total=body.total, hint=hint)
    return amount_nano, total_nano


def _tariff(document: TariffDocument) -> Tariff:
    try:
        return to_tariff(document, "tariff")
    except (ConfigError, ValueError) as error:
        raise CommandRefused(Reason.BAD_PAYLOAD, error=str(error)) from error


def _policy(document: PolicyDocument) -> Policy:
    try:
        return to_policy(document, "policy")
    except (ConfigError, ValueError) as error:
        raise CommandRefused(Reason.BAD_PAYLOAD, error=str(error)) from error


def _utc_ms(instant: datetime | None) -> int | None:
    if instant is None:
        return None
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    utc_ms = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if not 0 <= utc_ms <= LAST_UTC_MS:
        hint = "an instant lies between 1970 and 9998, so that every time zone can show it"
        raise CommandRefused(Reason.BAD_PAYLOAD, instant=instant.isoformat(), hint=hint)
    return utc_ms
