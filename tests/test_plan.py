"""`check`: the plan of the annotated example as a golden file, and where each value comes from."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gateway import plan, plan_ladder, shipped
from gateway.app import run
from gateway.clock import SystemClock
from gateway.config.policies import load_policy
from gateway.installation import load
from gateway.prepayment.account import Suspicion
from gateway.prepayment.events import Moment, SuspicionCause, TimeTrust
from gateway.prepayment.policy import Slots, Term
from gateway.prepayment.supply import SupplyState
from gateway.store import Store
from tests.config.drafts import GOOD, write

GOLDEN = Path(__file__).parent / "plan.golden.txt"
REWRITE = "REWRITE_PLAN"


def test_the_annotated_example_passes_and_its_plan_is_the_golden_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """config/gateway.toml is a good configuration; its plan changes only on purpose (REWRITE_PLAN=1 rewrites it)."""
    monkeypatch.chdir(shipped.folder())
    new = "new, accounts open from the file at the first start"  # whatever /var/lib holds on this machine
    monkeypatch.setattr(plan, "_stored", lambda _: ({}, new))
    assert plan.main(Path("gateway.toml"), date(2026, 11, 23)) == 0
    said = capsys.readouterr().out
    if os.environ.get(REWRITE):
        GOLDEN.write_text(said, encoding="utf-8")
    assert said == GOLDEN.read_text(encoding="utf-8")


def test_the_plan_fits_a_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """No line is longer than 118 columns."""
    plan.main(write(tmp_path))
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 118


def test_a_store_of_another_user_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` by somebody who may not read the store prints the plan of the file and says so."""
    real = Path.stat

    def refused(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name.startswith("store.db"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", refused)
    said = "\n".join(plan.lines(load(write(tmp_path))))
    assert "not for this user to see" in said
    assert "opens at the first start with 20.00 CHF, from gateway.toml" in said


def test_what_the_store_holds_is_shown_instead_of_the_file(tmp_path: Path) -> None:
    """After the first start the store is the truth, and `check` says of each value where it comes from (decision 3)."""
    (tmp_path / "data").mkdir()
    before = "\n".join(plan.lines(load(write(tmp_path))))
    assert "new, accounts open from the file" in before
    assert "opens at the first start with 20.00 CHF, from gateway.toml" in before

    async def start_and_stop() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, stop.set)
        await run(load(write(tmp_path)), clock=SystemClock(), stop=stop)

    asyncio.run(start_and_stop())
    changed = GOOD.replace('"ch-flat"', '"ch-eco"').replace("contract_power_w = 3000", "contract_power_w = 6000")
    after = "\n".join(plan.lines(load(write(tmp_path, changed))))
    assert "holds 2 accounts" in after
    assert "NORMAL with 20.00 CHF, from the store" in after
    assert "ch-flat@1, from the store (gateway.toml names tariff 'ch-eco': not used any more)" in after
    assert "contract 3000 W" in after
    assert "contract 6000 W" not in after


def test_delivery_point_and_serial_number_can_be_read(tmp_path: Path) -> None:
    """S2-11, S2-28, S4-01, S4-15: what a customer is asked for at a change of holder stands in the plan."""
    named = GOOD.replace(
        'currency = "CHF"',
        'currency = "CHF"\ndelivery_point = "CH1018601234500000000000000011642"\nvoltage = "MV"\n'
        "domestic = false\nplant_power_w = 9999999",
        1,
    ).replace("rated_power_w = 13800", 'rated_power_w = 13800\nserial = "4711"', 1)
    said = "\n".join(plan.lines(load(write(tmp_path, named))))
    assert "electricity in MV to a business at CH1018601234500000000000000011642" in said
    assert "serial number 4711" in said
    assert "00000011642, plant of 9999999 W" in said
    assert said.count("plant of") == 1
    assert "electricity in LV to a household at a delivery point without a number" in said


def test_a_store_in_use_is_left_alone(tmp_path: Path) -> None:
    """While the daemon runs, `check` says so and shows the file's values; it neither waits nor disturbs."""
    (tmp_path / "data").mkdir()

    async def look_while_it_runs() -> str:
        stop = asyncio.Event()
        daemon = asyncio.create_task(run(load(write(tmp_path)), clock=SystemClock(), stop=stop))
        await asyncio.sleep(0.3)
        said = "\n".join(plan.lines(load(write(tmp_path))))
        stop.set()
        await daemon
        return said

    assert "in use by a running gateway" in asyncio.run(look_while_it_runs())


def test_zero_credit_without_the_limit_rung_goes_from_grace_to_suspended() -> None:
    """A meter that cannot limit skips the rung, and the timeline says so and what that costs (S1-13, decision 12)."""
    policy = load_policy(shipped.folder() / "policies" / "prepaid.toml")
    with_rung = "\n".join(plan_ladder.timeline(policy, 3000, can_limit=True, opens="opens", limits="so"))
    without = "\n".join(plan_ladder.timeline(policy, 3000, can_limit=False, opens="opens", limits="so"))
    assert ": 495 W (15 % of the 3300 W available), so" in with_rung
    assert "10 calendar days in LIMITED" in with_rung
    assert "LIMITED" not in without
    assert "SUSPENDED   after 72 h in GRACE (or 15.00 CHF of debt, 24 h after the notice): opens" in without
    assert "nothing bounds the debt until they are back" in without
    assert "nothing bounds" not in with_rung


@pytest.mark.parametrize(
    ("value_ms", "said"),
    [(72 * 3_600_000, "72 h"), (10 * 86_400_000, "10 d"), (900_000, "15 min"), (1_500, "1500 ms"), (0, "0 s")],
)
def test_durations_are_said_in_the_largest_exact_unit(value_ms: int, said: str) -> None:
    """Three days of grace stay 72 h, because that is how the term is counted."""
    assert plan_ladder.duration(value_ms) == said


def test_terms_and_slots_in_words() -> None:
    """Open slots are said as such; closed days and hours are named."""
    assert plan_ladder.term(Term(days=3)) == "3 calendar days"
    assert plan_ladder.slots(Slots()) == "on any day"
    weekdays = Slots((5, 6), closed_on_holidays=True, from_minute=480, to_minute=900)
    assert plan_ladder.slots(weekdays) == "Mon, Tue, Wed, Thu, Fri 08:00-15:00, not on holidays"
    careful = Slots(closed_on_eves=True, moratoria=("winter", "heat"), min_open_after_ms=3 * 3_600_000)
    assert plan_ladder.slots(careful) == (
        "on any day, not on eves, not during winter or heat, with at least 3 h of help left"
    )


def test_check_says_that_books_are_under_suspicion(tmp_path: Path) -> None:
    """Threat 3: an operator who asks sees ROLLBACK_SUSPECTED and its cause before anything is started."""
    folder = tmp_path / "data"
    folder.mkdir()

    async def live() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, stop.set)
        await run(load(write(tmp_path)), clock=SystemClock(), stop=stop)
        store = await Store.open(folder / "store.db")
        now = Moment(0, TimeTrust.UNKNOWN, 0)
        await store.open_epoch(now)
        accounts = await store.accounts()
        suspected = replace(accounts[0], suspicion=Suspicion(SuspicionCause.FORK, now, 9))
        await store.commit(at=now, accounts=[suspected])
        await store.close()

    asyncio.run(live())
    assert "; ROLLBACK_SUSPECTED (fork), see docs/mqtt.md" in "\n".join(plan.lines(load(write(tmp_path))))


def test_an_ended_contract_has_no_steps_and_the_next_one_is_shown(tmp_path: Path) -> None:
    """S2-03: after a change of holder `check` does not tell the old holder's fate, and says who has the meter."""
    folder = tmp_path / "data"
    folder.mkdir()

    async def live() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, stop.set)
        await run(load(write(tmp_path)), clock=SystemClock(), stop=stop)
        store = await Store.open(folder / "store.db")
        now = Moment(0, TimeTrust.UNKNOWN, 0)
        await store.open_epoch(now)
        old = (await store.accounts())[0]
        ended = replace(old, supply=replace(old.supply, state=SupplyState.TERMINATED))
        await store.commit(at=now, accounts=[ended, replace(old, account_id="NEXT")])
        await store.close()

    asyncio.run(live())
    said = "\n".join(plan.lines(load(write(tmp_path))))
    assert said.count("when credit runs out") == 1
    assert said.count("this contract has ended") == 1
    assert "NEXT  meter m1, only in the store: opened by a command, NORMAL with 20.00 CHF" in said


def test_a_post_paid_account_shows_its_terms_with_the_dates_of_an_example(tmp_path: Path) -> None:
    """Decision 14, S1-11..S1-14, V1: who runs `check` sees when each rung is legal, and that only orders take it."""
    policy = (('policy = "prepaid"', 'policy = "it-timoe-2026"'), ('currency = "CHF"', 'currency = "EUR"'))
    text = GOOD.replace('tariff = "ch-flat"', 'tariff = "it-f123"').replace('"20.00"', '"0.00"')
    for old, new in policy:
        text = text.replace(old, new)
    said = "\n".join(plan.lines(load(write(tmp_path, text))))
    assert "on a signed notice, 1 day after the due date at the earliest" in said
    assert (
        "at least 3 working days after the final term and 25 days after the notification: 495 W (15 % of the 3300 W"
        in said
    )
    assert (
        "due 2026-01-31, certified mail received 2026-02-01, to pay by 2026-02-11, limited on Mon 2026-03-02 at the "
        "earliest, suspended on Wed 2026-03-18, ended on 2026-04-08"
    ) in said
    assert "nothing gets worse without an order" in said
    assert "restore.electricity = auto" in said


def test_gas_is_not_said_to_come_back_by_itself(tmp_path: Path) -> None:
    """Decision 14: no risk of auto where a valve waits for somebody on site."""
    text = GOOD.replace('policy = "prepaid"', 'policy = "it-gas-2026"').replace('currency = "CHF"', 'currency = "EUR"')
    text = text.replace('tariff = "ch-flat"', 'tariff = "it-gas"\ncommodity = "gas"').replace('"20.00"', '"0.00"')
    said = "\n".join(plan.lines(load(write(tmp_path, text))))
    assert "when somebody on site says so" in said
    assert "restore.electricity" not in said
    assert "0.95 EUR/Smc" in said
