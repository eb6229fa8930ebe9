"""All commands in one table: what each says, which role may sign it, and whether it must prove that it is fresh.

A new command is a name in `Command`, a body and what it becomes in the file of its area, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.commands import (
    agreement,
    arrears,
    books,
    contract,
    credit,
    fieldwork,
    link,
    override,
    postings,
    protection,
    schedule,
    voltage,
)
from gateway.commands.agreement import AccountCloseBody, AccountOpenBody, PolicySetBody, PowerSetBody, TariffSetBody
from gateway.commands.arrears import (
    ArrearsNoticeBody,
    ArrearsPaidBody,
    ReconnectBody,
    SupplyLimitBody,
    SupplySuspendBody,
)
from gateway.commands.books import AccountResyncBody
from gateway.commands.claims import Body, Command, Said
from gateway.commands.contract import AccountRolloverBody, DueCancelBody, ReadingCertificateBody
from gateway.commands.credit import TopUpBody, TopUpReverseBody
from gateway.commands.documents import DocumentBody
from gateway.commands.fieldwork import (
    JobAssignBody,
    JobStateBody,
    MeterReplaceBody,
    MeterTestBeginBody,
    MeterTestEndBody,
    ReadingManualBody,
    ReadingValidateBody,
)
from gateway.commands.keys import Role
from gateway.commands.link import AckBody, ReadNow, ReadNowBody, ResendBody, TimeBody
from gateway.commands.override import OverrideEndBody, OverrideSetBody
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
from gateway.prepayment.events import AccountOpened
from gateway.prepayment.requests import Request


class Harm(StrEnum):
    """What a command may do to a customer when it is late or repeated (decision 17)."""

    HELPS = "helps"
    """Signature and sequence are enough, however late it comes."""
    HURTS = "hurts"
    """Must prove freshness."""
    NONE = "none"
    """Changes nothing: only its expiry counts, once the time is proven."""


Event = Request | AccountOpened | ReadNow
"""What the teller is asked."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One command. Without `event_of` it is no order: it has a topic of its own, or changes no books."""

    body: type[Body]
    role: Role
    harm: Harm
    event_of: Callable[[Any, Said], Event] | None = None
    """Of a body of this type. Raises CommandRefused(bad_payload)."""


KINDS: Mapping[Command, Kind] = {
    Command.ACCOUNT_OPEN: Kind(AccountOpenBody, Role.ACCOUNT, Harm.HURTS, agreement.account_open),
    Command.ACCOUNT_CLOSE: Kind(AccountCloseBody, Role.ACCOUNT, Harm.HURTS, agreement.account_close),
    Command.ACCOUNT_RESYNC: Kind(AccountResyncBody, Role.ACCOUNT, Harm.HURTS, books.account_resync),
    Command.TOP_UP: Kind(TopUpBody, Role.TOPUP, Harm.HELPS, credit.top_up),
    Command.TOP_UP_REVERSE: Kind(TopUpReverseBody, Role.TOPUP, Harm.HURTS, credit.top_up_reverse),
    Command.TARIFF_SET: Kind(TariffSetBody, Role.TARIFF, Harm.HURTS, agreement.tariff_set),
    Command.POLICY_SET: Kind(PolicySetBody, Role.TARIFF, Harm.HURTS, agreement.policy_set),
    Command.POWER_SET: Kind(PowerSetBody, Role.SUPPLY, Harm.HURTS, agreement.power_set),
    Command.HOLD_SET: Kind(HoldSetBody, Role.SUPPLY, Harm.HELPS, protection.hold_set),
    Command.HOLD_RELEASE: Kind(HoldReleaseBody, Role.SUPPLY, Harm.HURTS, protection.hold_release),
    Command.OUTAGE_PLAN: Kind(OutagePlanBody, Role.SUPPLY, Harm.HELPS, protection.outage_plan),
    Command.OUTAGE_CANCEL: Kind(OutageCancelBody, Role.SUPPLY, Harm.HURTS, protection.outage_cancel),
    Command.LOCKOUT_SET: Kind(LockoutSetBody, Role.SUPPLY, Harm.HURTS, protection.lockout_set),
    Command.LOCKOUT_RELEASE: Kind(LockoutReleaseBody, Role.SUPPLY, Harm.HURTS, protection.lockout_release),
    Command.OVERRIDE_SET: Kind(OverrideSetBody, Role.SUPPLY, Harm.HURTS, override.override_set),
    Command.OVERRIDE_END: Kind(OverrideEndBody, Role.SUPPLY, Harm.HURTS, override.override_end),
    Command.POSTING: Kind(PostingBody, Role.ACCOUNT, Harm.HURTS, postings.posting),
    Command.BONUS_SET: Kind(BonusSetBody, Role.ACCOUNT, Harm.HURTS, postings.bonus_set),
    Command.ARREARS_NOTICE: Kind(ArrearsNoticeBody, Role.SUPPLY, Harm.HURTS, arrears.arrears_notice),
    Command.ARREARS_PAID: Kind(ArrearsPaidBody, Role.SUPPLY, Harm.HELPS, arrears.arrears_paid),
    Command.SUPPLY_LIMIT: Kind(SupplyLimitBody, Role.SUPPLY, Harm.HURTS, arrears.supply_limit),
    Command.SUPPLY_SUSPEND: Kind(SupplySuspendBody, Role.SUPPLY, Harm.HURTS, arrears.supply_suspend),
    Command.RECONNECT: Kind(ReconnectBody, Role.SUPPLY, Harm.HURTS, arrears.reconnect),
    Command.SCHEDULE_SET: Kind(ScheduleSetBody, Role.ACCOUNT, Harm.HURTS, schedule.schedule_set),
    Command.VOLTAGE_CHECK: Kind(VoltageCheckBody, Role.SUPPLY, Harm.NONE, voltage.voltage_check),
    Command.DOCUMENT: Kind(DocumentBody, Role.ACCOUNT, Harm.NONE),
    Command.READ_NOW: Kind(ReadNowBody, Role.SUPPLY, Harm.NONE, link.read_now),
    Command.READING_CERTIFICATE: Kind(ReadingCertificateBody, Role.ACCOUNT, Harm.NONE, contract.reading_certificate),
    Command.ACCOUNT_ROLLOVER: Kind(AccountRolloverBody, Role.ACCOUNT, Harm.HURTS, contract.account_rollover),
    Command.DUE_CANCEL: Kind(DueCancelBody, Role.ACCOUNT, Harm.HURTS, contract.due_cancel),
    Command.METER_REPLACE: Kind(MeterReplaceBody, Role.SUPPLY, Harm.HURTS, fieldwork.meter_replace),
    Command.METER_TEST_BEGIN: Kind(MeterTestBeginBody, Role.SUPPLY, Harm.NONE, fieldwork.meter_test_begin),
    Command.METER_TEST_END: Kind(MeterTestEndBody, Role.SUPPLY, Harm.NONE, fieldwork.meter_test_end),
    Command.READING_MANUAL: Kind(ReadingManualBody, Role.SUPPLY, Harm.NONE, fieldwork.reading_manual),
    Command.READING_VALIDATE: Kind(ReadingValidateBody, Role.SUPPLY, Harm.NONE, fieldwork.reading_validate),
    Command.JOB_ASSIGN: Kind(JobAssignBody, Role.SUPPLY, Harm.NONE, fieldwork.job_assign),
    Command.JOB_STATE: Kind(JobStateBody, Role.SUPPLY, Harm.NONE, fieldwork.job_state),
    Command.TIME: Kind(TimeBody, Role.TIME, Harm.NONE),
    Command.ACK: Kind(AckBody, Role.ACK, Harm.NONE),
    Command.RESEND: Kind(ResendBody, Role.ACK, Harm.NONE),
}
"""A lock-out hurts both ways: setting it cuts supply, releasing it may close it on a worker."""

HURTFUL = frozenset(command for command, kind in KINDS.items() if kind.harm is Harm.HURTS)
HELPFUL = frozenset(command for command, kind in KINDS.items() if kind.harm is Harm.HELPS)
