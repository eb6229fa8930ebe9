"""What a person is told about a code that cannot be read or made, and the last text that is still read."""

from __future__ import annotations

import pytest

from gateway.commands import creditcode
from gateway.commands.creditcode import DIGITS, SEQUENCE_MAX, TEXT_MAX, TOTAL_BITS, Credit, decode, encode, groups_of
from gateway.errors import CommandRefused
from gateway.prepayment.money import CENT_NANO, NANO
from tests.commands.test_creditcode import KEY, PLACE, VECTORS, reason

CODE = VECTORS[0][3]


@pytest.mark.parametrize(
    ("text", "counted"),
    [("", 0), ("1" * (DIGITS - 1), DIGITS - 1), ("1" * (DIGITS + 1), DIGITS + 1), (CODE.ljust(201), 201)],
)
def test_a_code_of_another_length_is_told_both_lengths(text: str, counted: int) -> None:
    """Threat 22: how many there are and how many there should be; too long a text is counted as a whole, unread."""
    with pytest.raises(CommandRefused) as refusal:
        groups_of(text)
    assert (refusal.value.reason, refusal.value.detail) == ("code_length", {"digits": counted, "digits_right": 40})


@pytest.mark.parametrize("text", [CODE.ljust(TEXT_MAX), CODE.replace(" ", "-----"), f"\n{CODE}\r\n", f"\f{CODE}\v"])
def test_a_code_is_read_with_whatever_was_pasted_around_it(text: str) -> None:
    """Decision 4: 200 characters are read to the last one, and the ends of a line are no mistake."""
    assert decode(KEY, PLACE, text) == VECTORS[0][2]


@pytest.mark.parametrize(
    "credit", [Credit(0, NANO), Credit(SEQUENCE_MAX + 1, NANO), Credit(1, 0), Credit(1, 1), Credit(1, CENT_NANO + 1)]
)
def test_the_tool_says_what_a_code_can_hold(credit: Credit) -> None:
    """Decision 4: the whole refusal: the number it was asked for, the last one, and what a total may be."""
    with pytest.raises(CommandRefused) as refusal:
        encode(KEY, PLACE, credit)
    hint = "a code says whole hundredths, 10737418.23 in all"
    detail = {"sequence": credit.sequence, "sequence_max": 16_383, "hint": hint}
    assert (refusal.value.reason, refusal.value.detail) == ("code_range", detail)


@pytest.mark.parametrize("plain", [0, 1, 1 << TOTAL_BITS])
def test_a_code_of_nothing_is_no_code(plain: int) -> None:
    """Decision 4: neither sequence 0 nor a total of 0 credits anything, though the key itself made the tag."""
    tag = creditcode._tag(KEY, PLACE, plain)
    data = f"{tag << 44 | plain ^ creditcode._mask(KEY, tag):032d}"
    groups = [data[at : at + 4] for at in range(0, 32, 4)]
    text = " ".join(group + creditcode._check_digit(place, group) for place, group in enumerate(groups, 1))
    assert reason(text) == "code_not_genuine"
