"""Commands about contract operations: reading certificates, the change of holder, and what waits for an instant."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from gateway.commands.agreement import policy_of, tariff_of
from gateway.commands.claims import (
    Body,
    Currency,
    DeliveryPoint,
    Instant,
    Label,
    Name,
    NameOrNone,
    Said,
    SignedMoney,
    Watts,
    utc_ms_of,
)
from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.prepayment.agenda import RolloverKind
from gateway.prepayment.certificate import CertificateReason
from gateway.prepayment.events import AccountOpened, Opening
from gateway.prepayment.money import parse_money
from gateway.prepayment.operations import CertificateAsked, DueCancelled, RolledOver

Asked = Literal["switch", "voltura", "billing", "termination", "activation", "conguaglio", "check"]


class ReadingCertificateBody(Body, frozen=True):
    """Certify the registers now, or at an instant gone by or to come (S2-33); nothing else changes."""

    account_id: Name
    reason: Asked
    at: Instant | None = None
    reference: Label = ""


class NextHolderBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The account of the next holder; meter, delivery point, commodity and voltage stay what they are."""

    account_id: Name
    currency: Currency
    contract_power_w: Watts
    policy: PolicyDocument
    tariff: TariffDocument
    opening_balance: SignedMoney = "0.00"
    delivery_point: DeliveryPoint = ""
    domestic: bool = True
    contract_id: NameOrNone = ""


class AccountRolloverBody(Body, frozen=True):
    """The holder changes without interruption, now or at an instant to come (S2-03, S2-04)."""

    account_id: Name
    kind: RolloverKind
    to: NextHolderBody
    at: Instant | None = None


class DueCancelBody(Body, frozen=True):
    """What waits for its instant does not happen; `due_id` is the `jti` of the command that ordered it."""

    account_id: Name
    due_id: Name


def reading_certificate(body: ReadingCertificateBody, said: Said) -> CertificateAsked:
    """The certificate to write. Raises CommandRefused(bad_payload)."""
    reason = CertificateReason(body.reason)
    return CertificateAsked(said.at, said.command_id, reason, utc_ms_of(body.at), body.reference)


def account_rollover(body: AccountRolloverBody, said: Said) -> RolledOver:
    """The change of holder. Raises CommandRefused(bad_payload)."""
    return RolledOver(said.at, said.command_id, body.kind, _next(body.to, said), utc_ms_of(body.at))


def due_cancel(body: DueCancelBody, said: Said) -> DueCancelled:
    """What shall not happen."""
    return DueCancelled(said.at, said.command_id, body.due_id)


def _next(to: NextHolderBody, said: Said) -> AccountOpened:
    return AccountOpened(
        at=said.at,
        command_id=said.command_id,
        account_id=to.account_id,
        meter_id="",  # the account that is handed over says which
        currency=to.currency,
        contract_power_w=to.contract_power_w,
        policy=policy_of(to.policy),
        tariff=tariff_of(to.tariff),
        opening_balance_nano=parse_money(to.opening_balance),
        delivery_point=to.delivery_point,
        domestic=to.domestic,
        kind=Opening.ROLLOVER,
        contract_id=to.contract_id,
    )
