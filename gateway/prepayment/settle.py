"""Collect the lines of many polls into few: what a settlement row says when it is written (decision 7)."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.rating import Line


def merge(lines: tuple[Line, ...], more: tuple[Line, ...]) -> tuple[Line, ...]:
    """Add up lines that are for the same thing: component, band, block, tariff, estimated or not; sums are kept.

    The result is as long as there are such things, at most a few per tariff in force since the last settlement.
    """
    if not more:
        return lines
    merged = {_key(line): line for line in lines}
    for line in more:
        key = _key(line)
        known = merged.get(key)
        merged[key] = line if known is None else _add(known, line)
    return tuple(merged.values())


def _key(line: Line) -> tuple[str, str | None, int | None, str, bool]:
    return line.component, line.band, line.block, line.tariff_ref, line.estimated


def _add(one: Line, other: Line) -> Line:
    return replace(
        one, wh=one.wh + other.wh, days=one.days + other.days, amount_nano=one.amount_nano + other.amount_nano
    )
