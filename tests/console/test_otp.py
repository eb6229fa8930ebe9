"""One-time codes: 30 minutes, once, on one line, for one person in one role at one gateway."""

from __future__ import annotations

import asyncio
import hmac
from itertools import product
from pathlib import Path

import pytest

from gateway.console import otp, servicekey
from gateway.console.access import LockName
from gateway.console.session import Session
from gateway.console.wire import Role
from gateway.errors import CommandRefused, ConfigError
from tests.console.warden import GATEWAY, KEY, MASTER, Warden, answer, refused

SUBJECT = otp.Subject(GATEWAY, "rossi", Role.TECHNICIAN)


def _challenge(drawn: int) -> str:
    return otp.new_challenge(lambda _: drawn)


def test_a_slip_of_the_finger_is_always_seen() -> None:
    """Every single wrong digit and every exchange of two neighbours shows in the check digits of what is read out."""
    for drawn in (0, 1, 1234567890, 9999999999, 5005005005):
        right = _challenge(drawn)
        assert otp.read(" ".join(right), 12) == right
        wrong = {right[:at] + digit + right[at + 1 :] for at, digit in product(range(12), "0123456789")}
        wrong |= {right[:at] + right[at + 1] + right[at] + right[at + 2 :] for at in range(11)}
        for slip in wrong - {right}:
            with pytest.raises(CommandRefused, match="code_mistyped"):
                otp.read(slip, 12)


@pytest.mark.parametrize(
    "text", ["", "1", "x" * 14, "9" * 13, "9" * 101, "١٢٣٤٥٦٧٨٩٠١٢٣٤", "1²345678901234", "-" * 100]
)
def test_what_is_no_code_is_no_attempt(text: str) -> None:
    """Letters, too few, too many, digits of another script: told as a slip, never an error of the program."""
    with pytest.raises(CommandRefused, match="code_mistyped"):
        otp.read(text)


def test_a_code_is_for_one_person_in_one_role_at_one_gateway_for_one_challenge() -> None:
    """S4-23: change any of them, or the key, and it is another code; 14 digits, 12 of them a MAC (39.9 bits)."""
    challenge = _challenge(1234567890)
    other = _challenge(1234567891)
    code = otp.answer(KEY, SUBJECT, challenge)
    assert len(code) == 14
    assert code == otp.answer(KEY, SUBJECT, challenge)
    others = [
        otp.answer(KEY, otp.Subject("gw-2", "rossi", Role.TECHNICIAN), challenge),
        otp.answer(KEY, otp.Subject(GATEWAY, "bianchi", Role.TECHNICIAN), challenge),
        otp.answer(KEY, otp.Subject(GATEWAY, "rossi", Role.SUPERVISOR), challenge),
        otp.answer(KEY, SUBJECT, other),
        otp.answer(servicekey.derive(MASTER, GATEWAY), SUBJECT, challenge),
        otp.answer(servicekey.key_for(servicekey.derive(MASTER, "gw-2"), servicekey.Use.OTP), SUBJECT, challenge),
        otp.answer(servicekey.key_for(servicekey.derive(MASTER, GATEWAY), servicekey.Use.CREDIT), SUBJECT, challenge),
    ]
    assert code not in others
    assert len(set(others)) == len(others)


def test_another_program_makes_the_same_code() -> None:
    """The contract with the service centre, by hand: HKDF (RFC 5869), a key for the use, HMAC, MOD 97-10."""
    extracted = hmac.digest(bytes(32), MASTER, "sha256")
    service_key = hmac.digest(extracted, b"prepaid-gateway/service-key/1\0gw-1" + b"\x01", "sha256")
    assert servicekey.derive(MASTER, "gw-1") == service_key
    key = hmac.digest(service_key, b"prepaid-gateway/service-key/1\0otp", "sha256")
    challenge = next(f"1234567890{check:02d}" for check in range(2, 99) if int(f"1234567890{check:02d}") % 97 == 1)
    said = f"gw-1\0rossi\0technician\0{challenge}".encode()
    number = int(hmac.digest(key, said, "sha256").hex(), 16) % 10**12
    code = next(f"{number:012d}{check:02d}" for check in range(2, 99) if int(f"{number:012d}{check:02d}") % 97 == 1)
    assert otp.answer(KEY, SUBJECT, challenge) == code


@pytest.mark.parametrize(("after_s", "counts"), [(29 * 60 + 59, True), (30 * 60, True), (30 * 60 + 1, False)])
def test_a_challenge_can_be_answered_for_30_minutes(tmp_path: Path, after_s: int, counts: bool) -> None:
    """S4-23: 29:59 is in time, 30:01 is not; counted on the monotonic clock, so no wall clock is needed or believed."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = Session("tty")
        shown = await warden.access.challenge(session, "rossi", Role.TECHNICIAN)
        warden.clock.utc_ms -= 10**9
        warden.clock.advance(after_s * 1000)
        if counts:
            await warden.access.by_code(session, answer(shown))
            assert (session.who, session.role, session.proven) == ("rossi", Role.TECHNICIAN, True)
        else:
            assert (await refused(warden.access.by_code(session, answer(shown)))).reason == "code_expired"
            assert not session.who
            assert await warden.guess() == "judged", "it was no attempt"

    asyncio.run(story())


def test_a_code_lets_in_once(tmp_path: Path) -> None:
    """S4-23: the second use is refused, on its own line, on another one and after a reboot."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session, other = Session("tty"), Session("other")
        shown = await warden.access.challenge(session, "rossi", Role.TECHNICIAN)
        await warden.access.challenge(other, "rossi", Role.TECHNICIAN)
        await warden.access.by_code(session, answer(shown))
        assert (await refused(warden.access.by_code(session, answer(shown)))).reason == "no_challenge"
        assert (await refused(warden.access.by_code(other, answer(shown)))).reason == "wrong_code"
        assert (await refused(warden.again().access.by_code(Session("tty"), answer(shown)))).reason == "no_challenge"

    asyncio.run(story())


def test_only_the_newest_challenge_of_a_line_counts(tmp_path: Path) -> None:
    """Who asks for another challenge gives the one before away."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = Session("tty")
        first = await warden.access.challenge(session, "rossi", Role.TECHNICIAN)
        second = await warden.access.challenge(session, "rossi", Role.TECHNICIAN)
        assert (await refused(warden.access.by_code(session, answer(first)))).reason == "wrong_code"
        await warden.access.by_code(session, answer(second))

    asyncio.run(story())


def test_challenges_come_no_faster_than_one_a_second(tmp_path: Path) -> None:
    """Threat 22: nobody asks for challenges until one comes again whose answer was overheard."""

    async def story() -> None:
        warden = Warden(tmp_path)
        shown = {(await warden.access.challenge(Session("tty"), "rossi", Role.VIEWER)).digits for _ in range(100)}
        assert len(shown) == 100
        assert warden.clock.running_ms == 99_000

    asyncio.run(story())


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("00" * 32, 0o640, "others may read"),
        ("00" * 31, 0o600, "31 bytes"),
        ("hello", 0o600, "is no key"),
        ("", 0o600, "0 bytes"),
        ("ü", 0o600, "is no key"),
    ],
)
def test_a_key_that_is_not_usable_opens_nothing(tmp_path: Path, content: str, mode: int, said: str) -> None:
    """Without its key a gateway knows no codes, says so, and everything else goes on."""
    warden = Warden(tmp_path)
    warden.key_file.write_text(content)
    warden.key_file.chmod(mode)
    with pytest.raises(ConfigError, match=said):
        servicekey.read(warden.key_file)

    async def story() -> None:
        call = warden.access.challenge(Session("tty"), "rossi", Role.VIEWER)
        assert (await refused(call)).reason == "no_service_key"
        warden.key_file.unlink()
        assert (await refused(warden.access.key(servicekey.Use.CREDIT))).reason == "no_service_key"
        assert await warden.guess(LockName.LOGIN) == "judged"

    asyncio.run(story())
