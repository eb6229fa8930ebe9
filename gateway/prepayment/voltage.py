"""A voltage check (S4-12): for some days, ten-minute means of each phase go on record, an hour a row; then a summary.

The samples come with the readings; no row is written outside a campaign. The campaign is part of the account, so what a
crash loses is what was heard since the account was saved last, and the counts of samples show it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.events import Detail, Moment, Reading
from gateway.prepayment.ledger import Happening, Verdict, VerdictStatus
from gateway.prepayment.supply import Commodity, SupplyState, Voltage
from gateway.prepayment.taken import Taken, refused
from gateway.prepayment.tenminutes import HOUR_MS, TEN_MS, Hours, TenMinutes, VoltageCheck, heard, mark_after, rolled

CHECK_MAX_MS = 8 * 24 * HOUR_MS
"""A week, and a day to begin on."""


@dataclass(frozen=True, slots=True)
class VoltageCheckBegun:
    """Keep ten-minute means until `to_utc_ms`."""

    at: Moment
    command_id: str
    check_id: str
    to_utc_ms: int
    case_id: str = ""


def check_begun(account: Account, request: VoltageCheckBegun, terms: Terms) -> Taken | Verdict:
    """Begin a campaign at the next ten-minute mark; 230 V is what a phase of a low-voltage supply has."""
    at, running = request.at, account.voltage_check
    if not terms.voltages or account.commodity is Commodity.GAS or account.voltage is not Voltage.LV:
        return refused("not_applicable", hint="the meter's model tells no voltage of a low-voltage phase")
    if not at.trust.dated:
        return refused("clock_untrusted")
    if running is not None:
        return refused("check_running", check_id=running.check_id)
    if request.to_utc_ms <= at.utc_ms:
        return refused("in_the_past", now_utc_ms=at.utc_ms)
    if request.to_utc_ms > at.utc_ms + CHECK_MAX_MS:
        return refused("too_far_ahead", latest_utc_ms=at.utc_ms + CHECK_MAX_MS)
    from_utc_ms, to_utc_ms = mark_after(at.utc_ms), mark_after(request.to_utc_ms)
    if from_utc_ms == to_utc_ms:
        return refused("too_short", earliest_utc_ms=from_utc_ms + TEN_MS)
    ends_running_ms = at.running_ms + to_utc_ms - at.utc_ms
    check = VoltageCheck(request.check_id, request.case_id, terms.voltages, from_utc_ms, to_utc_ms, ends_running_ms)
    detail: Detail = (("from_utc_ms", from_utc_ms), ("to_utc_ms", to_utc_ms), ("expected", check.expected))
    named: Detail = (("command_id", request.command_id), *_of(check), *detail, ("phases", " ".join(check.phases)))
    begun = Happening(at, account.account_id, "voltage.begun", named)
    return Taken(
        lambda a: replace(a, voltage_check=check),
        Verdict(VerdictStatus.APPLIED, "", detail),
        told=lambda _before, _after: (begun,),
    )


def sampled(outcome: Outcome, reading: Reading) -> Outcome:
    """Take in what a poll saw, in dated time."""
    check = outcome.account.voltage_check
    if check is None or not reading.at.trust.dated:
        return outcome
    check, hours = heard(check, reading.at.utc_ms, reading.voltages)
    return _written(outcome, check, hours, reading.at)


def ended(outcome: Outcome, at: Moment) -> Outcome:
    """Close the campaign when its time, or its account, is over."""
    account, check = outcome.account, outcome.account.voltage_check
    if check is None:
        return outcome
    closed = account.supply.state is SupplyState.TERMINATED
    if not (closed or at.running_ms >= check.ends_running_ms or (at.trust.dated and at.utc_ms >= check.to_utc_ms)):
        return outcome
    check, hours = rolled(check, check.to_utc_ms + HOUR_MS)
    outcome = _written(outcome, check, hours, at)
    report = Happening(at, account.account_id, "voltage.report", _summary(check, closed=closed))
    after = replace(outcome.account, voltage_check=None)
    return replace(outcome, account=after, records=(*outcome.records, report))


def _written(outcome: Outcome, check: VoltageCheck, hours: Hours, at: Moment) -> Outcome:
    """The check goes on, and each hour that is over is a row."""
    account_id = outcome.account.account_id
    rows = tuple(Happening(at, account_id, "voltage.hour", _hour(check, hour)) for hour in hours)
    return replace(outcome, account=replace(outcome.account, voltage_check=check), records=(*outcome.records, *rows))


def _hour(check: VoltageCheck, values: tuple[TenMinutes, ...]) -> Detail:
    """The values by phase and minute of their hour; what was not measured is not there."""
    begins_utc_ms = values[0].from_utc_ms // HOUR_MS * HOUR_MS
    detail: list[tuple[str, str | int]] = [*_of(check), ("from_utc_ms", begins_utc_ms)]
    for one in values:
        name = f"{one.phase}_{(one.from_utc_ms - begins_utc_ms) // 60_000:02d}"
        detail += [(f"{name}_dv", one.mean_dv), (f"{name}_samples", one.samples)]
    return tuple(detail)


def _summary(check: VoltageCheck, *, closed: bool) -> Detail:
    detail: list[tuple[str, str | int]] = [
        *_of(check),
        ("from_utc_ms", check.from_utc_ms),
        ("to_utc_ms", check.to_utc_ms),
        ("reason", "account_closed" if closed else "complete"),
        ("expected", check.expected),
    ]
    tallies = {tally.phase: tally for tally in check.tallies}
    for phase in check.phases:
        tally = tallies.get(phase)
        detail.append((f"{phase}_values", 0 if tally is None else tally.values))
        if tally is not None:
            detail += [
                (f"{phase}_min_dv", tally.min_dv),
                (f"{phase}_max_dv", tally.max_dv),
                (f"{phase}_outside", tally.outside),
            ]
    return tuple(detail)


def _of(check: VoltageCheck) -> Detail:
    return (("check_id", check.check_id), ("case_id", check.case_id))
