"""Everything that moves money, mixed: the balance is always the sum of the entries, for electricity and for gas."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.events import Restarted, Suspected, SuspicionCause, TariffSet, Tick, TopUpReversal
from gateway.prepayment.ledger import Entry
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.posting import BonusSet, Posting, PostingKind
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.tariff import Price, Surcharge, Tariff
from gateway.store import codec
from tests.prepayment.worlds import DAY_MS, HOUR_MS, NANO, World, tariff, world

POWER = tariff(
    250_003, vat_ppm=81_000, prices_include_vat=False, standing_nano_per_day=123_456_789,
    surcharges=(Surcharge("eco", 10_007),),
)  # fmt: skip
GAS = replace(POWER, commodity=Commodity.GAS, coefficient_ppm=1_027_235)
POSITION = Position(None, None, 0, 0, 0, 0, 0, SupplyState.NORMAL, 5)

ACTS = st.one_of(
    st.tuples(st.just("use"), st.integers(0, 4_000)),
    st.tuples(st.just("day"), st.integers(1, 40)),
    st.tuples(st.just("top_up"), st.integers(1, 90 * NANO)),
    st.tuples(st.just("take_back"), st.integers(1, 9 * NANO)),
    st.tuples(st.just("post"), st.integers(-30 * NANO, 30 * NANO)),
    st.tuples(st.just("undo"), st.just(0)),
    st.tuples(st.just("set_off"), st.integers(0, 50 * NANO)),
    st.tuples(st.just("rebuild"), st.integers(0, 50 * NANO)),
    st.tuples(st.just("bonus"), st.integers(1, 300 * NANO)),
    st.tuples(st.just("price"), st.integers(0, 400_000)),
    st.tuples(st.just("restart"), st.just(0)),
)


class Mixed:
    """One account to which anything may happen."""

    def __init__(self, price: Tariff) -> None:
        self.w: World = world(50 * NANO, tariff=price, commodity=price.commodity)
        self.number = self.version = self.reversals = self.taken_nano = 0
        self.version = 1

    def do(self, act: str, size: int) -> None:  # noqa: C901 - one line each
        """One act; whether it is refused does not matter."""
        w = self.w
        self.number += 1
        match act:
            case "use":
                w.running_ms, w.utc_ms, w.register_wh = w.running_ms + HOUR_MS, w.utc_ms + HOUR_MS, w.register_wh + size
                w.read()
            case "day":
                w.running_ms, w.utc_ms = w.running_ms + DAY_MS * size, w.utc_ms + DAY_MS * size
                w.post(Tick(w.now()))
            case "top_up":
                w.top_up(size)
            case "take_back":
                if self.taken_nano + size <= w.account.top_up_total_nano:
                    self.reversals, self.taken_nano = self.reversals + 1, self.taken_nano + size
                    w.post(TopUpReversal(w.now(), "r", self.reversals, size, self.taken_nano, "CHF", "bounced"))
            case "post":
                self.post(PostingKind.ADJUSTMENT, size)
            case "undo":
                kept = w.account.postings.kept
                if kept:
                    self.post(kept[0].kind, -kept[0].amount_nano, reverses=kept[0].reference)
            case "set_off":
                self.post(PostingKind.SETOFF, 0, credit_nano=size, debit_nano=size // 3)
            case "rebuild":
                days = {"from_day": "2026-01-01", "to_day": "2026-01-31", "test_day": "2026-02-10"}
                self.post(PostingKind.RECONSTRUCTION, size - 7, credit_nano=size, debit_nano=7, **days)
            case "bonus":
                w.post(BonusSet(w.now(), "b", f"B-{self.number}", "2026-03-01", "2027-03-01", size, "CHF"))
            case "price":
                self.version += 1
                new = replace(w.account.tariffs[-1], version=self.version, prices=(Price(0, "all", size),))
                w.post(TariffSet(w.now(), "t", replace(new, valid_from="2026-04-01")))
            case _:
                w.post(Restarted(w.now()))

    def post(self, kind: PostingKind, nano: int, **changes: int | str) -> None:
        """A posting under the next number."""
        made = Posting(self.w.now(), "p", self.number, kind, nano, "CHF", f"P-{self.number}")
        self.w.post(replace(made, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("price", [POWER, GAS], ids=["electricity", "gas"])
@given(acts=st.lists(ACTS, max_size=30))
def test_the_books_are_exact_whatever_happens(price: Tariff, acts: list[tuple[str, int]]) -> None:
    """I2, S2-35: top-ups, reversals, postings, bonus days, charges with tax and C: all entries chain and sum up."""
    mixed = Mixed(price)
    for act, size in acts:
        mixed.do(act, size)
    account, balance_nano = mixed.w.account, 50 * NANO
    for one in mixed.w.records:
        if isinstance(one, Entry):
            balance_nano += one.amount_nano
            assert one.balance_nano == balance_nano
    waiting_nano = sum(line.amount_nano for line in account.unsettled)
    assert (account.settled_balance_nano, account.balance_nano) == (balance_nano, balance_nano - waiting_nano)
    assert codec.restore("CH-1", codec.SNAPSHOT_FORMAT, codec.snapshot(account)) == account


def test_a_resync_brings_back_postings_once() -> None:
    """Threat 3, I3: what the lost branch posted stays posted once; what only we posted counts too."""
    mixed = Mixed(POWER)
    mixed.number = 1
    mixed.post(PostingKind.ADJUSTMENT, -NANO)
    image = mixed.w.account
    for mixed.number in (2, 4):
        mixed.post(PostingKind.ADJUSTMENT, -NANO)
    lost = mixed.w.account
    mixed.w.account = image
    mixed.number = 5
    mixed.post(PostingKind.ADJUSTMENT, -7 * NANO)
    w = mixed.w
    w.post(Suspected(w.now(), SuspicionCause.FORK, "e-1", 9))
    known = replace(
        POSITION, balance_nano=lost.balance_nano, state=w.account.supply.state, posting_sequence=4, posting_missing=(3,)
    )
    w.post(Resynced(w.now(), "r-1", "run", "e-1", 9, "ab" * 32, "CHF", known))
    assert w.account.balance_nano == lost.balance_nano - 7 * NANO
    for number, status in ((1, "already_included"), (2, "already_included"), (4, "already_included"), (3, "applied")):
        mixed.number = number
        made = Posting(w.now(), "p", number, PostingKind.ADJUSTMENT, -NANO, "CHF", f"P-{number}")
        verdict = w.post(made).verdict
        assert verdict is not None
        assert verdict.status.value == status
    assert w.account.balance_nano == lost.balance_nano - 8 * NANO
