"""Bounds and words that other people's systems were built against, each as the number or word itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.commands import Reason
from gateway.commands.claims import utc_ms_of
from gateway.commands.creditcode import decode, groups_of
from gateway.commands.keys import parse_keys
from gateway.errors import CommandRefused, ConfigError
from gateway.reference.sign import new_signer
from tests.commands.test_creditcode import KEY, PLACE, VECTORS
from tests.commands.test_envelopes import SIGNER, payload, refused


def test_the_last_instant_is_the_first_of_the_year_9999() -> None:
    """I21: later there are zones that cannot show it; the instant itself is taken, one millisecond on is not."""
    last = datetime(9999, 1, 1, tzinfo=UTC)
    assert utc_ms_of(last) == 253_370_764_800_000
    with pytest.raises(CommandRefused) as refusal:
        utc_ms_of(last + timedelta(milliseconds=1))
    assert refusal.value.reason == Reason.BAD_PAYLOAD


def test_two_hundred_characters_of_a_code_are_read() -> None:
    """I21: 40 digits and what was pasted around them; the 201st refuses it all, unread."""
    code = VECTORS[0][3]
    assert decode(KEY, PLACE, code.ljust(200)) == VECTORS[0][2]
    with pytest.raises(CommandRefused, match="code_length"):
        groups_of(code.ljust(201))


@pytest.mark.parametrize("issuer", ["console", "code"])
def test_the_gateways_own_names_are_taken(issuer: str) -> None:
    """I14: what was given at the gateway itself is told by its issuer, so no key may carry one of the two."""
    with pytest.raises(ConfigError, match="the gateway itself"):
        parse_keys(new_signer("k1", issuer).public_table())


@pytest.mark.parametrize("member", [b'"jti":"', b'"account_id":"'])
def test_signed_bytes_that_are_no_text_are_refused(member: bytes) -> None:
    """I21: in the claims and in the body; the decoder has a word of its own for it, and it ends nothing."""
    assert payload().count(member) == 1
    reason, detail = refused(SIGNER.sign_bytes(payload().replace(member, member + b"\xff")))
    assert reason == Reason.BAD_PAYLOAD
    assert "utf-8" in str(detail["error"])
