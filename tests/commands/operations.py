"""Contract operations as they are signed, and the requests they become."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from gateway.commands.agreement import AccountOpenBody, PowerSetBody
from gateway.commands.claims import Body, Command
from gateway.commands.contract import AccountRolloverBody, DueCancelBody, NextHolderBody, ReadingCertificateBody
from gateway.commands.fieldwork import (
    JobAssignBody,
    JobStateBody,
    MeterReplaceBody,
    MeterTestBeginBody,
    MeterTestEndBody,
    ReadingManualBody,
    ReadingValidateBody,
)
from gateway.config.document import load
from gateway.config.policies import PolicyDocument, to_policy
from gateway.config.tariffs import TariffDocument, to_tariff
from gateway.prepayment.agenda import JobKind, JobState, MeterTestOutcome, ReadingSource, RolloverKind
from gateway.prepayment.certificate import CertificateReason
from gateway.prepayment.events import AccountOpened, Moment, Opening, PowerSet, TimeTrust
from gateway.prepayment.operations import (
    CertificateAsked,
    DueCancelled,
    JobAssigned,
    JobMoved,
    ManuallyRead,
    MeterReplaced,
    MeterTestBegun,
    MeterTestEnded,
    ReadingValidated,
    RolledOver,
)

CONFIG = Path(__file__).parent.parent.parent / "config"
NOW_MS = 1_772_366_400_000
AT = Moment(NOW_MS, TimeTrust.AUTHENTICATED, 7)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=2)
DAY = date(2026, 3, 1)
POLICY = load(CONFIG / "policies" / "prepaid.toml", PolicyDocument)
TARIFF = load(CONFIG / "tariffs" / "ch-flat.toml", TariffDocument)

OPERATIONS: tuple[tuple[Command, Body, object], ...] = (
    (Command.POWER_SET, PowerSetBody("a", 3_500, LATER), PowerSet(AT, "j-1", 3_500, NOW_MS + 2000)),
    (Command.ACCOUNT_OPEN, AccountOpenBody("a", "m", "CHF", 3_000, POLICY, TARIFF, kind="subentro", contract_id="C-2"),
     AccountOpened(AT, "j-1", "a", "m", "CHF", 3_000, to_policy(POLICY, ""), to_tariff(TARIFF, ""),
                   kind=Opening.SUBENTRO, contract_id="C-2")),
    (Command.READING_CERTIFICATE, ReadingCertificateBody("a", "switch", LATER, "case 7"),
     CertificateAsked(AT, "j-1", CertificateReason.SWITCH, NOW_MS + 2000, "case 7")),
    (Command.READING_CERTIFICATE, ReadingCertificateBody("a", "check"),
     CertificateAsked(AT, "j-1", CertificateReason.CHECK)),
    (Command.ACCOUNT_ROLLOVER,
     AccountRolloverBody("a", RolloverKind.MORTIS_CAUSA,
                         NextHolderBody("b", "CHF", 4_000, POLICY, TARIFF, "1.5", "IT001", False, "C-3"), LATER),
     RolledOver(AT, "j-1", RolloverKind.MORTIS_CAUSA,
                AccountOpened(AT, "j-1", "b", "", "CHF", 4_000, to_policy(POLICY, ""), to_tariff(TARIFF, ""),
                              1_500_000_000, delivery_point="IT001", domestic=False, kind=Opening.ROLLOVER,
                              contract_id="C-3"), NOW_MS + 2000)),
    (Command.DUE_CANCEL, DueCancelBody("a", "j-0"), DueCancelled(AT, "j-1", "j-0")),
    (Command.METER_REPLACE,
     MeterReplaceBody("a", "S-1", 1, "S-2", 2, "E-D", "M. R.", "sheet 4", "old", "case 7", "sdm", 3, 4, 5),
     MeterReplaced(AT, "j-1", "S-1", 1, "S-2", 2, "E-D", "M. R.", "sheet 4", "old", "case 7", "sdm", 3, 4, 5)),
    (Command.METER_TEST_BEGIN, MeterTestBeginBody("a", "t-1", "case 7", LATER),
     MeterTestBegun(AT, "j-1", "t-1", "case 7", NOW_MS + 2000)),
    (Command.METER_TEST_END,
     MeterTestEndBody("a", "t-1", DAY, MeterTestOutcome.OUT_OF_TOLERANCE, "M. R.", -7, "lab 3"),
     MeterTestEnded(AT, "j-1", "t-1", "2026-03-01", MeterTestOutcome.OUT_OF_TOLERANCE, "M. R.", -7, "lab 3")),
    (Command.READING_MANUAL, ReadingManualBody("a", 9, DAY, ReadingSource.TECHNICIAN),
     ManuallyRead(AT, "j-1", 9, "2026-03-01", ReadingSource.TECHNICIAN)),
    (Command.READING_VALIDATE, ReadingValidateBody("a", "j-0", accept=True),
     ReadingValidated(AT, "j-1", "j-0", accept=True)),
    (Command.JOB_ASSIGN, JobAssignBody("a", "w-1", JobKind.INSPECTION, NOON, LATER, "case 7"),
     JobAssigned(AT, "j-1", "w-1", JobKind.INSPECTION, "case 7", NOW_MS, NOW_MS + 2000)),
    (Command.JOB_STATE, JobStateBody("a", "w-1", JobState.DONE, "M. R."),
     JobMoved(AT, "j-1", "w-1", JobState.DONE, "M. R.")),
)  # fmt: skip
"""Command, body, and the request it becomes at `AT` under the id "j-1"."""
