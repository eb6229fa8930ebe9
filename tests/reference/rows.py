"""Journal rows made in memory by the published rule, independent of how the store writes them."""

from collections.abc import Iterable

from gateway.prepayment.ledger import GENESIS, Record, chain
from gateway.store.codec import canonical, wire_record
from gateway.store.journal import Row


def chained(records: Iterable[Record], epoch: str = "0123456789abcdef") -> list[Row]:
    """The records as the first rows of a journal."""
    rows: list[Row] = []
    previous = GENESIS
    for seq, record in enumerate(records, 1):
        body = canonical({**wire_record(record), "seq": seq, "epoch": epoch, "prev": previous})
        previous = chain(previous, body)
        rows.append(Row(seq, epoch, previous, body))
    return rows
