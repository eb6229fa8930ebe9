"""Signed commands: nothing that the pinned key did not sign gets in, and every refusal says why."""

import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime

import jwt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands import MAX_TOKEN_BYTES, Body, Command, Keyring, Order, ReadNow, Reason, Role, verify
from gateway.commands.agreement import PowerSetBody
from gateway.commands.credit import TopUpBody, TopUpReverseBody
from gateway.commands.envelope import claimed_id
from gateway.commands.keys import parse_keys
from gateway.commands.kinds import HELPFUL, HURTFUL, KINDS
from gateway.commands.link import AckBody, ReadNowBody, ResendBody, TimeBody
from gateway.commands.protection import HoldSetBody, LockoutReleaseBody
from gateway.errors import CommandRefused, ConfigError
from gateway.prepayment.events import HoldKind, HoldSet, Moment, PowerSet, TimeTrust, TopUp
from gateway.reference.sign import Signer, new_signer

GATEWAY = "gw-1"
SIGNER = new_signer("k1", "utility")
KEYS = parse_keys(SIGNER.public_table())
TOP_UP = TopUpBody("CH-1", 1, "20.00", "20.00", "CHF", "web")
UNPROVEN = Moment(1_700_000_000_000, TimeTrust.SYNCHRONISED, 0)
PROVEN = Moment(1_700_000_000_000, TimeTrust.AUTHENTICATED, 0)
SAMPLE: tuple[tuple[Command, Body], ...] = (
    (Command.TOP_UP, TOP_UP),
    (Command.TOP_UP_REVERSE, TopUpReverseBody("CH-1", 1, "5.00", "5.00", "CHF", "mistake")),
    (Command.POWER_SET, PowerSetBody("CH-1", 3000)),
    (Command.HOLD_SET, HoldSetBody("CH-1", "h-1", HoldKind.LIFE_SUPPORT, datetime(2026, 3, 1, tzinfo=UTC))),
    (Command.LOCKOUT_RELEASE, LockoutReleaseBody("CH-1")),
    (Command.READ_NOW, ReadNowBody("CH-1")),
    (Command.TIME, TimeBody("nonce-nonce-nonce", 1_700_000_000_000)),
    (Command.ACK, AckBody("abcdef0123456789", 7, "0" * 64)),
    (Command.RESEND, ResendBody(1, 9)),
)


def signed(
    command: Command = Command.TOP_UP,
    body: Body = TOP_UP,
    *,
    signer: Signer = SIGNER,
    gateway_id: str = GATEWAY,
    now_s: int = 1_700_000_000,
    challenge: str | None = None,
) -> bytes:
    """A well-formed token."""
    return signer.sign(command, body, gateway_id=gateway_id, sequence=1, now_s=now_s, challenge=challenge)[1]


def refusal(token: bytes, keys: Keyring = KEYS, gateway_id: str = GATEWAY) -> str:
    """The reason a token is refused for."""
    with pytest.raises(CommandRefused) as refused:
        verify(token, keys, gateway_id)
    return refused.value.reason


def claims(**changes: object) -> bytes:
    """The payload of a top-up with some claims changed; None removes one."""
    plain = json.loads(base64.urlsafe_b64decode(signed().split(b".")[1] + b"=="))
    return msgspec.json.encode({key: value for key, value in {**plain, **changes}.items() if value is not None})


@pytest.mark.parametrize(("command", "body"), SAMPLE)
def test_what_was_signed_is_what_comes_out(command: Command, body: Body) -> None:
    """A command signed by a pinned key arrives unchanged."""
    envelope = verify(signed(command, body), KEYS, GATEWAY)
    assert (envelope.command, envelope.body, envelope.issuer, envelope.sequence) == (command, body, "utility", 1)


def test_every_command_has_a_body_and_a_role() -> None:
    """No command can be forgotten in one of the tables."""
    assert set(KINDS) == set(Command)


def test_every_single_flipped_bit_is_refused() -> None:
    """Of all single-bit changes of valid tokens none is accepted (I14, threat 2)."""
    for command, body in SAMPLE[:3]:
        token = signed(command, body)
        for bit in range(len(token) * 8):
            flipped = bytearray(token)
            flipped[bit // 8] ^= 1 << bit % 8
            refusal(bytes(flipped))


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_refused_with_a_reason(junk: bytes) -> None:
    """Garbage never raises anything but CommandRefused (I21)."""
    assert refusal(junk) in set(Reason)
    assert claimed_id(junk) == ""


@given(st.integers(0, 400), st.binary(max_size=20))
def test_truncated_and_patched_tokens_are_refused(cut: int, patch: bytes) -> None:
    """A token cut short or overwritten in the middle is refused (I21)."""
    token = signed()
    refusal(token[: min(cut, len(token) - 1)])
    changed = token[:cut] + patch + token[cut + len(patch) :]
    if changed != token:
        refusal(changed)
    claimed_id(changed)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_signed_json_is_refused_with_a_reason(nonsense: object) -> None:
    """A trusted key that signs nonsense gets `bad_payload`, whatever the JSON (I21)."""
    assert refusal(SIGNER.sign_bytes(json.dumps(nonsense).encode())) == Reason.BAD_PAYLOAD
    body = SIGNER.sign_bytes(claims(body=nonsense if nonsense is not None else 0))
    assert refusal(body) == Reason.BAD_PAYLOAD


@pytest.mark.parametrize("payload", [b"[" * 5000, b'{"a":"\xff"}', b'{"iss":"\\ud800"}', b"{}", b"\x00"])
def test_hostile_json_is_refused(payload: bytes) -> None:
    """Deep nesting, broken UTF-8 and lone surrogates under a good signature are a refusal, never a crash (I21)."""
    assert refusal(SIGNER.sign_bytes(payload)) == Reason.BAD_PAYLOAD
    nested = claims(body=1).replace(b'"body":1', b'"body":' + (payload or b"{"))
    assert refusal(SIGNER.sign_bytes(nested)) == Reason.BAD_PAYLOAD


def test_no_body_passes_as_another_command() -> None:
    """A body signed for one command is not accepted as another (domain separation, threat 2)."""
    for command, body in SAMPLE:
        for other in Command:
            if other is command or KINDS[other].body.__struct_fields__ == type(body).__struct_fields__:
                continue
            token = SIGNER.sign_bytes(claims(typ=other.value, body=msgspec.to_builtins(body)))
            assert refusal(token) == Reason.BAD_PAYLOAD, (command, other)


def test_a_command_for_another_gateway_is_refused() -> None:
    """The audience is this gateway and no other."""
    assert refusal(signed(gateway_id="gw-2")) == Reason.WRONG_AUDIENCE


def test_the_signature_is_checked_before_the_content() -> None:
    """Who cannot sign learns nothing about what would be accepted."""
    stranger = new_signer("k1", "utility")
    assert refusal(stranger.sign_bytes(b"not even JSON")) == Reason.BAD_SIGNATURE
    assert refusal(signed(signer=new_signer("k9", "utility"))) == Reason.UNKNOWN_KEY


def test_size_is_checked_first() -> None:
    """A payload over 16 KiB is refused unread."""
    assert refusal(b"a" * (MAX_TOKEN_BYTES + 1)) == Reason.TOO_LARGE


@pytest.mark.parametrize(
    "extra", [{"crit": ["b64"], "b64": False}, {"jwk": {"kty": "OKP"}}, {"alg": "none"}, {"alg": "HS256"}, {"kid": ""}]
)
def test_only_the_plainest_header_is_accepted(extra: dict[str, object]) -> None:
    """No `crit`, no key inside the token, no other algorithm."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "EdDSA", "kid": "k1", **extra}).encode()).rstrip(b"=")
    token = signed()
    assert refusal(header + token[token.index(b".") :]) == Reason.MALFORMED


def test_a_key_signs_only_what_its_roles_allow() -> None:
    """A key for top-ups cannot set the power, and a key of one issuer cannot speak for another (I14)."""
    keys = parse_keys(SIGNER.public_table(frozenset({Role.TOPUP})))
    assert verify(signed(), keys, GATEWAY).command is Command.TOP_UP
    assert refusal(signed(Command.POWER_SET, PowerSetBody("CH-1", 3000)), keys) == Reason.NOT_ALLOWED
    impostor = Signer(SIGNER.private, "k1", "another")
    assert refusal(signed(signer=impostor)) == Reason.NOT_ALLOWED


def test_an_unknown_command_is_named() -> None:
    """A command of a later version gets its own reason, with what is needed to match the answer."""
    with pytest.raises(CommandRefused) as refused:
        verify(SIGNER.sign_bytes(claims(typ="firmware_update")), KEYS, GATEWAY)
    assert refused.value.reason == Reason.UNKNOWN_COMMAND
    assert refused.value.detail["command"] == "firmware_update"
    assert refused.value.detail["command_id"]


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 20.0},
        {"amount": "20,00"},
        {"amount": "-20.00"},
        {"amount": "2e1"},
        {"amount": "20.00\n"},
        {"amount": "0.0000000001"},
        {"account_id": "a/b"},
        {"account_id": "+"},
        {"sequence": 0},
        {"sequence": 2**53},
        {"currency": "chf"},
        {"extra": 1},
        {"channel": "a\nb"},
    ],
)
def test_a_body_is_typed_strictly(body: dict[str, object]) -> None:
    """Floats for money, wildcards in ids, unknown fields: refused as bad_payload."""
    merged = {**msgspec.to_builtins(TOP_UP), **body}
    assert refusal(SIGNER.sign_bytes(claims(body=merged))) == Reason.BAD_PAYLOAD


@pytest.mark.parametrize(("amount", "total"), [("0", "0"), ("0.00", "20.00"), ("20.01", "20.00")])
def test_amounts_must_make_sense(amount: str, total: str) -> None:
    """A top-up of nothing, or of more than its lifetime total, is refused before it reaches the account."""
    order = Order(verify(signed(body=TopUpBody("CH-1", 1, amount, total, "CHF")), KEYS, GATEWAY))
    with pytest.raises(CommandRefused, match="bad_payload"):
        order.event(UNPROVEN)


def test_money_is_exact() -> None:
    """Decimal text becomes nano-units (decision 1)."""
    order = Order(verify(signed(body=TopUpBody("CH-1", 3, "0.000000001", "20.1", "CHF", "web")), KEYS, GATEWAY))
    assert order.event(UNPROVEN) == TopUp(UNPROVEN, order.command_id, 3, 1, 20_100_000_000, "CHF", "web")


def test_events_carry_what_was_ordered() -> None:
    """Holds keep their end in ms, read now names its account."""
    hold = Order(verify(signed(*SAMPLE[3]), KEYS, GATEWAY))
    until_ms = 1_772_323_200_000
    assert hold.event(UNPROVEN) == HoldSet(
        UNPROVEN, hold.command_id, "h-1", HoldKind.LIFE_SUPPORT, until_ms, set_by="utility"
    )
    read = Order(verify(signed(*SAMPLE[5]), KEYS, GATEWAY))
    assert read.event(UNPROVEN) == ReadNow(UNPROVEN, read.command_id, "CH-1")


class TestFreshness:
    """Decision 17."""

    @pytest.fixture
    def order(self) -> Callable[..., Order]:
        """An order to set the power, with the gateway's challenge being `now-now-now`."""

        def make(challenge: str | None = None, now_s: int = 1_700_000_000, body: Body | None = None) -> Order:
            command = Command.TOP_UP if body is not None else Command.POWER_SET
            token = signed(command, body or PowerSetBody("CH-1", 3000), challenge=challenge, now_s=now_s)
            return Order(verify(token, KEYS, GATEWAY), frozenset({"now-now-now"}))

        return make

    def test_a_hurtful_command_needs_the_challenge(self, order: Callable[..., Order]) -> None:
        """Without proven time only the current challenge proves freshness."""
        assert isinstance(order("now-now-now").event(UNPROVEN), PowerSet)
        for stale in (None, "old-old-old"):
            with pytest.raises(CommandRefused, match="stale_command"):
                order(stale).event(UNPROVEN)

    def test_a_proven_clock_replaces_the_challenge(self, order: Callable[..., Order]) -> None:
        """With authenticated time the expiry decides, challenge or not."""
        assert isinstance(order(None).event(PROVEN), PowerSet)
        with pytest.raises(CommandRefused, match="expired"):
            order("now-now-now", now_s=1_600_000_000).event(PROVEN)

    def test_a_top_up_never_gets_too_old(self, order: Callable[..., Order]) -> None:
        """A late top-up is still the customer's money, whatever the clock says."""
        for at in (UNPROVEN, PROVEN):
            assert isinstance(order(None, now_s=1, body=TOP_UP).event(at), TopUp)

    def test_whatever_may_do_harm_proves_freshness(self) -> None:
        """Every command but these hurts; a new one hurts until somebody decides otherwise here."""
        assert {Command.TOP_UP, Command.HOLD_SET, Command.OUTAGE_PLAN, Command.ARREARS_PAID} == HELPFUL
        harmless = {Command.READ_NOW, Command.TIME, Command.ACK, Command.RESEND}
        harmless |= {Command.READING_CERTIFICATE, Command.METER_TEST_BEGIN, Command.METER_TEST_END}
        harmless |= {Command.READING_MANUAL, Command.READING_VALIDATE, Command.JOB_ASSIGN, Command.JOB_STATE}
        harmless |= {Command.DOCUMENT, Command.VOLTAGE_CHECK}
        assert set(Command) - HELPFUL - harmless == HURTFUL

    def test_a_key_ends_when_the_time_is_proven(self) -> None:
        """I15: `not_after` counts only against a proven clock: unknown time must not lock the head-end out."""
        keys = parse_keys(SIGNER.public_table() + "not_after = 2023-01-01\n")
        order = Order(verify(signed(), keys, GATEWAY))
        assert isinstance(order.event(UNPROVEN), TopUp)
        with pytest.raises(CommandRefused, match="not_allowed"):
            order.event(PROVEN)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[key]", "not TOML"),
        ("", "missing required field"),
        (SIGNER.public_table() * 2, "twice"),
        (SIGNER.public_table().replace("roles", "rolls"), "unknown field"),
        (SIGNER.public_table().replace('"ack"', '"god"'), "god"),
        ('[[key]]\nkid="a"\nissuer="b"\npublic="AAAA"\nroles=["ack"]', "Ed25519"),
        ('[[key]]\nkid="a"\nissuer="b"\npublic="not base64!"\nroles=["ack"]', "Ed25519"),
    ],
)
def test_a_wrong_key_file_is_explained(text: str, says: str) -> None:
    """Each mistake in the key file names the file and what is wrong."""
    with pytest.raises(ConfigError, match=says) as refused:
        parse_keys(text, "headend-keys.toml")
    assert "headend-keys.toml" in str(refused.value)


def test_random_mutations_are_refused() -> None:
    """Several random bytes of a valid token changed: never accepted (I14)."""
    chance = random.Random(7)
    token = signed()
    for _ in range(2000):
        mutated = bytearray(token)
        for _ in range(chance.randint(1, 4)):
            mutated[chance.randrange(len(mutated))] = chance.choice(b"abcXYZ019-_.")
        if bytes(mutated) != token:
            refusal(bytes(mutated))


def test_another_implementation_signs_and_reads_the_same_tokens() -> None:
    """Any JWS library will do at the other end: PyJWT reads our tokens and signs ones that we accept."""
    command, body = SAMPLE[0]
    ours = signed(command, body)
    payload = jwt.PyJWS().decode(ours, SIGNER.private.public_key(), algorithms=["EdDSA"])
    theirs = jwt.PyJWS().encode(payload, SIGNER.private, algorithm="EdDSA", headers={"kid": SIGNER.kid}).encode()
    assert verify(theirs, KEYS, GATEWAY).body == verify(ours, KEYS, GATEWAY).body == body
