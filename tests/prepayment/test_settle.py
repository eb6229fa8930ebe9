from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.rating import Line
from gateway.prepayment.settle import merge

lines = st.lists(
    st.builds(
        Line,
        component=st.sampled_from(["energy", "vat", "standing"]),
        band=st.sampled_from([None, "high", "low"]),
        block=st.sampled_from([None, 0, 1]),
        wh=st.integers(0, 1000),
        days=st.integers(0, 3),
        amount_nano=st.integers(0, 10**12),
        tariff_ref=st.sampled_from(["a@1", "a@2"]),
        estimated=st.booleans(),
    ),
    max_size=30,
).map(tuple)


def totals(some: tuple[Line, ...]) -> tuple[int, int, int]:
    """Wh, days and nano of all lines."""
    return sum(one.wh for one in some), sum(one.days for one in some), sum(one.amount_nano for one in some)


@given(st.lists(lines, max_size=5))
def test_a_settlement_keeps_every_sum_in_few_lines(batches: list[tuple[Line, ...]]) -> None:
    """Merged poll by poll, the lines hold the same Wh, days and nano, one line per thing charged (decision 7)."""
    merged: tuple[Line, ...] = ()
    for batch in batches:
        merged = merge(merged, batch)
    everything = tuple(line for batch in batches for line in batch)
    assert totals(merged) == totals(everything)
    things = [(one.component, one.band, one.block, one.tariff_ref, one.estimated) for one in merged]
    assert len(things) == len(set(things))


def test_estimates_stay_apart_from_readings() -> None:
    """A bill must be able to say how much of it was estimated."""
    read = Line("energy", "all", 0, 10, 0, 100, "flat@1", estimated=False)
    guessed = Line("energy", "all", 0, 5, 0, 50, "flat@1", estimated=True)
    assert merge((read,), (guessed, read)) == (
        Line("energy", "all", 0, 20, 0, 200, "flat@1", estimated=False),
        guessed,
    )
