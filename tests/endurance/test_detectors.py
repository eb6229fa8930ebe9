"""The eyes of the endurance proofs: each sees what it is there to see."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.endurance.flood import judge
from tests.endurance.gauge import Look, risen, slope
from tests.endurance.ledger_check import Heard, compare

S = 1_000_000_000


def looks(*held: int, files: tuple[int, ...] = ()) -> list[Look]:
    """A look at each hundredth unit of work."""
    return [Look(100 * n, held_bytes, 0, (files or held)[n], 1, 1) for n, held_bytes in enumerate(held)]


def test_a_slope_is_that_of_the_second_half() -> None:
    """I20: what a start costs does not count, one byte per unit of work does."""
    assert slope(looks(0, 5000, 9000, 9000, 9000, 9000, 9000, 9000, 9000, 9000)) == 0
    assert slope(looks(*(100 * n for n in range(20)))) == 1.0


def test_a_count_has_risen_when_it_does_not_come_back() -> None:
    """I20: files that come and go are flat; one that stays open is not."""
    assert risen(looks(*[0] * 8, files=(5, 7, 5, 7, 5, 7, 5, 7)), "files") == 0
    assert risen(looks(*[0] * 8, files=(5, 5, 5, 5, 6, 6, 6, 6)), "files") == 1


def test_a_poll_that_comes_after_the_next_was_due_is_missed() -> None:
    """Threat 25: one late poll of a meter is one missed cycle, a small delay is none."""
    times = [n * S for n in range(20)]
    late = [*times[:10], 10 * S + 700_000_000, *times[11:]]
    missed = [*times[:10], *times[11:]]
    for asked, expected in ((times, 0), (late, 0), (missed, 1)):
        assert judge({1: asked}, (0, 5 * S), (5 * S, 15 * S)).missed == expected
    assert judge({1: late}, (0, 5 * S), (5 * S, 15 * S)).worst_ms == 700


def test_what_did_not_arrive_or_arrived_otherwise_is_found(tmp_path: Path) -> None:
    """I7: a row that is missing, changed or not acknowledged is named; all rows in any order are right."""
    bodies, previous = [], "0" * 64
    for seq in range(1, 4):
        body = json.dumps({"seq": seq, "prev": previous, "type": "entry"})
        previous = hashlib.sha256(bytes.fromhex(previous) + body.encode()).hexdigest()
        bodies.append(body)
    store = tmp_path / "store.db"
    with closing(sqlite3.connect(store)) as raw, raw:
        raw.execute("CREATE TABLE journal (seq INTEGER, body TEXT)")
        raw.execute("CREATE TABLE interval (number INTEGER, body TEXT)")
        raw.execute("CREATE TABLE cursor (name TEXT, position INTEGER)")
        raw.executemany("INSERT INTO journal VALUES (?, ?)", enumerate(bodies, 1))
        raw.execute("INSERT INTO interval VALUES (1, '{\"number\":1}')")
        raw.executemany("INSERT INTO cursor VALUES (?, ?)", [("journal", 3), ("interval", 1)])

    def wrong(*rows: str) -> list[str]:
        heard = Heard(tmp_path / "heard.txt")
        heard.take("x/interval", b'{"number":1}')
        for row in rows:
            heard.take("x/journal", row.encode())
        return compare(heard, store, 3, 1)

    one, two, three = bodies
    assert wrong(three, one, two, two) == []
    assert "1 of 3 never arrived" in wrong(one, three)[0]
    assert "two contents" in wrong(one, two, three, two.replace("entry", "notice"))[0]
    assert "otherwise than it is stored" in wrong(one, two.replace("entry", "notice"), three)[0]
