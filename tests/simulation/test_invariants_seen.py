"""Checks that no planted bug makes fail: each is shown what it is there for, and must say so in its own words.

The tests beside this one ask which promise was broken; two checks of one promise could stand in for each other there.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.simulation.dealing import NANO
from tests.simulation.handwritten import CLOSE, OPEN, Site
from tests.simulation.invariants import bounds, names
from tests.simulation.signer import Order
from tests.simulation.site import VARIANTS

PAGE = Path(__file__).parents[2] / "docs" / "proof" / "invariants.md"
NOTHING = {"amount": "0.00", "balance": "3.00", "lines": []}


def _out_of_turn(site: Site) -> None:
    site.previous = "0" * 64
    site.row("event", what="x", detail={})


def _gift(site: Site) -> None:
    site.row("entry", kind="gift", reference="", **NOTHING)


def _opened_twice(site: Site) -> None:
    site.row("entry", kind="opening", amount="3.00", balance="6.00", reference="file:A1", lines=[])


def _charge(site: Site, *, reference: str = "", wh: int = 0, tariff: str = "sim@1") -> None:
    line = {"component": "energy", "band": "all", "wh": wh, "amount": "0.00", "tariff_ref": tariff}
    site.row("entry", kind="charge", reference=reference, **NOTHING | {"lines": [line]})


def _unknown_tariff(site: Site) -> None:
    _charge(site, tariff="other@7")


def _without_registers(site: Site) -> None:
    _charge(site, wh=10)


def _case_charged_twice(site: Site) -> None:
    _charge(site, reference="case:1")
    _charge(site, reference="case:1")


def _nobody_took_back(site: Site) -> None:
    site.row("entry", kind="top_up_reversal", reference="j5", **NOTHING)


def _taken_back_twice(site: Site) -> None:
    site.orders["j5"] = Order("j5", "top_up_reverse", {"account_id": "A1", "sequence": 1, "total": "1.00"}, b"")
    for balance in ("2.00", "1.00"):
        site.row("entry", kind="top_up_reversal", reference="j5", amount="-1.00", balance=balance, lines=[])


def _unknown_policy(site: Site) -> None:
    site.row("transition", rule="credit_low", source="NORMAL", target="LOW_CREDIT", balance="3.00", policy="x@1")


def _gone_with_credit(site: Site) -> None:
    site.moved("credit_gone", "NORMAL", "GRACE")


def _owing(site: Site, hours: float = 14.0) -> None:
    site.hours = 1.0
    site.charged(10_000)
    site.moved("credit_gone", "NORMAL", "GRACE")
    site.commit()
    site.hours = hours


def _limited_with_credit(site: Site) -> None:
    _owing(site)
    site.topped_up("j1", 5 * NANO)
    site.moved("grace_over", "GRACE", "LIMITED")


def _limited_below_the_cap(site: Site) -> None:
    _owing(site)
    site.moved("offline_debt_cap", "GRACE", "LIMITED")


def _limited_without_time(site: Site) -> None:
    _owing(site)
    at = {"running_ms": 14 * 3_600_000, "trust": "RESTORED", "utc": "2026-02-25T23:00:00Z"}
    evidence = {"balance": "-0.247", "policy": "sim@1", "limit_w": 990, "at": at}
    site.row("transition", rule="grace_over", source="GRACE", target="LIMITED", **evidence)


def _restored_in_debt(site: Site) -> None:
    _owing(site)
    site.moved("grace_over", "GRACE", "LIMITED")
    site.moved("restored", "LIMITED", "NORMAL")


def _time_goes_back(site: Site) -> None:
    site.hours = 2.0
    site.row("event", what="x", detail={})
    site.hours = 1.0
    site.row("event", what="x", detail={})


def _issuer_goes_back(site: Site) -> None:
    for sequence in (9, 3):
        site.raw.execute("DELETE FROM command")
        site.raw.execute("INSERT INTO command VALUES ('utility', 'j', ?, 0, '{}')", (sequence,))
        site.asked_this_hour("counters")


def _told_otherwise(site: Site) -> None:
    site.said("journal", {"seq": 1})


def _quarter_told_and_not_stored(site: Site) -> None:
    site.said("interval", {"number": 4})


def _head_not_stored(site: Site) -> None:
    site.said("status", {"online": True, "seq": 9, "head": "0" * 64})


def _refused_in_silence(site: Site) -> None:
    site.said("verdict", {"jti": "j1", "typ": "top_up", "status": "refused", "reason": "bad_signature"})
    site.asked_in_the_end("told")


def _does_not_run(site: Site) -> None:
    site.world.process.running = False  # type: ignore[misc]
    site.asked_in_the_end("agreed")


def _sale_without_verdict(site: Site) -> None:
    site.world.center.tills["A1"].open_sale = Order("j1", "top_up", {}, b"")
    site.asked_in_the_end("agreed")


def _sale_without_receipt(site: Site) -> None:
    site.orders["j1"] = Order("j1", "top_up", {"account_id": "A1"}, b"", [{"status": "applied"}])
    site.asked_in_the_end("agreed")


def _withheld_for_ever(site: Site) -> None:
    site.snapshot["withheld_nano"] = NANO
    site.commit()
    site.asked_in_the_end("agreed")


def _last_row_says_otherwise(site: Site) -> None:
    site.snapshot["settled_charge_nano"] = NANO
    site.commit()
    site.asked_in_the_end("agreed")


def _energy_lost(site: Site) -> None:
    site.delivered_wh = 1000
    site.commit()
    site.asked_in_the_end("energy")


def _more_open_than_delivered(site: Site) -> None:
    site.snapshot["register"]["cases"] = [{"case_id": 1, "kind": "discontinuity", "wh": 500}]
    site.commit()
    site.asked_in_the_end("energy")


def _unknown_write(site: Site) -> None:
    site.written(b"\x06\0\0\0\0")


def _opens_too_soon(site: Site) -> None:
    site.snapshot["supply"]["state"] = "SUSPENDED"
    site.commit()
    site.written(CLOSE)
    site.hours += 3 / 3600
    site.written(OPEN)


def _limit_means_nothing(site: Site) -> None:
    _owing(site)
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()
    for _ in range(2):
        site.hours += 1.0
        site.delivered_wh += 6000
        site.asked_this_hour("supply")


SEEN: list[tuple[Callable[[Site], None], str]] = [
    (_out_of_turn, "does not follow row"),
    (_gift, "nobody knows an entry of kind gift"),
    (_opened_twice, "an opening of 3.00"),
    (_unknown_tariff, "nobody set the tariff other@7"),
    (_without_registers, "10 Wh without registers"),
    (_case_charged_twice, "case:1 is charged twice"),
    (_nobody_took_back, "nobody took back j5"),
    (_taken_back_twice, "j5 took effect twice"),
    (_unknown_policy, "nobody set the policy x@1"),
    (_gone_with_credit, "credit gone at 3.0"),
    (_limited_with_credit, "grace_over at 4.7"),
    (_limited_below_the_cap, "offline_debt_cap at -0.2"),
    (_limited_without_time, "grace_over while the time is RESTORED"),
    (_restored_in_debt, "restored at -0.2"),
    (_time_goes_back, "observed time went back by 3600000 ms"),
    (_issuer_goes_back, "utility was at 9 and is at 3"),
    (_told_otherwise, "row 1 was told otherwise"),
    (_quarter_told_and_not_stored, "interval 4 was told"),
    (_head_not_stored, "the status names a head at 9"),
    (_refused_in_silence, "refused as bad_signature, none on record"),
    (_does_not_run, "the daemon does not run"),
    (_sale_without_verdict, "the sale j1 has no verdict"),
    (_sale_without_receipt, "the sale j1 was acknowledged and has no receipt"),
    (_withheld_for_ever, "of a sale are still withheld"),
    (_last_row_says_otherwise, "the last row says 3.00, the account 2000000000"),
    (_energy_lost, "1000 Wh of 1000 are neither charged nor open"),
    (_more_open_than_delivered, "500 Wh more than the 0 delivered"),
    (_unknown_write, "nobody knows the write 0600000000"),
    (_opens_too_soon, "the switch opens 3.0 s after it closed"),
    (_limit_means_nothing, "under a limit of 990 W"),
]


@pytest.mark.parametrize(("broken", "words"), SEEN, ids=[broken.__name__.strip("_") for broken, _ in SEEN])
def test_each_check_of_the_books_says_what_it_is_there_for(broken: Callable[[Site], None], words: str) -> None:
    """I1 to I23: rows, money, rungs, clocks, messages, wires."""
    site = Site()
    site.opened()
    assert not site.told
    broken(site)
    site.commit()
    assert site.broken(words), site.told


def test_a_write_before_anything_is_stored_is_noticed() -> None:
    """I11: the first thing a new life does is not to move a relay."""
    site = Site()
    site.written(CLOSE)
    assert site.broken("before this life of the gateway has committed anything")


def test_a_threshold_that_is_set_for_nothing_or_never_set_is_noticed() -> None:
    """I8, I10, S1-11: the meter's own limiter follows the committed rung, both ways."""
    site = Site(variant=VARIANTS[2])
    site.opened()
    words = [7000, 0, 0, 0, 0, 0, 1, *struct.unpack(">HH", struct.pack(">f", 0.99))]
    for call in site.on.written:
        call(1, struct.pack(">BHHB9H", 16, 5249, 9, 18, *words))
    assert site.broken("power is limited, the committed state is NORMAL")
    _owing(site)
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()
    site.asked_in_the_end("supply")
    assert site.broken("the supply is not limited, the committed state is LIMITED")


def test_what_grows_without_end_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I20: tasks, rows of a day, bytes on the card, quarter-hours."""
    site = Site()
    site.opened()
    (tmp_path / "store.db").write_bytes(bytes(100_000))
    site.world.medium = SimpleNamespace(folder=tmp_path)  # type: ignore[assignment]
    site.raw.execute("INSERT INTO interval VALUES (1, 'A1', '{}')")

    async def hours(tasks: int) -> None:
        others = [asyncio.create_task(asyncio.sleep(60)) for _ in range(tasks)]
        for _ in range(26):
            site.row("event", what="x", detail={})
            site.commit()
            site.asked_this_hour("bounds")
        for task in others:
            task.cancel()

    asyncio.run(hours(1))
    assert not site.told
    for name in ("ROWS_A_DAY_MAX", "BYTES_BESIDE_ROWS_MAX", "BYTES_A_ROW_MAX", "INTERVALS_MAX"):
        monkeypatch.setattr(bounds, name, 0)
    asyncio.run(hours(bounds.TASKS_MAX))
    for words in ("61 tasks", "rows in a day", "100000 bytes on the card", "1 quarter-hours are kept"):
        assert site.broken(words), site.told


def test_a_row_may_wait_for_the_writer_and_a_run_may_not_begin_in_the_past() -> None:
    """I16: a switch moved while a receipt was written is told after it, with its own instant; an epoch never is."""
    site = Site()
    site.opened()
    for hours in (1.0, 0.995):
        site.hours = hours
        site.row("event", what="x", detail={})
    site.hours = 2.0
    site.commit()
    assert not site.told
    site.hours = 0.995
    site.row("epoch", version="0")
    site.hours = 2.0
    site.commit()
    assert site.broken("observed time went back by 18000 ms")


def test_every_file_of_the_folder_is_told_of() -> None:
    """What is counted as an invariant has its line in the page that says what is checked."""
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in names() if f"`{name}.py`" not in page] == []
