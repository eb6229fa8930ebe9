"""All commands in one table: what each says, which role may sign it, and whether it must prove that it is fresh.

A new command is a name in `Command`, a body with its `event_of` in the file of its area, and one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from gateway.commands.agreement import AccountCloseBody, AccountOpenBody, PolicySetBody, PowerSetBody, TariffSetBody
from gateway.commands.arrears import (
    ArrearsNoticeBody,
    ArrearsPaidBody,
    ReconnectBody,
    SupplyLimitBody,
    SupplySuspendBody,
)
from gateway.commands.books import AccountResyncBody
from gateway.commands.claims import Command
from gateway.commands.contract import AccountRolloverBody, DueCancelBody, ReadingCertificateBody
from gateway.commands.credit import TopUpBody, TopUpReverseBody
from gateway.commands.documents import DocumentBody
from gateway.commands.fieldwork import (
    FieldworkBody,
    JobAssignBody,
    JobStateBody,
    MeterReplaceBody,
    MeterTestBeginBody,
    MeterTestEndBody,
    ReadingManualBody,
    ReadingValidateBody,
)
from gateway.commands.keys import Role
from gateway.commands.link import AckBody, ReadNowBody, ResendBody, TimeBody
from gateway.commands.postings import BonusSetBody, PostingBody
from gateway.commands.protection import (
    HoldReleaseBody,
    HoldSetBody,
    LockoutReleaseBody,
    LockoutSetBody,
    OutageCancelBody,
    OutagePlanBody,
)
from gateway.commands.schedule import ScheduleSetBody
from gateway.commands.voltage import VoltageCheckBody


class Harm(StrEnum):
    """What a command may do to a customer when it is late or repeated (decision 17)."""

    HELPS = "helps"
    """Signature and sequence are enough, however late it comes."""
    HURTS = "hurts"
    """Must prove freshness."""
    NONE = "none"
    """Changes nothing: only its expiry counts, once the time is proven."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One command."""

    body: type[Struct]
    role: Role
    harm: Harm


KINDS: Mapping[Command, Kind] = {
    Command.ACCOUNT_OPEN: Kind(AccountOpenBody, Role.ACCOUNT, Harm.HURTS),
    Command.ACCOUNT_CLOSE: Kind(AccountCloseBody, Role.ACCOUNT, Harm.HURTS),
    Command.ACCOUNT_RESYNC: Kind(AccountResyncBody, Role.ACCOUNT, Harm.HURTS),
    Command.TOP_UP: Kind(TopUpBody, Role.TOPUP, Harm.HELPS),
    Command.TOP_UP_REVERSE: Kind(TopUpReverseBody, Role.TOPUP, Harm.HURTS),
    Command.TARIFF_SET: Kind(TariffSetBody, Role.TARIFF, Harm.HURTS),
    Command.POLICY_SET: Kind(PolicySetBody, Role.TARIFF, Harm.HURTS),
    Command.POWER_SET: Kind(PowerSetBody, Role.SUPPLY, Harm.HURTS),
    Command.HOLD_SET: Kind(HoldSetBody, Role.SUPPLY, Harm.HELPS),
    Command.HOLD_RELEASE: Kind(HoldReleaseBody, Role.SUPPLY, Harm.HURTS),
    Command.OUTAGE_PLAN: Kind(OutagePlanBody, Role.SUPPLY, Harm.HELPS),
    Command.OUTAGE_CANCEL: Kind(OutageCancelBody, Role.SUPPLY, Harm.HURTS),
    Command.LOCKOUT_SET: Kind(LockoutSetBody, Role.SUPPLY, Harm.HURTS),
    Command.LOCKOUT_RELEASE: Kind(LockoutReleaseBody, Role.SUPPLY, Harm.HURTS),
    Command.POSTING: Kind(PostingBody, Role.ACCOUNT, Harm.HURTS),
    Command.BONUS_SET: Kind(BonusSetBody, Role.ACCOUNT, Harm.HURTS),
    Command.ARREARS_NOTICE: Kind(ArrearsNoticeBody, Role.SUPPLY, Harm.HURTS),
    Command.ARREARS_PAID: Kind(ArrearsPaidBody, Role.SUPPLY, Harm.HELPS),
    Command.SUPPLY_LIMIT: Kind(SupplyLimitBody, Role.SUPPLY, Harm.HURTS),
    Command.SUPPLY_SUSPEND: Kind(SupplySuspendBody, Role.SUPPLY, Harm.HURTS),
    Command.RECONNECT: Kind(ReconnectBody, Role.SUPPLY, Harm.HURTS),
    Command.SCHEDULE_SET: Kind(ScheduleSetBody, Role.ACCOUNT, Harm.HURTS),
    Command.VOLTAGE_CHECK: Kind(VoltageCheckBody, Role.SUPPLY, Harm.NONE),
    Command.DOCUMENT: Kind(DocumentBody, Role.ACCOUNT, Harm.NONE),
    Command.READ_NOW: Kind(ReadNowBody, Role.SUPPLY, Harm.NONE),
    Command.READING_CERTIFICATE: Kind(ReadingCertificateBody, Role.ACCOUNT, Harm.NONE),
    Command.ACCOUNT_ROLLOVER: Kind(AccountRolloverBody, Role.ACCOUNT, Harm.HURTS),
    Command.DUE_CANCEL: Kind(DueCancelBody, Role.ACCOUNT, Harm.HURTS),
    Command.METER_REPLACE: Kind(MeterReplaceBody, Role.SUPPLY, Harm.HURTS),
    Command.METER_TEST_BEGIN: Kind(MeterTestBeginBody, Role.SUPPLY, Harm.NONE),
    Command.METER_TEST_END: Kind(MeterTestEndBody, Role.SUPPLY, Harm.NONE),
    Command.READING_MANUAL: Kind(ReadingManualBody, Role.SUPPLY, Harm.NONE),
    Command.READING_VALIDATE: Kind(ReadingValidateBody, Role.SUPPLY, Harm.NONE),
    Command.JOB_ASSIGN: Kind(JobAssignBody, Role.SUPPLY, Harm.NONE),
    Command.JOB_STATE: Kind(JobStateBody, Role.SUPPLY, Harm.NONE),
    Command.TIME: Kind(TimeBody, Role.TIME, Harm.NONE),
    Command.ACK: Kind(AckBody, Role.ACK, Harm.NONE),
    Command.RESEND: Kind(ResendBody, Role.ACK, Harm.NONE),
}
"""A lock-out hurts both ways: setting it cuts supply, releasing it may close it on a worker."""

Body = (
    AccountOpenBody
    | AccountCloseBody
    | AccountResyncBody
    | TopUpBody
    | TopUpReverseBody
    | TariffSetBody
    | PolicySetBody
    | PowerSetBody
    | HoldSetBody
    | HoldReleaseBody
    | OutagePlanBody
    | OutageCancelBody
    | LockoutSetBody
    | LockoutReleaseBody
    | PostingBody
    | BonusSetBody
    | ArrearsNoticeBody
    | ArrearsPaidBody
    | SupplyLimitBody
    | SupplySuspendBody
    | ReconnectBody
    | ScheduleSetBody
    | VoltageCheckBody
    | DocumentBody
    | ReadNowBody
    | ReadingCertificateBody
    | AccountRolloverBody
    | DueCancelBody
    | FieldworkBody
    | TimeBody
    | AckBody
    | ResendBody
)

HURTFUL = frozenset(command for command, kind in KINDS.items() if kind.harm is Harm.HURTS)
HELPFUL = frozenset(command for command, kind in KINDS.items() if kind.harm is Harm.HELPS)
