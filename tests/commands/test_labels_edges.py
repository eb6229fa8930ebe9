"""Which fields of a command are free text, and that a card number is found in each of them."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.commands.books import AccountResyncBody, HeldBody, PositionBody, WindowBody
from gateway.commands.claims import Body, Label, Name
from gateway.commands.fieldwork import Serial
from gateway.commands.labels import masked
from gateway.prepayment.events import HoldKind
from gateway.prepayment.supply import SupplyState
from tests.commands.test_orders import HEAD, NOON

CARD = "4111111111111111"
SHOWN = "411111******1111"


def test_free_text_is_masked_and_no_other_text() -> None:
    """S0-09: a label is masked whether it must be there or not; an id or a serial number is never touched."""

    class Slip(Body, frozen=True):  # a kind of command that nobody has asked about before
        account_id: Name
        serial: Serial
        note: Label
        remark: Label | None = None

    assert masked(Slip(CARD, CARD, CARD, CARD)) == Slip(CARD, CARD, SHOWN, SHOWN)
    assert masked(Slip(CARD, CARD, CARD)) == Slip(CARD, CARD, SHOWN)
    plain = Slip(CARD, CARD, "counter 4", "case 7")
    assert masked(plain) is plain


def test_free_text_inside_a_position_is_masked_too() -> None:
    """S0-09: the head-end's word on holds and outages is kept like the commands that set them, and masked like them."""
    hold = HeldBody(CARD, HoldKind.COMPLAINT, set_by=f"clerk {CARD}", reason=CARD)
    window = WindowBody(CARD, NOON, NOON, f"works {CARD}", "M. R.")
    position = PositionBody("0.00", SupplyState.GRACE, 1, lockout=CARD, holds=(hold, hold), outages=(window,))
    body = AccountResyncBody(CARD, "run-run-", "e", 5, HEAD, "CHF", position)
    kept = replace(hold, set_by=f"clerk {SHOWN}", reason=SHOWN)
    shown = replace(position, lockout=SHOWN, holds=(kept, kept), outages=(replace(window, reference=f"works {SHOWN}"),))
    assert masked(body) == replace(body, position=shown)
    untouched = replace(body, position=replace(position, lockout=None, holds=(), outages=()))
    assert masked(untouched) is untouched
