"""What a refusal tells the sender, and tokens and key files at the edge of what is accepted."""

import base64
import json

import msgspec
import pytest

from gateway.commands import MAX_TOKEN_BYTES, Command, Reason, verify
from gateway.commands.agreement import PowerSetBody
from gateway.commands.claims import Body
from gateway.commands.credit import TopUpBody
from gateway.commands.envelope import claimed_id
from gateway.commands.keys import Role, parse_keys
from gateway.commands.link import TimeBody
from gateway.errors import CommandRefused, ConfigError
from gateway.reference.sign import Signer, new_signer

SIGNER = new_signer("k1", "utility")
TABLE = SIGNER.public_table()
KEYS = parse_keys(TABLE)
TOP_UP = TopUpBody("CH-1", 1, "20.00", "20.00", "CHF", "web")


def signed(command: Command = Command.TOP_UP, body: Body = TOP_UP, signer: Signer = SIGNER) -> tuple[str, bytes]:
    """The id and the token of a command to gw-1."""
    return signer.sign(command, body, gateway_id="gw-1", sequence=4, now_s=1_000, challenge="challenge-1")


def refused(token: bytes, gateway_id: str = "gw-1", keys: str = TABLE) -> tuple[str, dict[str, str | int]]:
    """The reason and the detail of a refusal."""
    with pytest.raises(CommandRefused) as error:
        verify(token, parse_keys(keys), gateway_id)
    return error.value.reason, error.value.detail


def test_an_envelope_is_what_was_signed() -> None:
    """I14: id, issuer, sequence, times, challenge, key and account, each in its place."""
    jti, token = signed()
    made = verify(token, parse_keys(TABLE + "not_after = 1970-01-02\n"), "gw-1")
    assert (made.command, made.command_id, made.issuer, made.sequence) == (Command.TOP_UP, jti, "utility", 4)
    assert (made.issued_s, made.expires_s, made.challenge, made.kid) == (1_000, 4_600, "challenge-1", "k1")
    assert (made.body, made.account_id, made.key_not_after_utc_ms) == (TOP_UP, "CH-1", 2 * 86_400_000)
    time = verify(signed(Command.TIME, TimeBody("n" * 8, 1))[1], KEYS, "gw-1")
    assert (time.account_id, time.key_not_after_utc_ms) == ("", None)


def test_a_refusal_names_what_the_sender_must_change() -> None:
    """I24: after a good signature the id, the issuer and the command; before it only what is public."""
    jti, token = signed()
    who = {"command_id": jti, "issuer": "utility", "command": "top_up"}
    assert refused(token, "gw-2") == (Reason.WRONG_AUDIENCE, {**who, "audience": "gw-1"})
    supply = SIGNER.public_table(frozenset({Role.SUPPLY}))
    assert refused(token, keys=supply) == (Reason.NOT_ALLOWED, {**who, "kid": "k1", "needs": "topup"})
    other = TABLE.replace('"utility"', '"other"')
    assert refused(token, keys=other) == (Reason.NOT_ALLOWED, {**who, "kid": "k1", "needs": "topup"})
    stranger = new_signer("k1", "utility")
    assert refused(signed(signer=stranger)[1]) == (Reason.BAD_SIGNATURE, {"kid": "k1"})
    assert refused(signed(signer=new_signer("k7", "utility"))[1]) == (Reason.UNKNOWN_KEY, {"kid": "k7"})
    power = SIGNER.sign_bytes(payload(jti="j-9", typ="power_set"))
    reason, detail = refused(power)
    assert reason == Reason.BAD_PAYLOAD
    assert {"command_id": "j-9", "issuer": "utility", "command": "power_set"}.items() <= detail.items()
    assert "unknown field" in str(detail["error"])
    unknown = SIGNER.sign_bytes(payload(jti="j-9", typ="unheard_of"))
    told = {"command_id": "j-9", "issuer": "utility", "command": "unheard_of"}
    assert refused(unknown) == (Reason.UNKNOWN_COMMAND, told)


def payload(**changes: object) -> bytes:
    """The claims of a top-up with some changed."""
    plain = json.loads(base64.urlsafe_b64decode(signed()[1].split(b".")[1] + b"=="))
    return msgspec.json.encode({**plain, **changes})


def test_a_token_of_the_full_size_is_still_read() -> None:
    """I21: 16 KiB is allowed, one byte more is not looked at."""
    signer = Signer(SIGNER.private, "k12", "utility")  # with this kid the lengths of base64 come out even
    full = signer.sign_bytes(b"x" * ((MAX_TOKEN_BYTES - len(signer.sign_bytes(b""))) * 3 // 4))
    assert len(full) == MAX_TOKEN_BYTES
    assert refused(full, keys=signer.public_table())[0] == Reason.BAD_PAYLOAD
    reason, detail = refused(b"a" * (MAX_TOKEN_BYTES + 1))
    assert (reason, detail) == (Reason.TOO_LARGE, {"bytes": MAX_TOKEN_BYTES + 1, "max_bytes": MAX_TOKEN_BYTES})


def test_a_claimed_id_is_read_up_to_the_full_size_and_no_further() -> None:
    """Decision 7: a refusal can be matched to its command without the signature being good, if it is not too large."""
    jti, token = signed()
    assert claimed_id(token[:-4] + b"AAAA") == jti
    signer = Signer(SIGNER.private, "k12", "utility")
    room = (MAX_TOKEN_BYTES - len(signer.sign_bytes(b""))) * 3 // 4
    full = signer.sign_bytes(payload(jti="j-7").ljust(room))
    assert (len(full), claimed_id(full)) == (MAX_TOKEN_BYTES, "j-7")
    head, body, signature = token.split(b".")
    claims = base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))
    for room, known in ((0, jti), (4, "")):
        spaces = (MAX_TOKEN_BYTES + room - len(head) - len(signature) - 2) * 3 // 4 - len(claims)
        long = head + b"." + base64.urlsafe_b64encode(claims + b" " * spaces).rstrip(b"=") + b"." + signature
        assert abs(len(long) - MAX_TOKEN_BYTES - room) <= 1
        if room == 0:
            long = long[:MAX_TOKEN_BYTES]
        assert claimed_id(long) == known


@pytest.mark.parametrize(
    "token", [b"", b"a.b", b"a.b.c", b"!" * 10 + b"." + b"b." + b"c" * 86, b"a" * 513 + b".b." + b"c" * 86]
)
def test_what_is_no_token_is_said_to_be_none(token: bytes) -> None:
    """I21: the shape is judged before anything is decoded, and the sender is told what it should be."""
    reason, detail = refused(token)
    assert (reason, "three base64url parts" in str(detail["hint"])) == (Reason.MALFORMED, True)


def test_a_header_or_payload_that_is_not_base64_is_malformed() -> None:
    """I21: a length no base64 has, in the header and, well signed, in the payload."""
    _, body, signature = signed()[1].split(b".")
    reason, detail = refused(b"AAAAA." + body + b"." + signature)
    assert (reason, "EdDSA" in str(detail["hint"])) == (Reason.MALFORMED, True)
    header = base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":"k1"}').rstrip(b"=")
    signed_part = header + b".AAAAA"
    made = base64.urlsafe_b64encode(SIGNER.private.sign(signed_part)).rstrip(b"=")
    reason, detail = refused(signed_part + b"." + made)
    assert (reason, "not base64url" in str(detail["hint"])) == (Reason.MALFORMED, True)
    assert claimed_id(header + b".AAAAA." + signature) == ""


def test_one_signature_has_one_spelling() -> None:
    """I3: the unused bits of the last character do not make a second token of the same command."""
    token = signed()[1]
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(chr(token[-1]))
    twin = token[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last ^ 1].encode()
    assert refused(twin) == (Reason.BAD_SIGNATURE, {"kid": "k1"})


def test_a_complaint_about_json_is_short() -> None:
    """I20: what goes back over the air is bounded, whatever was sent."""
    for token in (SIGNER.sign_bytes(payload(body={"x" * 900: 1})), SIGNER.sign_bytes(b'{"' + b"x" * 900 + b'":1}')):
        reason, detail = refused(token)
        assert (reason, len(str(detail["error"]))) == (Reason.BAD_PAYLOAD, 200)


def test_a_power_command_needs_the_supply_role() -> None:
    """I14: each command is held against its own role."""
    token = signed(Command.POWER_SET, PowerSetBody("a", 3_000))[1]
    keys = SIGNER.public_table(frozenset({Role.SUPPLY}))
    assert verify(token, parse_keys(keys), "gw-1").command is Command.POWER_SET


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        (TABLE + TABLE, 'key "k1"', "appears twice; give each key its own kid"),
        (TABLE.replace("public = ", "public = 'AAAA' #"), 'key "k1": public', "3 bytes; 32 bytes as base64url"),
        (TABLE.replace("public = ", "public = 'A*A=' #"), 'key "k1": public', "is not an Ed25519 key"),
        (TABLE.replace('public = "', 'public = "****'), 'key "k1": public', "is not an Ed25519 key"),
        (TABLE.replace("kid", "id"), "", "a table looks like: [[key]] kid"),
        (TABLE.replace('kid = "k1"', 'kid = "a/b"'), "", "a table looks like: [[key]] kid"),
        (TABLE.replace('roles = ["', 'roles = [] # ["'), "", "a table looks like: [[key]] kid"),
        ("key = []", "", "a table looks like: [[key]] kid"),
        ("[[key", "", "is not TOML: "),
    ],
)
def test_a_mistake_in_the_key_file_names_the_key_and_what_would_be_right(text: str, key: str, says: str) -> None:
    """S0-11: file, key, value and what would be right, in one sentence."""
    with pytest.raises(ConfigError) as error:
        parse_keys(text, "our-keys.toml")
    assert str(error.value).startswith(f"our-keys.toml: {key}")
    assert says in str(error.value)


def test_the_key_file_is_named_unless_told_otherwise() -> None:
    """S0-11: the usual name."""
    with pytest.raises(ConfigError, match=r"^headend-keys\.toml: "):
        parse_keys("[[key")


def test_thirty_two_keys_and_no_more() -> None:
    """I20: bounded; the keys are found by their kid, with their issuer and roles."""
    tables = [new_signer(f"k{number}", f"i{number}").public_table(frozenset({Role.TIME})) for number in range(33)]
    ring = parse_keys("".join(tables[:32]))
    assert [(key.kid, key.issuer, key.roles) for key in ring.values()] == [
        (f"k{number}", f"i{number}", frozenset({Role.TIME})) for number in range(32)
    ]
    assert list(ring) == [f"k{number}" for number in range(32)]
    with pytest.raises(ConfigError):
        parse_keys("".join(tables))


@pytest.mark.parametrize("letters", ["-", "_", "A"])
def test_a_public_key_is_base64url_with_or_without_padding(letters: str) -> None:
    """RFC 7515 writes - and _ and no padding; a person may paste the padding, too."""
    text = letters * 42 + "A"
    for public in (text, text + "="):
        table = f'[[key]]\nkid = "k"\nissuer = "i"\npublic = "{public}"\nroles = ["ack"]\n'
        assert parse_keys(table)["k"].public.public_bytes_raw() == base64.urlsafe_b64decode(text + "=")
