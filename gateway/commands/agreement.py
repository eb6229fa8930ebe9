"""Commands about the contract of an account: open, close, tariff, policy, power."""

from __future__ import annotations

from typing import Literal, assert_never

from msgspec import Struct

from gateway.commands.claims import (
    Count,
    Currency,
    DeliveryPoint,
    Instant,
    Label,
    Name,
    NameOrNone,
    PlantWatts,
    Reason,
    SignedMoney,
    Watts,
    utc_ms_of,
)
from gateway.config.policies import PolicyDocument, to_policy
from gateway.config.tariffs import TariffDocument, to_tariff
from gateway.errors import CommandRefused, ConfigError
from gateway.prepayment.events import (
    AccountClosed,
    AccountOpened,
    CloseCause,
    Moment,
    Opening,
    PolicySet,
    PowerSet,
    TariffSet,
)
from gateway.prepayment.money import parse_money
from gateway.prepayment.policy import Policy
from gateway.prepayment.supply import Commodity, Voltage
from gateway.prepayment.tariff import Tariff


class AccountOpenBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A delivery point comes under prepayment; without a register the next reading is where it starts."""

    account_id: Name
    meter_id: Name
    currency: Currency
    contract_power_w: Watts
    policy: PolicyDocument
    tariff: TariffDocument
    opening_balance: SignedMoney = "0.00"
    opening_register_wh: Count | None = None
    meter_serial: Label | None = None
    delivery_point: DeliveryPoint = ""
    commodity: Commodity = Commodity.ELECTRICITY
    voltage: Voltage = Voltage.LV
    domestic: bool = True
    kind: Literal["activation", "subentro"] = "activation"
    contract_id: NameOrNone = ""
    plant_power_w: PlantWatts = 0


class AccountCloseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The contract ends."""

    account_id: Name
    reason: Label
    cause: CloseCause = CloseCause.CUSTOMER_REQUEST


class TariffSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A tariff to use from its own validity date on."""

    account_id: Name
    tariff: TariffDocument


class PolicySetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The policy to use from now on."""

    account_id: Name
    policy: PolicyDocument


class PowerSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The contract power in W from now on, or from an instant to come (S2-06)."""

    account_id: Name
    contract_power_w: Watts
    at: Instant | None = None


def event_of(
    body: AccountOpenBody | AccountCloseBody | TariffSetBody | PolicySetBody | PowerSetBody, jti: str, at: Moment
) -> AccountOpened | AccountClosed | TariffSet | PolicySet | PowerSet:
    """What the account is asked to do. Raises CommandRefused(bad_payload)."""
    match body:
        case TariffSetBody():
            return TariffSet(at, jti, tariff_of(body.tariff))
        case PolicySetBody():
            return PolicySet(at, jti, policy_of(body.policy))
        case PowerSetBody():
            return PowerSet(at, jti, body.contract_power_w, utc_ms_of(body.at))
        case AccountOpenBody():
            return _opened(body, jti, at)
        case AccountCloseBody():
            return AccountClosed(at, jti, body.reason, body.cause)
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
        policy_of(body.policy),
        tariff_of(body.tariff),
        parse_money(body.opening_balance),
        body.opening_register_wh,
        body.meter_serial,
        body.delivery_point,
        body.commodity,
        body.voltage,
        body.domestic,
        Opening(body.kind),
        body.contract_id,
        body.plant_power_w,
    )


def tariff_of(document: TariffDocument) -> Tariff:
    """The tariff of a command. Raises CommandRefused(bad_payload)."""
    try:
        return to_tariff(document, "tariff")
    except (ConfigError, ValueError) as error:
        raise CommandRefused(Reason.BAD_PAYLOAD, error=str(error)) from error


def policy_of(document: PolicyDocument) -> Policy:
    """The policy of a command. Raises CommandRefused(bad_payload)."""
    try:
        return to_policy(document, "policy")
    except (ConfigError, ValueError) as error:
        raise CommandRefused(Reason.BAD_PAYLOAD, error=str(error)) from error
