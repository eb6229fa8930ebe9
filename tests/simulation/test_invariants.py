"""The invariants have teeth: each is shown a store in which its promise is broken, and must say so.

A sound history, written by hand into a store of its own, breaks nothing; each test then changes one thing.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable

import pytest

from tests.simulation.handwritten import CLOSE, HOUR_MS, OPEN, Site
from tests.simulation.invariants import names
from tests.simulation.invariants.writes import meant
from tests.simulation.signer import Order, Signer
from tests.simulation.site import PRICE_NANO_PER_WH


def test_a_sound_history_breaks_nothing() -> None:
    """I1 to I19: charge, grace, limit, suspension and a top-up that restores, each in its time, are no violation."""
    site = Site()
    site.in_grace()
    site.hours = 14.0
    site.charged(5_000)
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()
    site.hours = 27.0
    site.moved("limit_over", "LIMITED", "SUSPENDED")
    site.commit()
    site.written(OPEN)
    site.closed = False
    site.hours = 28.0
    site.topped_up("j1", 20_000_000_000)
    site.moved("restored", "SUSPENDED", "NORMAL")
    site.commit()
    site.written(CLOSE)
    site.closed = True
    site.said("verdict", {"jti": "j1", "status": "applied", "reason": "", "journal_seq": site.seq - 2})
    for _, act in site.due:
        act()
    assert site.violations == []


def _balance_does_not_chain(site: Site) -> None:
    site.opened()
    site.row("entry", kind="charge", amount="-1.00", balance="2.50", reference="", lines=[])
    site.commit()


def _wrong_price(site: Site) -> None:
    site.opened()
    site.charged(1000, price=PRICE_NANO_PER_WH + 1)
    site.commit()


def _gap_in_registers(site: Site) -> None:
    site.opened()
    site.charged(1000, begins=1200)
    site.commit()


def _more_than_signed(site: Site) -> None:
    site.opened()
    site.topped_up("j1", 5_000_000_000, total_nano=4_000_000_000)
    site.commit()


def _nobody_sold_it(site: Site) -> None:
    site.opened()
    site.topped_up("j1", 5_000_000_000)
    site.orders.clear()
    site.commit()


def _twice(site: Site) -> None:
    site.opened()
    site.topped_up("j1", 5_000_000_000)
    site.topped_up("j1", 5_000_000_000)
    site.commit()


def _account_is_not_its_rows(site: Site) -> None:
    site.opened()
    site.snapshot["usage"]["net_nano"] = 1
    site.commit()


def _more_than_delivered(site: Site) -> None:
    site.opened()
    site.charged(1000)
    site.delivered_wh = 900
    site.commit()


def _faster_than_possible(site: Site) -> None:
    site.opened()
    site.hours = 0.1
    site.charged(3000)
    site.snapshot["usage"]["wh"] = 3000
    site.commit()


def _a_row_changes(site: Site) -> None:
    site.in_grace()
    site.raw.execute("UPDATE journal SET body = replace(body, '3.00', '4.00') WHERE seq = 1")
    for call in site.on.settled:
        call()


def _wrong_hash(site: Site) -> None:
    site.opened()
    site.row("event", what="x", detail={})
    site.raw.execute("UPDATE journal SET hash = ? WHERE seq = ?", ("0" * 64, site.seq))
    site.commit()


def _rows_are_gone(site: Site) -> None:
    site.in_grace()
    other = sqlite3.connect(":memory:", isolation_level=None)
    site.raw.backup(other)
    other.execute("DELETE FROM journal WHERE seq > 2")
    for call in site.on.committed:
        call(other)


def _told_before_stored(site: Site) -> None:
    site.opened()
    site.said("journal", {"seq": 9})


def _verdict_without_receipt(site: Site) -> None:
    site.opened()
    site.said("verdict", {"jti": "j1", "status": "applied", "journal_seq": 2})


def _stage_skipped(site: Site) -> None:
    site.in_grace()
    site.hours = 30.0
    site.moved("limit_over", "GRACE", "SUSPENDED")
    site.commit()


def _before_the_term(site: Site) -> None:
    site.in_grace()
    site.hours = 6.0
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


def _notice_too_young(site: Site) -> None:
    site.in_grace()
    site.hours = 3.0
    site.charged(20_000)
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


def _wrong_share(site: Site) -> None:
    site.in_grace()
    site.hours, site.limited_w = 14.0, 9900
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


def _hold_ignored(site: Site) -> None:
    site.in_grace()
    body = {"account_id": "A1", "hold_id": "h1", "kind": "dispute"}
    site.orders["j9"] = Order("j9", "hold_set", body, b"")
    site.row("receipt", command_id="j9", command="hold_set", status="applied", reason="")
    site.commit()
    site.hours = 14.0
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


def _meter_not_read(site: Site) -> None:
    site.in_grace()
    site.hours, site.reads = 14.0, False
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


def _too_soon_after_protection(site: Site) -> None:
    site.in_grace()
    site.hours = 14.0
    site.charged(20_000)
    site.moved("grace_over", "GRACE", "LIMITED")
    site.hours = 20.0
    site.moved("protected", "LIMITED", "GRACE")
    site.hours = 20.5
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()


def _protected_is_limited(site: Site) -> None:
    site.in_grace()
    site.hours = 14.0
    site.moved("grace_over", "GRACE", "LIMITED")
    site.snapshot["holds"] = [{"hold_id": "h1", "kind": "life_support", "until_utc_ms": None}]
    site.commit()


def _paid_in_euros(site: Site) -> None:
    site.opened()
    body = {"account_id": "A1", "sequence": 1, "total": "5.00", "currency": "EUR"}
    site.orders["j1"] = Order("j1", "top_up", body, b"")
    site.topped_up("j1", 5_000_000_000)
    site.commit()


def _priced_in_euros(site: Site) -> None:
    site.opened()
    site.snapshot["tariffs"] = [{"version": 2, "currency": "EUR"}]
    site.commit()


def _older_after_newer(site: Site) -> None:
    site.opened()
    signer = Signer("gw-sim", random.Random(1), lambda: site.now_ms)
    orders = [signer.sign("power_set", {"account_id": "A1", "contract_power_w": 6000}) for _ in range(2)]
    site.orders.update({order.jti: order for order in orders})
    for order in reversed(orders):
        site.row("receipt", command_id=order.jti, command="power_set", status="applied", reason="")
        site.commit()


def _acknowledged_by_nobody(site: Site) -> None:
    site.opened()
    site.raw.execute("INSERT INTO cursor VALUES ('journal', 2)")
    site.commit()


def _trip_without_end(site: Site) -> None:
    site.in_grace()
    site.hours = 14.0
    site.moved("grace_over", "GRACE", "LIMITED")
    site.commit()
    site.written(OPEN)
    site.closed = False
    for _ in range(3):
        site.hours += 1.0
        site.asked_this_hour("supply")


def _stays_negative(site: Site) -> None:
    site.opened()
    site.charged(10_000)
    site.commit()


def _not_restored(site: Site) -> None:
    site.in_grace()
    site.hours = 14.0
    site.moved("grace_over", "GRACE", "LIMITED")
    site.topped_up("j1", 20_000_000_000)
    site.commit()


def _opens_for_nothing(site: Site) -> None:
    site.in_grace()
    site.written(OPEN)


def _supply_stays_open(site: Site) -> None:
    site.hours = 1.0
    site.opened()
    site.closed = False
    site.due[-1][1]()


def _chatters(site: Site) -> None:
    site.opened()
    for _ in range(20):
        site.written(CLOSE)
        site.snapshot["lockout"] = "work"
        site.commit()
        site.written(OPEN)
        site.snapshot["lockout"] = None
        site.hours += 0.01


def _power_changes_by_itself(site: Site) -> None:
    site.opened()
    site.snapshot["contract_power_w"] = 9000
    site.commit()


def _bound_goes_back(site: Site) -> None:
    site.in_grace()
    site.hours = 0.5
    site.commit()


def _time_runs_ahead(site: Site) -> None:
    site.in_grace()
    site.row("event", what="x", detail={})
    site.hours = 5.0
    body = json.loads(site.raw.execute("SELECT body FROM journal ORDER BY seq DESC").fetchone()[0])
    site.hours = 1.0
    site.raw.execute("DELETE FROM journal WHERE seq = ?", (site.seq,))
    site.previous, site.seq = body["prev"], site.seq - 1
    site.row("event", what="x", detail={}, at={"running_ms": 9 * HOUR_MS, "trust": "RESTORED"})
    site.commit()


def _never_told(site: Site) -> None:
    site.in_grace()
    site.hours = 2.0
    for call in site.on.settled:
        call()


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (_balance_does_not_chain, "I2"),
        (_wrong_price, "I2"),
        (_gap_in_registers, "I5"),
        (_more_than_signed, "I1"),
        (_nobody_sold_it, "I14"),
        (_twice, "I3"),
        (_account_is_not_its_rows, "I2"),
        (_more_than_delivered, "I6"),
        (_faster_than_possible, "I6"),
        (_a_row_changes, "I7"),
        (_wrong_hash, "I7"),
        (_rows_are_gone, "I19"),
        (_told_before_stored, "I4"),
        (_verdict_without_receipt, "I4"),
        (_stage_skipped, "I9"),
        (_before_the_term, "I9"),
        (_notice_too_young, "I9"),
        (_wrong_share, "I8"),
        (_hold_ignored, "I8"),
        (_meter_not_read, "I8"),
        (_too_soon_after_protection, "I12"),
        (_protected_is_limited, "I10"),
        (_paid_in_euros, "I1"),
        (_priced_in_euros, "I2"),
        (_older_after_newer, "I15"),
        (_acknowledged_by_nobody, "I23"),
        (_trip_without_end, "I10"),
        (_stays_negative, "I9"),
        (_not_restored, "I10"),
        (_opens_for_nothing, "I8"),
        (_supply_stays_open, "I10"),
        (_chatters, "I12"),
        (_power_changes_by_itself, "I14"),
        (_bound_goes_back, "I17"),
        (_time_runs_ahead, "I16"),
        (_never_told, "I23"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__.strip("_"),
)
def test_each_broken_promise_is_noticed(broken: Callable[[Site], None], invariant: str) -> None:
    """I1 to I23: what is broken by hand is called by its name."""
    site = Site()
    broken(site)
    assert invariant in site.violations


def test_a_date_is_held_against_the_true_calendar() -> None:
    """I9, I16: a term of a day that began on Wednesday is not over on Thursday, whatever the gateway's clock says."""
    found = {}
    for days in (1, 2):
        site = Site(slowly=True)
        site.in_grace()
        site.hours = 25.0
        site.charged(5000)
        site.moved("grace_over", "GRACE", "LIMITED")
        site.commit()
        site.hours += 24.0 * days
        site.moved("limit_over", "LIMITED", "SUSPENDED")
        site.commit()
        found[days] = site.violations
    assert found == {1: ["I9"], 2: []}


def test_the_wires_are_read_as_the_devices_read_them() -> None:
    """I8, threat 18: a normally closed contactor opens when its coil is energised, a limit is in kW."""
    assert meant("board", 17, OPEN) == ("open", 0.0)
    assert meant("threshold", 17, OPEN) == ("close", 0.0)
    assert meant("inside", 1, bytes.fromhex("10001a0001020000")) == ("open", 0.0)
    assert meant("board", 1, OPEN) is None


def test_every_file_of_the_folder_watches() -> None:
    """I22: what is counted as an invariant is attached; nothing lies in the folder unused."""
    assert {"money", "ladder", "energy", "told", "writes", "supply", "agreed"} <= set(names())
