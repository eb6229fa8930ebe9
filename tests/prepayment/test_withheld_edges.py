"""Money while nobody vouches for the books: what is withheld is touched by what concerns it alone."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Start
from gateway.prepayment.credit import reversal, top_up
from gateway.prepayment.events import TopUp, TopUpReversal
from gateway.prepayment.taken import Taken, refused
from tests.prepayment.worlds import at, opened


def books(*, known: bool) -> Account:
    """After a start: 1000 nano were topped up, 500 of them are withheld, 100 were taken back."""
    return replace(
        opened(),
        top_up_sequence=2,
        top_up_total_nano=1_000,
        reversal_sequence=1,
        reversal_total_nano=100,
        withheld_nano=500,
        start=Start(0, known=known),
    )


@pytest.mark.parametrize(("known", "withheld_nano"), [(False, 300), (True, 500)])
def test_what_was_taken_back_before_comes_out_of_what_is_withheld(known: bool, withheld_nano: int) -> None:
    """I1, threat 3: 300 more in all, 100 of them by this one; books the head-end knows owe nothing of that."""
    account = books(known=known)
    taken = reversal(account, TopUpReversal(at(), "r-1", 3, 100, 400, "CHF", "error"))
    assert isinstance(taken, Taken)
    assert taken.change(account).withheld_nano == withheld_nano


def test_a_gap_of_unknown_size_waits_for_the_head_end() -> None:
    """I1, threat 3: the refusal names the last number that these books know."""
    account = replace(books(known=False), withheld_nano=0)
    asked = TopUp(at(), "t-1", 4, None, 1_500, "CHF", "web")
    assert top_up(account, asked) == refused("books_unconfirmed", last_sequence=2)
    assert isinstance(top_up(account, replace(asked, sequence=3)), Taken)
