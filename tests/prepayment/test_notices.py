"""What the customer is told, with which facts, and that it never becomes a storm (S0-18, requirements 4.6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prepayment.account import Account, Spending, Supply
from gateway.prepayment.events import Detail, Restarted, Tick, TimeTrust
from gateway.prepayment.notices import NOTICES, notice, template_of
from gateway.prepayment.outlook import outlook
from gateway.prepayment.policy import Reconnect
from gateway.prepayment.supply import Commodity, SupplyState
from tests.delinquency.debtor import debtor
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, NANO, TERMS, World, at, opened, policy, tariff

S = SupplyState
LIMIT = (("limit_w", 495), ("limit_percent", 15))


def told_facts(template: str, balance_nano: int, opens_ms: int) -> Detail:
    """What a notice of this template says: the limit, what is missing, what comes next and not before when."""
    missing = (("missing_nano", -balance_nano),)
    match template:
        case "grace" | "grace_expiring":
            return (*LIMIT, *missing, ("next_state", "LIMITED"), ("not_before_utc_ms", MONDAY_MS + opens_ms))
        case "limited":
            return (*LIMIT, *missing, ("next_state", "SUSPENDED"), ("not_before_utc_ms", MONDAY_MS + opens_ms))
        case "suspended":
            return (*missing, ("reconnect", "auto"))
        case _:
            return ()


def standing(state: SupplyState, balance_nano: int, **changes: object) -> Account:
    """An account on a rung since Monday morning."""
    made = opened(balance_nano, policy=policy(**changes))
    return replace(made, supply=Supply(state, at(), notice_running_ms=0, dated_on="2026-03-02"))


def test_what_a_notice_says_is_the_outlook_of_that_instant() -> None:
    """S0-16, S0-18: amount to restore, next step and its earliest instant, as everybody else computes them."""
    for state, template in ((S.GRACE, "grace"), (S.GRACE, "grace_expiring"), (S.LIMITED, "limited")):
        account = standing(state, -3 * NANO, restore_min_nano=5 * NANO)
        ahead = outlook(account, TERMS, at(HOUR_MS))
        facts = dict(notice(account, TERMS, at(HOUR_MS), template).detail)
        assert facts["missing_nano"] == ahead.missing_nano == (8 if state is S.LIMITED else 3) * NANO
        assert (facts["next_state"], facts["not_before_utc_ms"]) == (ahead.next_state, ahead.not_before_utc_ms)


def test_a_notice_names_no_instant_that_nobody_knows() -> None:
    """I16: without a dated clock, or where nothing can follow, there is no date and no step in it."""
    account = standing(S.GRACE, -3 * NANO)
    undated = dict(notice(account, TERMS, at(HOUR_MS, TimeTrust.RESTORED), "grace").detail)
    assert "not_before_utc_ms" not in undated
    assert undated["next_state"] == "LIMITED"
    nothing = dict(notice(account, replace(TERMS, can_limit=False, can_disconnect=False), at(), "grace").detail)
    assert nothing == {"missing_nano": 3 * NANO}


def test_a_suspension_says_how_supply_comes_back() -> None:
    """4.6: "immediately" is only true where nobody has to come; gas always waits for somebody (decision 14)."""
    account = standing(S.SUSPENDED, -3 * NANO)
    armed = standing(S.SUSPENDED, -3 * NANO, reconnect=Reconnect.ARMED)
    gas = replace(account, commodity=Commodity.GAS)
    words = [dict(notice(one, TERMS, at(), "suspended").detail)["reconnect"] for one in (account, armed, gas)]
    assert words == ["auto", "armed", "armed"]


def test_who_waits_on_site_is_told_so_and_gas_in_its_own_words() -> None:
    """4.6, decision 14: `ready` for electricity, `gas_paid` for gas; never that supply is back."""
    account = replace(standing(S.SUSPENDED, 9 * NANO), armed=True)
    assert template_of("restored", account) == "ready"
    assert template_of("restored", replace(account, commodity=Commodity.GAS)) == "gas_paid"
    assert template_of("restored", replace(account, armed=False)) == "restored"
    assert template_of("limit_over", account) == "suspended"


def test_a_post_paid_limit_says_what_is_unpaid_and_when_it_may_be_suspended() -> None:
    """S1-12, 4.6: the first legal instant, ten days after the reduction, and the claim without what is disputed."""
    home = debtor()
    home.notice()
    limited = replace(home.account, supply=Supply(S.LIMITED, home.at(), dated_on=home.account.supply.dated_on))
    facts = dict(notice(limited, home.terms, home.at(), "limited").detail)
    assert facts["unpaid_nano"] == sum(one.amount_nano for one in home.account.arrears) > 0
    assert "missing_nano" not in facts
    assert "next_state" not in facts, "only an order makes it worse, and nobody knows of one"
    assert int(facts["not_before_utc_ms"]) >= home.at().utc_ms + 10 * DAY_MS
    alone = dict(notice(limited, replace(home.terms, can_disconnect=False), home.at(), "limited").detail)
    assert "not_before_utc_ms" not in alone


def test_every_rule_that_tells_something_has_a_word() -> None:
    """4.6: the words are stored and sent."""
    assert sorted(set(NOTICES.values())) == ["grace", "limited", "low", "restored", "suspended"]


def test_low_credit_is_told_again_only_after_money_came() -> None:
    """S0-18: days left that go up and down are no crossing; a top-up arms the next alert."""
    rules = policy(low_credit_nano=0, low_credit_days=3)
    w = World(opened(20 * NANO, policy=rules))
    for spent in (9, 1, 9, 1, 9):
        calm = replace(w.account, spending=Spending("2026-03-02", 0, (spent * NANO,)))
        w.account = calm
        w.post(Tick(w.now()))
    assert w.notices() == ["low"]
    assert w.account.supply.state is S.LOW_CREDIT
    assert w.account.supply.notice_running_ms is None, "what was not told is no notice"
    w.top_up(10 * NANO)
    for spent in (1, 15, 1, 15, 1, 15):
        w.account = replace(w.account, spending=Spending("2026-03-02", 0, (spent * NANO,)))
        w.post(Tick(w.now()))
    assert w.notices() == ["low", "low"]


@settings(max_examples=60, deadline=None)
@given(
    acts=st.lists(
        st.one_of(
            st.tuples(st.just("use"), st.integers(0, 9_000)),
            st.tuples(st.just("pay"), st.integers(1, 30)),
            st.tuples(st.just("pace"), st.integers(0, 20)),
            st.tuples(st.just("restart"), st.just(0)),
            st.tuples(st.just("lie"), st.integers(-400, 400)),
            st.tuples(st.just("read"), st.integers(1, 5)),
        ),
        max_size=60,
    )
)
def test_no_storm(acts: list[tuple[str, int]]) -> None:
    """S0-18: a balance that swings, repeated readings, restarts and clock lies: one alert a crossing, armed by money.

    Between two payments each alert comes once at most, in the order of the ladder.
    """
    w = World(opened(20 * NANO, policy=policy(low_credit_days=3), tariff=tariff()))
    paid: list[int] = [0]
    for act, much in acts:
        w.running_ms += HOUR_MS
        w.utc_ms += HOUR_MS
        match act:
            case "use":
                w.use(much)
            case "pay":
                paid.append(len(w.notices()))
                w.top_up(much * NANO)
            case "pace":
                w.account = replace(w.account, spending=replace(w.account.spending, days_nano=(much * NANO,)))
                w.post(Tick(w.now()))
            case "restart":
                w.post(Restarted(w.now()))
            case "lie":
                w.utc_ms += much * DAY_MS
                w.trust = TimeTrust.AUTHENTICATED if much % 2 else TimeTrust.UNKNOWN
            case _:
                for _ in range(much):
                    w.use(0)
    told = w.notices()
    for begin, end in zip(paid, [*paid[1:], len(told)], strict=True):
        for word, most in (("low", 1), ("grace", 2), ("grace_expiring", 1), ("limited", 2), ("suspended", 1)):
            assert told[begin:end].count(word) <= most, (
                told
            )  # standing charge of days at once is told on top (threat 24)


@pytest.mark.parametrize("crossings", [1, 25])
def test_a_balance_that_hangs_about_the_threshold_tells_once(crossings: int) -> None:
    """S0-18: read again and again there, one alert for each top-up above it."""
    w = World(opened(20 * NANO))
    for crossing in range(1, crossings + 1):
        w.use(39_960, hours=4)  # what is left is 10.01
        for _ in range(100 // crossings):
            w.use(20, poll_ms=HOUR_MS)
            w.post(Tick(w.now()))
        assert w.notices() == ["low"] * crossing
        w.top_up(w.register_wh * 250_000 - w.top_up_total_nano)


def test_the_verdict_on_a_top_up_says_what_a_receipt_needs() -> None:
    """S0-12, S0-15, 4.6: number, how it was paid, what came and what the balance is then."""
    w = World(opened(-3 * NANO))
    verdict = w.top_up(20 * NANO).verdict
    assert verdict is not None
    assert dict(verdict.detail) == {
        "sequence": 1,
        "total_nano": 20 * NANO,
        "channel": "web",
        "credited_nano": 20 * NANO,
        "balance_nano": 17 * NANO,
    }
