"""The simulated head-end's copy of the journal: it follows the gateway, whatever images were put back."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.simulation.chain import GENESIS, Chain
from tests.simulation.known import position


class Books:
    """A journal that is written, and copied."""

    def __init__(self, rows: list[bytes] | None = None, hashes: list[str] | None = None) -> None:
        self.rows = rows or []
        self.hashes = hashes or [GENESIS]

    def image(self) -> Books:
        """As it is now."""
        return Books([*self.rows], [*self.hashes])

    def write(self, count: int, **more: Any) -> list[bytes]:
        """So many rows."""
        for _ in range(count):
            row = json.dumps({"seq": len(self.hashes), "prev": self.hashes[-1], "type": "note"} | more).encode()
            self.rows.append(row)
            self.hashes.append(hashlib.sha256(bytes.fromhex(self.hashes[-1]) + row).hexdigest())
        return self.rows[-count:]


def _told(chain: Chain, rows: list[bytes]) -> None:
    for row in rows:
        chain.take(row)


def _forked() -> tuple[Chain, Books, list[bytes], list[bytes]]:
    """A head-end that followed thirty rows; an old image wrote three others, then a younger one two."""
    books, chain = Books(), Chain()
    _told(chain, books.write(10))
    old = books.image()
    _told(chain, books.write(15))
    young = books.image()
    _told(chain, books.write(5, what="of the branch that is lost"))
    return chain, young, old.write(3, what="old"), young.write(2, what="rollback.resynced")


def test_of_two_images_the_one_that_speaks_is_followed() -> None:
    """I23, threat 3: rows that an image before wrote are nobody's any more; what the gateway has is believed."""
    chain, young, first, second = _forked()
    _told(chain, first)
    assert (chain.forked, chain.other_resynced) == (True, False)
    _told(chain, second)
    assert chain.other_resynced
    adopted = chain.adopt()
    assert adopted is not None
    assert [row["seq"] for row in adopted] == [26, 27]
    assert chain.hashes == young.hashes
    assert (chain.forked, len(chain.lost)) == (False, 5)


def test_what_is_missing_between_is_asked_for_and_nothing_is_followed_before() -> None:
    """I23: the last row came first; the rows before it are asked for, and whose they are shows when they are there."""
    chain, young, first, second = _forked()
    _told(chain, first)
    _told(chain, second[1:])
    assert chain.missing(27) == (1, 26)
    assert chain.adopt() is None
    _told(chain, second[:1])
    assert chain.missing(29) == (28, 29)
    assert chain.adopt() is not None
    assert chain.hashes == young.hashes


def test_a_resync_reads_no_register() -> None:
    """I6, threat 3: what its entry tells was read when its position said; a later resync says that time again."""
    at = {"running_ms": 1, "utc": "2026-03-16T11:32:44.875Z", "trust": "AUTHENTICATED"}
    entry = {"type": "entry", "account_id": "A1", "at": at, "balance": "1.00", "reference": "", "from_register_wh": 0}
    rows = [
        entry | {"kind": "opening", "to_register_wh": 0},
        entry | {"kind": "resync", "reference": "r-1", "to_register_wh": 500},
    ]
    before = "2026-03-15T23:00:45.254Z"
    for dated, told in (({"r-1": before}, before), ({}, None)):
        known = position(rows, "A1", {}, {}, dict(dated))
        assert known is not None
        assert (known["register_wh"], known.get("at")) == (500, told)
