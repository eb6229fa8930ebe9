"""The gateway, the keys and one good command of each kind that the targets and the signature proof share."""

from __future__ import annotations

from datetime import UTC, date, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import shipped
from gateway.commands import Body, Command
from gateway.commands.agreement import AccountCloseBody, AccountOpenBody, PolicySetBody, PowerSetBody, TariffSetBody
from gateway.commands.books import AccountResyncBody, PositionBody
from gateway.commands.credit import TopUpBody, TopUpReverseBody
from gateway.commands.documents import DocumentBody
from gateway.commands.keys import parse_keys
from gateway.commands.link import AckBody, ReadNowBody, ResendBody, TimeBody
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
from gateway.commands.schedule import ScheduleSetBody, ServiceBody
from gateway.commands.voltage import VoltageCheckBody
from gateway.config import document
from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.prepayment.events import HoldKind
from gateway.prepayment.export import DocumentKind
from gateway.prepayment.periods import BillingClass
from gateway.prepayment.posting import PostingKind
from gateway.prepayment.schedule import Rule
from gateway.prepayment.supply import SupplyState
from gateway.reference.sign import Signer
from tests.commands.arrears import ARREARS
from tests.commands.operations import OPERATIONS

GATEWAY = "gw-1"
NOW_S = 1_767_000_000
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), "k1", "utility")
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))), "k1", "utility")
KEYS = parse_keys(SIGNER.public_table())
POLICY = document.load(shipped.folder() / "policies" / "prepaid.toml", PolicyDocument)
TARIFF = document.load(shipped.folder() / "tariffs" / "ch-high-low.toml", TariffDocument)
BLOCKS = document.load(shipped.folder() / "tariffs" / "it-blocks.toml", TariffDocument)
_POSITION = PositionBody(
    "3.20",
    SupplyState.GRACE,
    60_000,
    2,
    "30.00",
    1,
    "5.00",
    150_000,
    datetime(2026, 3, 2, tzinfo=UTC),
    30_000,
    None,
    None,
    "x",
)
COMMANDS: tuple[tuple[Command, Body], ...] = (
    (Command.TOP_UP, TopUpBody("CH-1", 1, "20.00", "20.00", "CHF", "web")),
    (Command.TOP_UP_REVERSE, TopUpReverseBody("CH-1", 1, "5.00", "5.00", "CHF", "mistake")),
    (Command.ACCOUNT_OPEN, AccountOpenBody("CH-2", "m2", "CHF", 3000, POLICY, TARIFF, "12.50", 123456, "S1")),
    (
        Command.ACCOUNT_RESYNC,
        AccountResyncBody("CH-1", "run-run-run", "0123456789abcdef", 9, "0" * 64, "CHF", _POSITION),
    ),
    (Command.ACCOUNT_CLOSE, AccountCloseBody("CH-1", "moved away")),
    (Command.TARIFF_SET, TariffSetBody("CH-1", TARIFF)),
    (Command.TARIFF_SET, TariffSetBody("CH-1", BLOCKS)),
    (Command.POLICY_SET, PolicySetBody("CH-1", POLICY)),
    (Command.POWER_SET, PowerSetBody("CH-1", 6000)),
    (Command.HOLD_SET, HoldSetBody("CH-1", "h-1", HoldKind.LIFE_SUPPORT, datetime(2026, 3, 1, tzinfo=UTC))),
    (Command.HOLD_SET, HoldSetBody("CH-1", "h-2", HoldKind.DISPUTE, None, "180.25", (), "M. R.", "case 7")),
    (Command.HOLD_RELEASE, HoldReleaseBody("CH-1", "h-1", "M. R.", "settled")),
    (
        Command.OUTAGE_PLAN,
        OutagePlanBody("CH-1", "o-1", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), "works 7"),
    ),
    (Command.OUTAGE_CANCEL, OutageCancelBody("CH-1", "o-1", "M. R.", "rain")),
    (Command.LOCKOUT_SET, LockoutSetBody("CH-1", "work on the line")),
    (Command.LOCKOUT_RELEASE, LockoutReleaseBody("CH-1")),
    (Command.OVERRIDE_SET, OverrideSetBody("CH-1", "anna", "ill child", 24, 10_000)),
    (Command.OVERRIDE_END, OverrideEndBody("CH-1", "anna", "paid")),
    (
        Command.POSTING,
        PostingBody(
            "CH-1",
            1,
            PostingKind.RECONSTRUCTION,
            "-5.00",
            "CHF",
            "P-1",
            "law",
            date(2025, 6, 1),
            date(2025, 8, 1),
            "",
            "",
            9,
            "5.00",
            "10.00",
            date(2026, 1, 5),
            date(2025, 6, 1),
            1,
        ),
    ),
    (Command.POSTING, PostingBody("CH-1", 2, PostingKind.FEE, "-1.50", "CHF", "P-2", reverses="P-1")),
    (Command.BONUS_SET, BonusSetBody("CH-1", "B-1", date(2025, 12, 1), date(2026, 11, 30), "CHF", total="120.00")),
    (Command.READ_NOW, ReadNowBody("CH-1")),
    (Command.SCHEDULE_SET, ScheduleSetBody("CH-1", (ServiceBody(Rule.FIXED, BillingClass.TWO_MONTHLY),))),
    (Command.DOCUMENT, DocumentBody(DocumentKind.EVIDENCE, date(2026, 1, 1), date(2026, 1, 2))),
    (Command.VOLTAGE_CHECK, VoltageCheckBody("CH-1", "v-1", datetime(2026, 3, 8, tzinfo=UTC), "case 7")),
    *((command, body) for command, body, _ in OPERATIONS),
    *((command, body) for command, body, _ in ARREARS),
    (Command.TIME, TimeBody("nonce-nonce-nonce", NOW_S * 1000)),
    (Command.ACK, AckBody("abcdef0123456789", 7, "0" * 64, 3)),
    (Command.RESEND, ResendBody(1, 9)),
)


def token(
    command: Command, body: Body, *, signer: Signer = SIGNER, sequence: int = 1, challenge: str | None = None
) -> bytes:
    """A well-formed command."""
    return signer.sign(
        command, body, gateway_id=GATEWAY, sequence=sequence, now_s=NOW_S, challenge=challenge
    )[1]  # fmt: skip
