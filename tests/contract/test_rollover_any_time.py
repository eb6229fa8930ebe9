"""The change of holder at any instant, among any readings: every Wh is charged to one of the two, and to one alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.agenda import RolloverKind
from gateway.prepayment.certificate import Certificate
from gateway.prepayment.events import AccountOpened, Reading, Restarted, Tick
from gateway.prepayment.ledger import Entry
from gateway.prepayment.operations import RolledOver
from gateway.prepayment.step import apply
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import MONDAY_MS, NANO, TERMS, World, opened, policy, tariff

PRICE_NANO = 250_000
steps = st.lists(
    st.tuples(st.sampled_from(["read", "tick", "restart"]), st.integers(1, 30), st.integers(0, 100)),
    min_size=1,
    max_size=25,
)


def order(world: World, after_ms: int | None) -> RolledOver:
    """The next holder, from an instant to come on; None: now."""
    to = AccountOpened(world.now(), "j-1", "CH-2", "", "CHF", 4_500, policy(), tariff(400_000), 5 * NANO)
    when = None if after_ms is None else MONDAY_MS + after_ms
    return RolledOver(world.now(), "j-1", RolloverKind.VOLTURA, to, when)


@given(steps, st.none() | st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_each_wh_is_charged_to_one_of_the_two(story: list[tuple[str, int, int]], at_minute: int | None) -> None:
    """S2-03, I6: A's and B's consumption add up to the register; both ledgers are exact; the certificate is one."""
    world = World(opened(200 * NANO))
    world.read()
    new: Account | None = None
    records = list(world.records)

    def take(outcome: Outcome) -> None:
        nonlocal new
        records.extend(outcome.records)
        if new is None or outcome.account.account_id == "CH-1":
            world.account = outcome.account
        else:
            new = outcome.account
        new = outcome.opened or new

    def post(event: Reading | Tick | Restarted | RolledOver) -> None:
        take(apply(world.account if new is None else new, event, TERMS))

    if at_minute is None:
        middle = len(story) // 2
    else:
        middle = -1
        post(order(world, at_minute * 60_000))
    for number, (what, minutes, wh) in enumerate(story):
        world.running_ms += minutes * 60_000
        world.utc_ms += minutes * 60_000
        world.register_wh += wh
        match what:
            case "tick":
                post(Tick(world.now()))
            case "restart":
                post(Restarted(world.now()))
            case _:
                post(Reading(world.now(), world.register_wh))
        if number == middle:
            post(Reading(world.now(), world.register_wh))
            post(order(world, None))
    post(Reading(world.now(), world.register_wh))
    due = at_minute is None or world.utc_ms >= MONDAY_MS + at_minute * 60_000
    assert (new is not None) is due
    theirs_wh = 0 if new is None else new.usage.wh
    assert world.account.usage.wh + theirs_wh == world.register_wh
    spent_nano = sum(entry.amount_nano for entry in records if isinstance(entry, Entry) and entry.account_id == "CH-1")
    if new is not None:
        assert world.account.supply.state is SupplyState.TERMINATED
        assert -spent_nano == world.account.usage.wh * PRICE_NANO
        assert new.balance_nano == 5 * NANO - theirs_wh * 400_000
        closes, opens = [row for row in records if isinstance(row, Certificate)]
        assert (closes.import_wh, closes.certificate_id) == (opens.import_wh, opens.certificate_id)
        assert closes.import_wh == world.account.usage.wh
