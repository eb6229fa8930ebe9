"""`Say`: words, amounts, instants and tables in the technician's language, as plain as the line needs them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.terminal import layout
from gateway.terminal.catalogue import Catalogue
from gateway.terminal.charset import Charset

_CENT = Decimal("0.01")
_DATE_CHARS = len("2026-01-31")
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


class Words:
    """One language on one line; implements `verbs.Say`."""

    def __init__(self, catalogue: Catalogue, charset: Charset = Charset.ASCII, width: int = 80) -> None:
        self.catalogue = catalogue
        self.charset = charset
        self.width = width
        self._zone: tzinfo = UTC

    def place(self, timezone_name: str) -> None:
        """Where the gateway is; a zone this machine does not know stays UTC, and instants say so."""
        try:
            self._zone = ZoneInfo(timezone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._zone = UTC

    def text(self, key: str, **facts: str | int) -> str:
        """The text of this key, with its facts filled in."""
        return self.catalogue.text(key, **facts)

    def money(self, amount: str, currency: str) -> str:
        """An amount from the wire ("12.4", "CHF") as people write it: `12.40 CHF`. What is no amount stays as it is."""
        try:
            value = Decimal(amount)
            shown = f"{value.quantize(_CENT, ROUND_HALF_UP):f}" if value.is_finite() else amount
        except InvalidOperation:
            return f"{amount} {currency}".strip()
        return f"{self._point(shown)} {currency}".strip()

    def energy(self, wh: int) -> str:
        """Wh as kWh."""
        return self._kilo(wh) + " kWh"

    def power(self, watts: int) -> str:
        """W as kW."""
        return self._kilo(watts) + " kW"

    def instant(self, text: str) -> str:
        """An ISO 8601 UTC instant from the wire as local civil time; a date as a date; anything else as it is."""
        try:
            if len(text) == _DATE_CHARS:
                return date.fromisoformat(text).strftime(self.text("format.date"))
            at = datetime.fromisoformat(text)
            local = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(self._zone)
        except (ValueError, OverflowError):
            return text
        shown = local.strftime(self.text("format.instant"))
        return f"{shown} {local.tzname()}" if self._zone is UTC or _twice(local) else shown

    def duration(self, seconds: int) -> str:
        """A span of time in its two largest units."""
        sign, left = ("-" if seconds < 0 else ""), abs(seconds)
        parts: list[str] = []
        for unit, size in _UNITS:
            count, left = divmod(left, size)
            if parts and not count:
                break
            if count or (unit == "second" and not parts):
                parts.append(f"{count} {self.text('unit.' + unit)}")
            if len(parts) == 2:
                break
        return sign + " ".join(parts)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
        """Columns as narrow as they can be; what does not fit the width is cut with a mark. `head` are text keys."""
        names = [self.charset.plain(self.text(key)) for key in head]
        cells = [[self.charset.plain(cell) for cell in row] for row in rows]
        return layout.table(names, cells, self.width)

    def pairs(self, rows: Iterable[tuple[str, str]]) -> list[str]:
        """Label and value, one a line, labels (text keys) aligned; a long value goes on below itself."""
        named = [(self.charset.plain(self.text(key)), self.charset.plain(value)) for key, value in rows]
        return layout.pairs(named, self.width)

    def spark(self, values: Sequence[int | None]) -> str:
        """A line of bars, one for each value, None as a gap; no more than the width takes."""
        return layout.spark(values, self.width - 1, blocks=self.charset is Charset.UTF_8)

    def _kilo(self, value: int) -> str:
        return self._point(f"{'-' if value < 0 else ''}{abs(value) // 1000}.{abs(value) % 1000:03d}")

    def _point(self, shown: str) -> str:
        return shown.replace(".", self.text("format.point"))


def _twice(local: datetime) -> bool:
    """Whether this civil time comes twice that night, so that the zone must be said."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
