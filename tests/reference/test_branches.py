"""Branches of branches: whichever card is in the gateway at last, the head-end follows it once it was resynced."""

from gateway.prepayment.ledger import GENESIS, Happening, chain
from gateway.reference.branches import RESYNCED, Branches, Trail
from gateway.store.codec import canonical, wire_record
from tests.prepayment.worlds import at


def rows(epoch: str, count: int, *, after: tuple[int, str] = (0, GENESIS), lost: str = "") -> list[tuple[bytes, str]]:
    """Rows of one run behind another row, each with its hash; the last one is a resync if a branch is `lost`."""
    seq, head = after
    found = []
    for number in range(1, count + 1):
        detail = (("lost_head", lost), ("known", 0))
        what, told = (RESYNCED, detail) if lost and number == count else ("meter.silent", ())
        record = wire_record(Happening(at(1_000 * number), "CH-1", what, told))
        body = canonical({**record, "seq": seq + number, "epoch": epoch, "prev": head})
        head = chain(head, body)
        found.append((body, head))
    return found


def test_an_old_card_of_a_lost_branch_is_followed_after_its_resync() -> None:
    """I23: the followed branch is short, the new one forks from inside another one: it is no row that came early."""
    first, second = rows("e-first", 2), rows("e-second", 6)
    branches = Branches(Trail())
    for body, _ in (*first, *second):
        branches.take(body)
    old_card = (4, second[3][1])
    third = rows("e-third", 3, after=old_card, lost=first[-1][1])
    for body, _ in (*second[:4], *third):  # all of it once more: nothing was acknowledged
        branches.take(body)
    assert branches.gap is None
    assert branches.main.head == third[-1][1]
    assert [other.epoch for other in branches.trail.others] == ["e-second", "e-first"]


def test_a_row_that_only_came_early_waits_for_those_before_it() -> None:
    """I23: other branches change nothing for rows of the followed one that are on their way."""
    first, second = rows("e-first", 2), rows("e-second", 6)
    later = rows("e-later", 3, after=(2, first[-1][1]))
    branches = Branches(Trail())
    for body, _ in (*first, *second, *second, later[2], later[1]):
        branches.take(body)
    assert branches.gap == (3, 3)
    branches.take(later[0][0])
    assert (branches.main.head, len(branches.trail.others)) == (later[-1][1], 1)
