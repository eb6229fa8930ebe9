"""Commands about contract operations: reading certificates, the change of holder, and what waits for an instant."""

from __future__ import annotations

from typing import Literal, assert_never

from msgspec import Struct

from gateway.commands.agreement import policy_of, tariff_of
from gateway.commands.claims import (
    Currency,
    DeliveryPoint,
    Instant,
    Label,
    Name,
    NameOrNone,
    SignedMoney,
    Watts,
    utc_ms_of,
)
from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.prepayment.agenda import RolloverKind
from gateway.prepayment.certificate import CertificateReason
from gateway.prepayment.events import AccountOpened, Moment, Opening
from gateway.prepayment.money import parse_money
from gateway.prepayment.operations import CertificateAsked, DueCancelled, RolledOver

Asked = Literal["switch", "voltura", "billing", "termination", "activation", "conguaglio", "check"]


class ReadingCertificateBody(Struct, frozen=True, forbid_unknown_fields=True):
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


class AccountRolloverBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The holder changes without interruption, now or at an instant to come (S2-03, S2-04)."""

    account_id: Name
    kind: RolloverKind
    to: NextHolderBody
    at: Instant | None = None


class DueCancelBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What waits for its instant does not happen; `due_id` is the `jti` of the command that ordered it."""

    account_id: Name
    due_id: Name


def event_of(
    body: ReadingCertificateBody | AccountRolloverBody | DueCancelBody, jti: str, at: Moment
) -> CertificateAsked | RolledOver | DueCancelled:
    """What the account is asked to do. Raises CommandRefused(bad_payload)."""
    match body:
        case ReadingCertificateBody():
            return CertificateAsked(at, jti, CertificateReason(body.reason), utc_ms_of(body.at), body.reference)
        case AccountRolloverBody():
            return RolledOver(at, jti, body.kind, _next(body.to, jti, at), utc_ms_of(body.at))
        case DueCancelBody():
            return DueCancelled(at, jti, body.due_id)
        case _ as never:
            assert_never(never)


def _next(to: NextHolderBody, jti: str, at: Moment) -> AccountOpened:
    return AccountOpened(
        at=at,
        command_id=jti,
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
