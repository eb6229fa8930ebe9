"""The words and limits of commands: what every head-end that signs was built against."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from gateway.commands import MAX_TOKEN_BYTES, Command, Reason, Role
from gateway.commands.claims import MAX_INTEGER
from gateway.commands.keys import MAX_KEYS
from gateway.commands.kinds import KINDS


def test_the_names_of_commands_stay() -> None:
    """Threat 2: `typ` is what a key signs; another word is another command."""
    assert [command.value for command in Command] == [
        "account_open",
        "account_close",
        "account_resync",
        "top_up",
        "top_up_reverse",
        "tariff_set",
        "policy_set",
        "power_set",
        "hold_set",
        "hold_release",
        "outage_plan",
        "outage_cancel",
        "lockout_set",
        "lockout_release",
        "override_set",
        "override_end",
        "posting",
        "bonus_set",
        "arrears_notice",
        "arrears_paid",
        "supply_limit",
        "supply_suspend",
        "reconnect",
        "schedule_set",
        "voltage_check",
        "document",
        "read_now",
        "reading_certificate",
        "account_rollover",
        "due_cancel",
        "meter_replace",
        "meter_test_begin",
        "meter_test_end",
        "reading_manual",
        "reading_validate",
        "job_assign",
        "job_state",
        "time",
        "ack",
        "resend",
    ]


def test_the_reasons_of_refusals_stay() -> None:
    """I24: a refusal is a word that a head-end can act on."""
    assert [reason.value for reason in Reason] == [
        "too_large",
        "malformed",
        "retained",
        "unknown_key",
        "bad_signature",
        "unknown_command",
        "bad_payload",
        "wrong_audience",
        "not_allowed",
        "stale_command",
        "expired",
        "fork",
        "busy",
        "clock_untrusted",
    ]


def test_each_command_has_its_role() -> None:
    """I14: who sells credit cannot open accounts, who tells the time cannot set a tariff."""
    assert [role.value for role in Role] == ["topup", "supply", "tariff", "account", "time", "ack"]
    assert {command.value: kind.role.value for command, kind in KINDS.items()} == {
        "account_open": "account",
        "account_close": "account",
        "account_resync": "account",
        "top_up": "topup",
        "top_up_reverse": "topup",
        "tariff_set": "tariff",
        "policy_set": "tariff",
        "power_set": "supply",
        "hold_set": "supply",
        "hold_release": "supply",
        "outage_plan": "supply",
        "outage_cancel": "supply",
        "lockout_set": "supply",
        "lockout_release": "supply",
        "override_set": "supply",
        "override_end": "supply",
        "posting": "account",
        "bonus_set": "account",
        "arrears_notice": "supply",
        "arrears_paid": "supply",
        "supply_limit": "supply",
        "supply_suspend": "supply",
        "reconnect": "supply",
        "schedule_set": "account",
        "voltage_check": "supply",
        "document": "account",
        "read_now": "supply",
        "reading_certificate": "account",
        "account_rollover": "account",
        "due_cancel": "account",
        "meter_replace": "supply",
        "meter_test_begin": "supply",
        "meter_test_end": "supply",
        "reading_manual": "supply",
        "reading_validate": "supply",
        "job_assign": "supply",
        "job_state": "supply",
        "time": "time",
        "ack": "ack",
        "resend": "ack",
    }
    assert {command.value: kind.body.__name__ for command, kind in KINDS.items()} == {
        command.value: "".join(part.capitalize() for part in command.value.split("_")) + "Body" for command in Command
    }


def test_the_sizes_that_both_sides_rely_on() -> None:
    """I20, I21: 16 KiB a token, integers that JavaScript holds exactly, 32 keys."""
    assert (MAX_TOKEN_BYTES, MAX_INTEGER, MAX_KEYS) == (16_384, 9_007_199_254_740_991, 32)


TOP_UP = {"account_id": "CH-1", "sequence": 1, "amount": "20.00", "total": "20.00", "currency": "CHF"}
POSITION = {"balance": "-3.00", "state": "GRACE", "in_state_ms": 0}
RESYNC = {"account_id": "CH-1", "run": "run-run-", "epoch": "", "seq": 0, "head": "0" * 64, "currency": "CHF"}
HELD = {"hold_id": "h", "kind": "dispute"}
SECOND = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def accepted(command: Command, body: dict[str, object]) -> bool:
    """The body is well formed."""
    try:
        msgspec.json.decode(msgspec.json.encode(body), type=KINDS[command].body, strict=True)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("command", "body", "field", "good", "bad"),
    [
        (
            Command.TOP_UP,
            TOP_UP,
            "account_id",
            ["a", "A.b_c-9", "a" * 64],
            ["", "a" * 65, ".a", "-a", "a b", "a/b", "a\n"],
        ),
        (Command.TOP_UP, TOP_UP, "sequence", [1, 2**53 - 1], [0, -1, 2**53, 1.0, "1", True]),
        (
            Command.TOP_UP,
            TOP_UP,
            "amount",
            ["0", "1.5", "123456789.123456789"],
            ["1234567890", "1.0123456789", "-1", "1.", ".5", "1\n"],
        ),
        (Command.TOP_UP, TOP_UP, "currency", ["CHF", "EUR"], ["CH", "CHFF", "chf", "CHF\n"]),
        (
            Command.TOP_UP,
            TOP_UP,
            "channel",
            ["", "web", "Zürich", "x" * 200],
            ["x" * 201, "a\nb", "\x7f", "\x1f", "a\n"],
        ),
        (Command.POWER_SET, {"account_id": "a"}, "contract_power_w", [1, 100_000_000], [0, 100_000_001]),
        (Command.TIME, {"nonce": "n" * 8}, "utc_ms", [0, 2**53 - 1], [-1, 2**53]),
        (Command.TIME, {"utc_ms": 0}, "nonce", ["A-_z0189", "n" * 64], ["n" * 7, "n" * 65, "n n n n n", "nnnnnnnn\n"]),
        (Command.RESEND, {"from_seq": 1}, "to_seq", [1], [0]),
        (
            Command.ACK,
            {"epoch": "e", "seq": 0},
            "head",
            ["0" * 64, "9af" + "0" * 61],
            ["0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n"],
        ),
        (Command.ACK, {"head": "0" * 64, "seq": 0}, "epoch", ["", "e", "e" * 64], ["e" * 65, "e e", "e\n"]),
        (Command.ACK, {"head": "0" * 64, "epoch": "", "seq": 0}, "interval_number", [None, 0], [-1]),
        (Command.ACK, {"head": "0" * 64, "epoch": "", "seq": 0}, "run", [None, "r" * 8], ["r" * 7]),
        (Command.ACCOUNT_RESYNC, RESYNC, "position", [None, POSITION], [{}, POSITION | {"more": 1}]),
        (Command.ACCOUNT_RESYNC, RESYNC, "run", ["r" * 8], ["r" * 7, None]),
        (
            Command.ACCOUNT_RESYNC,
            RESYNC,
            "position",
            [POSITION | {"holds": [HELD] * 16}, POSITION | {"balance": "3.00"}, POSITION | {"at": SECOND}],
            [
                POSITION | {"holds": [HELD] * 17},
                POSITION | {"balance": "+3"},
                POSITION | {"balance": "1" * 10},
                POSITION | {"at": "2026-03-01T12:00:00"},
                POSITION | {"balance": "3.00\n"},
                POSITION | {"in_state_ms": -1},
            ],
        ),
        (
            Command.HOLD_SET,
            {"account_id": "a", "hold_id": "h", "kind": "dispute"},
            "until",
            [None, SECOND, SECOND.astimezone(timezone(timedelta(hours=2)))],
            ["2026-03-01T12:00:00", "soon"],
        ),
        (
            Command.HOLD_SET,
            {"account_id": "a", "hold_id": "h", "kind": "complaint"},
            "rungs",
            [[], ["LIMITED"], ["LIMITED", "SUSPENDED", "TERMINATED"]],
            [["limited"], ["OFF"], "LIMITED", ["LIMITED"] * 4],
        ),
        (
            Command.HOLD_SET,
            {"account_id": "a", "hold_id": "h", "kind": "dispute"},
            "amount",
            ["0.00", "180.25"],
            ["-1", 180, "a"],
        ),
    ],
)
def test_each_field_has_its_bounds(
    command: Command, body: dict[str, object], field: str, good: list[object], bad: list[object]
) -> None:
    """I21: the last value that is accepted and the first that is not, on both sides."""
    assert [value for value in good if not accepted(command, {**body, field: value})] == []
    assert [value for value in bad if accepted(command, {**body, field: value})] == []


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (Command.TOP_UP, TOP_UP),
        (Command.TOP_UP_REVERSE, TOP_UP | {"reason": ""}),
        (Command.ACCOUNT_CLOSE, {"account_id": "a", "reason": ""}),
        (Command.POWER_SET, {"account_id": "a", "contract_power_w": 500}),
        (Command.HOLD_SET, {"account_id": "a", **HELD}),
        (Command.HOLD_RELEASE, {"account_id": "a", "hold_id": "h"}),
        (Command.OUTAGE_PLAN, {"account_id": "a", "outage_id": "o", "begins": SECOND, "ends": SECOND}),
        (Command.OUTAGE_CANCEL, {"account_id": "a", "outage_id": "o"}),
        (Command.LOCKOUT_SET, {"account_id": "a", "reason": ""}),
        (Command.LOCKOUT_RELEASE, {"account_id": "a"}),
        (Command.READ_NOW, {"account_id": "a"}),
        (Command.TIME, {"nonce": "n" * 8, "utc_ms": 0}),
        (Command.ACK, {"epoch": "", "seq": 0, "head": "0" * 64}),
        (Command.RESEND, {"from_seq": 1, "to_seq": 1}),
        (Command.ACCOUNT_RESYNC, RESYNC),
        (Command.ACCOUNT_RESYNC, RESYNC | {"position": POSITION}),
    ],
)
def test_a_body_needs_each_of_its_fields_and_no_other(command: Command, body: dict[str, object]) -> None:
    """Threat 2: what is not part of a command is refused, whatever a later version may mean by it."""
    assert accepted(command, body)
    assert [name for name in body if name != "position" and accepted(command, without(body, name))] == []
    assert not accepted(command, {**body, "more": 1})


def without(body: dict[str, object], name: str) -> dict[str, object]:
    """The body with one field less."""
    return {key: value for key, value in body.items() if key != name}
