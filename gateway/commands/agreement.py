"""Commands about the contract of an account: open, close, tariff, policy, power."""

from __future__ import annotations

from typing import Literal

from gateway.commands.claims import (
    Body,
    Count,
    Currency,
    DeliveryPoint,
    Instant,
    Label,
    Name,
    NameOrNone,
    PlantWatts,
    Reason,
    Said,
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
    Opening,
    PolicySet,
    PowerSet,
    TariffSet,
)
from gateway.prepayment.money import parse_money
from gateway.prepayment.policy import Policy
from gateway.prepayment.supply import Commodity, Voltage
from gateway.prepayment.tariff import Tariff


class AccountOpenBody(Body, frozen=True):
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


class AccountCloseBody(Body, frozen=True):
    """The contract ends; `final_register_wh` is what was read on site, for a meter that does not answer itself."""

    account_id: Name
    reason: Label
    cause: CloseCause = CloseCause.CUSTOMER_REQUEST
    final_register_wh: Count | None = None


class TariffSetBody(Body, frozen=True):
    """A tariff to use from its own validity date on."""

    account_id: Name
    tariff: TariffDocument


class PolicySetBody(Body, frozen=True):
    """The policy to use from now on."""

    account_id: Name
    policy: PolicyDocument


class PowerSetBody(Body, frozen=True):
    """The contract power in W from now on, or from an instant to come (S2-06)."""

    account_id: Name
    contract_power_w: Watts
    at: Instant | None = None


def account_open(body: AccountOpenBody, said: Said) -> AccountOpened:
    """The account to open. Raises CommandRefused(bad_payload)."""
    return AccountOpened(
        said.at,
        said.command_id,
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


def account_close(body: AccountCloseBody, said: Said) -> AccountClosed:
    """The account to close."""
    return AccountClosed(said.at, said.command_id, body.reason, body.cause, body.final_register_wh)


def tariff_set(body: TariffSetBody, said: Said) -> TariffSet:
    """The tariff to use. Raises CommandRefused(bad_payload)."""
    return TariffSet(said.at, said.command_id, tariff_of(body.tariff))


def policy_set(body: PolicySetBody, said: Said) -> PolicySet:
    """The policy to use. Raises CommandRefused(bad_payload)."""
    return PolicySet(said.at, said.command_id, policy_of(body.policy))


def power_set(body: PowerSetBody, said: Said) -> PowerSet:
    """The contract power. Raises CommandRefused(bad_payload)."""
    return PowerSet(said.at, said.command_id, body.contract_power_w, utc_ms_of(body.at))


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
