"""The code of 40 digits: what it says, what a slip shows, and that nobody makes one without the key."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands import creditcode
from gateway.commands.creditcode import Credit, Place, decode, encode, groups_of
from gateway.console.lock import PER_DAY_MAX, WAITS_MIN
from gateway.errors import CommandRefused
from gateway.prepayment.money import CENT_NANO, NANO, wire_money

KEY = bytes(range(32))
PLACE = Place("gw-1", "CH-0001", "CHF")
OTHER_KEY = bytes(32)

# The same table is in docs/credit-code.md: another implementation is right when it makes these.
VECTORS = (
    (KEY, PLACE, Credit(1, 20 * NANO), "19245 14044 11724 85561 31780 12162 52419 67021"),
    (KEY, PLACE, Credit(2, 70 * NANO), "12767 15425 59907 80593 10910 47718 64541 56026"),
    (KEY, Place("gw-1", "CH-0001", "EUR"), Credit(1, 20 * NANO), "14872 11040 47864 61419 95677 01226 75968 71570"),
    (KEY, Place("gw-1", "CH-0002", "CHF"), Credit(1, 20 * NANO), "11939 55016 85350 64276 15213 46305 81879 67614"),
    (OTHER_KEY, PLACE, Credit(1, 20 * NANO), "16028 71583 55336 64087 85640 68047 16123 15881"),
    (
        KEY,
        Place("val-1", "IT001E00000001", "EUR"),
        Credit(12, 123_450_000_000),
        "17344 10107 51349 33794 71353 63560 53487 81658",
    ),
    (
        KEY,
        PLACE,
        Credit(creditcode.SEQUENCE_MAX, creditcode.TOTAL_MAX_NANO),
        "16405 89709 80856 81945 60098 06660 67368 20373",
    ),
    (KEY, PLACE, Credit(1, CENT_NANO), "04722 26555 42314 75601 67072 16776 04830 20534"),
)
CREDITS = st.builds(
    lambda sequence, minor: Credit(sequence, minor * CENT_NANO),
    st.integers(1, creditcode.SEQUENCE_MAX),
    st.integers(1, creditcode.TOTAL_MAX_NANO // CENT_NANO),
)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
PLACES = st.builds(Place, NAMES, NAMES, st.sampled_from(("CHF", "EUR")))


def reason(text: str, *, place: Place = PLACE, key: bytes = KEY) -> str:
    """Why this is refused."""
    with pytest.raises(CommandRefused) as refusal:
        decode(key, place, text)
    return refusal.value.reason


def wrong_groups(text: str) -> str:
    """The groups that are named."""
    with pytest.raises(CommandRefused) as refusal:
        groups_of(text)
    assert refusal.value.reason == "code_groups"
    return str(refusal.value.detail["groups"])


@pytest.mark.parametrize(("key", "place", "credit", "code"), VECTORS)
def test_the_vectors_of_the_document(key: bytes, place: Place, credit: Credit, code: str) -> None:
    """The table in docs/credit-code.md holds, both ways: a code once printed is good for ever (decision 4)."""
    assert encode(key, place, credit) == code
    assert decode(key, place, code) == credit


def test_the_document_has_the_same_table_and_the_same_numbers() -> None:
    """docs/credit-code.md says what the program does: vectors, bits, and what the lock makes of guessing."""
    text = (Path(__file__).parents[2] / "docs" / "credit-code.md").read_text(encoding="utf-8")
    for _, place, credit, code in VECTORS:
        names = f"| {place.gateway_id} | {place.account_id} | {place.currency} | {credit.sequence} |"
        assert f"{names} {wire_money(credit.total_nano)} |" in text
        assert f"`{code}`" in text
    bits = (creditcode.TAG_BITS, creditcode.SEQUENCE_BITS, creditcode.TOTAL_BITS)
    assert all(f"| {number} |" in text for number in bits)
    assert pytest.approx(8e14, rel=0.02) == 2**59 / 730
    assert (WAITS_MIN[-1], PER_DAY_MAX) == (720, 13)


@given(PLACES, CREDITS, st.binary(min_size=32, max_size=32))
def test_a_code_says_what_was_put_into_it(place: Place, credit: Credit, key: bytes) -> None:
    """Sequence and lifetime total come out as they went in, for every place and key (decision 4)."""
    code = encode(key, place, credit)
    assert len(code.replace(" ", "")) == 40
    assert [len(group) for group in code.split(" ")] == [5] * 8
    assert decode(key, place, code) == credit


@given(PLACES, CREDITS, st.sampled_from((" ", "-", "", ".", "  ", "\t", " / ")))
def test_what_stands_between_the_digits_does_not_matter(place: Place, credit: Credit, between: str) -> None:
    """People write groups as they like."""
    code = encode(KEY, place, credit)
    assert decode(KEY, place, f" {code.replace(' ', between)} \n".strip("\n")) == credit


def test_every_wrong_digit_is_found_and_its_group_named() -> None:
    """Every single-digit error of every vector names its group, and no other."""
    for _, _, _, code in VECTORS:
        digits = code.replace(" ", "")
        for at, other in itertools.product(range(40), "0123456789"):
            if other != digits[at]:
                assert wrong_groups(digits[:at] + other + digits[at + 1 :]) == str(at // 5 + 1)


def test_every_exchange_of_two_neighbours_is_found() -> None:
    """Each transposition of different neighbours names the group, or both where it goes across."""
    for _, _, _, code in VECTORS:
        digits = code.replace(" ", "")
        for at in range(39):
            if digits[at] != digits[at + 1]:
                changed = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
                named = dict.fromkeys((str(at // 5 + 1), str((at + 1) // 5 + 1)))
                assert wrong_groups(changed) == " ".join(named)


@given(CREDITS, st.permutations(range(8)))
def test_groups_that_changed_places_are_all_named(credit: Credit, order: list[int]) -> None:
    """A group is right in one place only: whatever the order, exactly the moved groups are named."""
    groups = encode(KEY, PLACE, credit).split(" ")
    moved = [groups[at] for at in order]
    expected = [str(place + 1) for place, at in enumerate(order) if place != at]
    if expected:
        assert wrong_groups(" ".join(moved)) == " ".join(expected)
    else:
        assert groups_of(" ".join(moved)) == tuple(groups)


@given(st.integers(1, 8), st.text("0123456789", min_size=4, max_size=4))
def test_a_group_is_right_in_one_place_only(place: int, data: str) -> None:
    """The check digit of the same four digits differs in each of the eight places."""
    check_digits = {creditcode._check_digit(there, data) for there in range(1, 9)}
    assert len(check_digits) == 8
    assert creditcode._check_digit(place, data) in check_digits


@given(CREDITS, st.integers(0, 7), st.text("0123456789", min_size=4, max_size=4))
def test_a_changed_group_with_a_right_check_digit_is_not_genuine(credit: Credit, at: int, data: str) -> None:
    """I14: whoever changes four digits and makes the check digit right has still made no code."""
    groups = encode(KEY, PLACE, credit).split(" ")
    changed = data + creditcode._check_digit(at + 1, data)
    if changed != groups[at]:
        groups[at] = changed
        assert reason(" ".join(groups)) == "code_not_genuine"


@given(CREDITS, PLACES)
def test_a_code_counts_in_its_place_only(credit: Credit, other: Place) -> None:
    """I14: another gateway, account or currency, or another key, refuses it, and cannot tell it from a wrong one."""
    code = encode(KEY, PLACE, credit)
    places = (
        replace(PLACE, gateway_id=other.gateway_id + "x"),
        replace(PLACE, account_id=other.account_id + "x"),
        replace(PLACE, currency="EUR"),
    )
    assert {reason(code, place=place) for place in places} == {"code_not_genuine"}
    assert reason(code, key=OTHER_KEY) == "code_not_genuine"


def test_names_do_not_run_into_each_other() -> None:
    """Gateway "a" with account "b" is another place than gateway "ab" with no such account."""
    credit = Credit(1, NANO)
    codes = {encode(KEY, Place(*names), credit) for names in (("a", "b", "CHF"), ("ab", "", "CHF"), ("", "ab", "CHF"))}
    assert len(codes) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "code_length"),
        ("1" * 39, "code_length"),
        ("1" * 41, "code_length"),
        ("1" * 100_000, "code_length"),
        ("12345 6789O 12345 67890 12345 67890 12345 67890", "code_characters"),
        ("٣" * 40, "code_characters"),
        ("²" * 40, "code_characters"),
        ("+" + "1" * 39, "code_characters"),
        ("1_0" + "1" * 38, "code_groups"),
        ("9" * 40, "code_groups"),
    ],
)
def test_what_is_no_code_at_all(text: str, expected: str) -> None:
    """A slip is refused with its own reason, so that it is no guess (threat 22)."""
    assert reason(text) == expected


def test_a_group_with_a_digit_too_many_is_named() -> None:
    """Where the groups are kept apart, a missing or doubled digit names its group and hides no other."""
    groups = VECTORS[0][3].split(" ")
    groups[2], groups[5] = groups[2][:-1], groups[5] + "1"
    assert wrong_groups(" ".join(groups)) == "3 6"


def test_the_largest_numbers_that_forty_digits_hold() -> None:
    """All nines with right check digits lies beyond 104 bits: refused, as whatever nobody made."""
    nines = " ".join("9999" + creditcode._check_digit(place, "9999") for place in range(1, 9))
    assert reason(nines) == "code_not_genuine"
    zeros = " ".join("0000" + creditcode._check_digit(place, "0000") for place in range(1, 9))
    assert reason(zeros) == "code_not_genuine"


@pytest.mark.parametrize(
    "credit",
    [
        Credit(0, NANO),
        Credit(creditcode.SEQUENCE_MAX + 1, NANO),
        Credit(1, 0),
        Credit(1, -NANO),
        Credit(1, CENT_NANO + 1),
        Credit(1, creditcode.TOTAL_MAX_NANO + CENT_NANO),
    ],
)
def test_what_a_code_cannot_say_is_not_made(credit: Credit) -> None:
    """Nothing is rounded or cut into a code: the tool says so, and the signed way stays."""
    with pytest.raises(CommandRefused) as refusal:
        encode(KEY, PLACE, credit)
    assert refusal.value.reason == "code_range"


def test_a_forged_number_nought_is_refused() -> None:
    """A tag over sequence 0 is no code, whoever made it: account sequences begin at 1."""
    plain = 5
    tag = creditcode._tag(KEY, PLACE, plain)
    number = tag << 44 | plain ^ creditcode._mask(KEY, tag)
    data = f"{number:032d}"
    parts = (data[at : at + 4] for at in range(0, 32, 4))
    code = " ".join(part + creditcode._check_digit(place, part) for place, part in enumerate(parts, 1))
    assert reason(code) == "code_not_genuine"


def test_forty_digits_are_decoded_by_this_scheme() -> None:
    """The seam: a kind of token is one line of SCHEMES, found by its number of digits."""
    code = VECTORS[0][3]
    assert creditcode.scheme_of(code) is creditcode.SCHEMES[40]
    assert creditcode.scheme_of(code).decode(KEY, PLACE, code) == VECTORS[0][2]
    assert creditcode.scheme_of("123") is creditcode.SCHEMES[40]  # which says how many are missing
