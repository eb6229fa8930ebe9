"""A share of the decade (`python -m tests.decade`), so that a rule that breaks it is seen at once."""

import pytest

from tests.decade import run


def test_the_first_months_of_the_decade_add_up() -> None:
    """I2, I5, S2-35, S3-07: every entry, price, tax, posting and day of bonus, with an absence and two tariffs."""
    decade = run(seed=3, days=100)
    assert decade.readings > 9_000
    assert decade.account.balance_nano == decade.entries_nano
    assert (len(decade.tariffs), decade.top_ups, len(decade.bonuses)) == (2, 100, 1)


def test_the_decade_notices_a_wrong_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that cannot fail is none: a bonus of other parts than 365 is found, although its entries chain."""
    monkeypatch.setattr("gateway.prepayment.posting.Bonus.due_nano", lambda *_: 5)
    with pytest.raises(AssertionError, match="bonus"):
        run(seed=3, days=70)
