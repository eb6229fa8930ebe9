"""Ten years of a household in the pure core: 350,000 quarter-hours, tariffs, top-ups, postings, not a nano-unit off.

python -m tests.decade [--seed 1] [--days 3653] [--limit 60]

A reading each quarter-hour through `step.apply`, with an absence now and then; another tariff each half year (bands,
VAT, blocks), 500 top-ups, a fee or compensation each month and its reversal now and then, a bonus each year. Each day
and at the end the balance is the sum of all entries and every Wh of the register has been rated. No store and no wire:
those have proofs of their own.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.agreement import open_account
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.events import AccountOpened, Contact, Moment, Reading, Restarted, TariffSet, TimeTrust, TopUp
from gateway.prepayment.ledger import Entry, EntryKind, Verdict, VerdictStatus
from gateway.prepayment.posting import BonusSet, Posting, PostingKind
from gateway.prepayment.rating import PPM
from gateway.prepayment.step import Event, apply, settle
from gateway.prepayment.tariff import Price, Surcharge, Tariff, Window
from tests.asked import PYTHON, amount, at_least_one
from tests.figures import record
from tests.prepayment.worlds import NANO, TERMS, policy, tariff

DAYS = 3653
TOP_UPS = 500
ZONE = "Europe/Zurich"
FIRST = date(2021, 1, 1)
BONUS_NANO = 137 * NANO


@dataclass
class Decade:
    """The account, its meter, and what the entries say."""

    account: Account
    rng: random.Random
    terms: Terms = TERMS
    utc_ms: int = civil.midnight_utc_ms(FIRST, ZONE)
    running_ms: int = 0
    register_wh: int = 0
    entries: int = 0
    entries_nano: int = 0
    readings: int = 0
    top_ups: int = 0
    credited_nano: int = 0
    postings: int = 0
    tariffs: dict[str, Tariff] = field(default_factory=dict)
    by_kind: Counter[EntryKind] = field(default_factory=Counter)
    by_line: Counter[tuple[str, str, str | None, int | None]] = field(default_factory=Counter)
    wh_by_line: Counter[tuple[str, str, str | None, int | None]] = field(default_factory=Counter)
    posted_nano: int = 0
    bonuses: list[date] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def now(self) -> Moment:
        """The instant, proven."""
        return Moment(self.utc_ms, TimeTrust.AUTHENTICATED, self.running_ms)

    def post(self, event: Event) -> None:
        """Apply one event and keep the books a second time."""
        outcome = apply(self.account, event, self.terms)
        self.account = outcome.account
        if outcome.verdict is not None and outcome.verdict.status is VerdictStatus.REFUSED:
            self.refused.append(outcome.verdict.reason)
        self.keep(outcome.records)

    def keep(self, records: tuple[object, ...]) -> None:
        """Only entries move money."""
        for one in records:
            if isinstance(one, Entry):
                self.entries += 1
                self.entries_nano += one.amount_nano
                self.by_kind[one.kind] += one.amount_nano
                for line in one.lines:
                    key = line.tariff_ref, line.component, line.band, line.block
                    self.by_line[key] += line.amount_nano
                    self.wh_by_line[key] += line.wh
                if one.balance_nano != self.entries_nano:
                    raise AssertionError(f"entry {self.entries}: {one.balance_nano}, its sum is {self.entries_nano}")

    def quarter(self) -> None:
        """One reading a quarter-hour later."""
        self.utc_ms += QUARTER_MS
        self.running_ms += QUARTER_MS
        self.register_wh += self.rng.randrange(0, 280)
        self.readings += 1
        self.post(Reading(self.now(), self.register_wh))

    def absent(self, quarters: int) -> None:
        """The gateway was off while the meter went on; three readings say that the register is stable."""
        self.utc_ms += quarters * QUARTER_MS - 3_000
        self.register_wh += self.rng.randrange(0, 280) * quarters
        self.post(Restarted(self.now()))
        for _ in range(3):
            self.utc_ms += 1_000
            self.running_ms += 1_000
            self.readings += 1
            self.post(Reading(self.now(), self.register_wh))


def tariff_of(number: int, valid_from: str) -> Tariff:
    """The tariff of a half year: bands, blocks, surcharges, VAT on top, another rate now and then."""
    base = tariff(
        200_000 + number * 1_111, version=number + 1, valid_from=valid_from, standing_nano_per_day=123_456_789,
        vat_ppm=77_000 + number * 137, prices_include_vat=False, surcharges=(Surcharge("eco", 12_345),),
    )  # fmt: skip
    if number % 3 == 1:
        prices = (Price(0, "high", 260_001), Price(0, "low", 0 if number % 2 else 170_003))
        return replace(base, windows=(Window("high", (0, 1, 2, 3, 4), 420, 1200),), default_band="low", prices=prices)
    if number % 3 == 2:
        prices = (Price(0, "all", 150_000), Price(1, "all", 230_007))
        return replace(base, blocks_wh=(300_000,), prices=prices)
    return base


def opened() -> Account:
    """The account on its first day, with enough credit to begin."""
    event = AccountOpened(
        Moment(civil.midnight_utc_ms(FIRST, ZONE), TimeTrust.AUTHENTICATED, 0), "open", "CH-1", "m1", "CHF", 3_000,
        policy(balance_max_nano=100_000 * NANO), tariff_of(0, FIRST.isoformat()), 200 * NANO, 0,
    )  # fmt: skip
    outcome = open_account(event, TERMS)
    assert not isinstance(outcome, Verdict)
    return outcome.account


def run(seed: int, days: int) -> Decade:
    """Live the days; raises AssertionError as soon as anything does not add up."""
    decade = Decade(opened(), random.Random(seed))
    decade.tariffs[decade.account.tariffs[0].ref] = decade.account.tariffs[0]
    decade.entries_nano = decade.account.opening_nano
    every = max(1, days // TOP_UPS)
    for number in range(days):
        today = FIRST + timedelta(days=number)
        decade.post(Contact(decade.now()))
        if number % every == 0 and decade.top_ups < TOP_UPS:
            _top_up(decade)
        if number % 30 == 7:
            _posting(decade)
        if number % 180 == 90:
            new = tariff_of(len(decade.tariffs), _iso(today, 3))
            decade.tariffs[new.ref] = new
            decade.post(TariffSet(decade.now(), f"t-{number}", new))
        if today.day == 1 and today.month == 3:
            bonus = BonusSet(
                decade.now(), f"b-{number}", f"B-{number}", _iso(today, 0), _iso(today, 364), BONUS_NANO, "CHF"
            )
            decade.post(bonus)
            decade.bonuses.append(today)
        quarters = civil.quarters_of_day(today, ZONE)
        off = decade.rng.randrange(2, 40) if decade.rng.random() < 0.01 else 0
        for _ in range(quarters - off):
            decade.quarter()
        if off:
            decade.absent(off)
        _check(decade)
        _check_tariff(decade, today)
    decade.keep(settle(decade.account, decade.now()).records)
    decade.account = settle(decade.account, decade.now()).account
    _check(decade)
    _check_kinds(decade, FIRST + timedelta(days=days))
    _check_prices(decade)
    return decade


def _iso(day: date, later: int) -> str:
    return (day + timedelta(days=later)).isoformat()


def _top_up(decade: Decade) -> None:
    decade.top_ups += 1
    nano = decade.rng.randrange(10, 60) * NANO
    decade.credited_nano += nano
    decade.post(TopUp(decade.now(), f"u-{decade.top_ups}", decade.top_ups, nano, decade.credited_nano, "CHF", "web"))


def _posting(decade: Decade) -> None:
    """A fee or a compensation; each third one takes the one before it back."""
    decade.postings += 1
    number = decade.postings
    kind, nano = (PostingKind.FEE, -3_330_000_001) if number % 2 else (PostingKind.COMPENSATION, 35 * NANO)
    made = Posting(decade.now(), f"p-{number}", number, kind, nano, "CHF", f"P-{number}")
    kept = decade.account.postings.kept
    if number % 3 == 0 and kept and not kept[-1].undone:
        last = kept[-1]
        made = replace(made, kind=last.kind, amount_nano=-last.amount_nano, reverses=last.reference)
    decade.posted_nano += made.amount_nano
    decade.post(made)


def _check(decade: Decade) -> None:
    account = decade.account
    if account.settled_balance_nano != decade.entries_nano:
        raise AssertionError(f"{account.settled_balance_nano} is not the sum of the entries, {decade.entries_nano}")
    if account.balance_nano != decade.entries_nano - sum(line.amount_nano for line in account.unsettled):
        raise AssertionError("what is not settled yet is not the rest")
    if account.usage.wh != decade.register_wh:
        raise AssertionError(f"{account.usage.wh} Wh rated, {decade.register_wh} Wh used")
    if decade.refused:
        raise AssertionError(f"refused: {decade.refused}")


def _check_tariff(decade: Decade, today: date) -> None:
    """What was used last today has the price of the tariff that began last, today or before."""
    begun = [one for one in decade.tariffs.values() if one.valid_from <= today.isoformat()]
    wanted = max(begun, key=lambda one: one.valid_from).ref
    if decade.account.usage.tariff_ref != wanted:
        raise AssertionError(f"{today}: charged at {decade.account.usage.tariff_ref}, {wanted} is in force")


def _check_kinds(decade: Decade, today: date) -> None:
    """What was sold, posted and granted is what the entries say; a bonus is one part of 365 for each day begun."""
    found = decade.by_kind
    granted_nano = sum(BONUS_NANO * min((today - first).days + 1, 365) // 365 for first in decade.bonuses)
    posted_nano = found[EntryKind.FEE] + found[EntryKind.COMPENSATION]
    wanted = (decade.credited_nano, decade.posted_nano, granted_nano)
    if (found[EntryKind.TOP_UP], posted_nano, found[EntryKind.BONUS]) != wanted:
        raise AssertionError(f"top-ups, postings, bonus: {wanted} were signed, the entries have {dict(found)}")


def _check_prices(decade: Decade) -> None:
    """Energy, surcharge and days at the prices of their tariff, and the tax on all of it with one remainder."""
    taxed_ppm = 0
    for (ref, component, band, block), nano in decade.by_line.items():
        known, wh = decade.tariffs[ref], decade.wh_by_line[ref, component, band, block]
        if component == "energy" and nano != wh * known.price_nano_per_wh(block or 0, band or ""):
            raise AssertionError(f"{ref}: {wh} Wh in {band}, block {block}, cost {nano}")
        if component.startswith("surcharge") and nano != wh * known.surcharges[0].nano_per_wh:
            raise AssertionError(f"{ref}: a surcharge of {nano} on {wh} Wh")
        if component == "standing" and nano % known.standing_nano_per_day:
            raise AssertionError(f"{ref}: {nano} is no whole number of days")
        taxed_ppm += nano * known.vat_ppm if component != "vat" else 0
    tax_nano = sum(nano for (_, component, _, _), nano in decade.by_line.items() if component == "vat")
    if tax_nano != taxed_ppm // PPM:
        raise AssertionError(f"{tax_nano} of tax, {taxed_ppm // PPM} are due")


def main() -> int:
    """0 when everything added up, within the time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=at_least_one, default=DAYS)
    parser.add_argument("--limit", type=amount, default=60.0, help="CPU seconds for ten years; a part has its share")
    options = parser.parse_args()
    began_s = time.process_time()
    replay = f"replay: {PYTHON} -m tests.decade --seed {options.seed} --days {options.days}"
    try:
        decade = run(options.seed, options.days)
    except AssertionError as error:
        print(f"decade: {error}\n{replay}")
        return 1
    took_s = time.process_time() - began_s
    limit_s = max(2.0, options.limit * options.days / DAYS)
    said = (
        f"{decade.readings} readings, {len(decade.tariffs)} tariffs, {decade.top_ups} top-ups, "
        f"{decade.postings} postings, {decade.entries} entries: {took_s:.1f} s of {limit_s:.0f}"
    )
    if took_s > limit_s:
        print(f"decade: too slow: {said}\n{replay}")
        return 1
    print(f"decade: the balance is the sum of the entries to the last nano-unit; {said}")
    record(
        "decade",
        {
            "years": round(options.days / 365.25, 1),
            "readings": decade.readings,
            "tariffs": len(decade.tariffs),
            "top-ups": decade.top_ups,
            "postings": decade.postings,
            "entries": decade.entries,
            "CPU seconds": round(took_s, 1),
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
