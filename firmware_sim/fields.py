"""Reads a TOML table key by key; every error names the file, the key and what would be right."""

from __future__ import annotations

import difflib
from decimal import Decimal
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable


class ScenarioError(Exception):
    """A scenario or load profile cannot be played: where, what is wrong, what would be right."""

    def __init__(self, file: str, key: str, problem: str, hint: str) -> None:
        self.file = file
        self.key = key
        where = f"{file}: {key}" if key else file
        super().__init__(f"{where}: {problem}; {hint}")


class Fields:
    """One table of a file; `done` refuses what nobody asked for."""

    def __init__(self, table: object, file: str, path: str) -> None:
        self.file = file
        self.path = path
        if not isinstance(table, dict):
            raise ScenarioError(file, path, "is not a table", f"write [{path}] with keys below it")
        self._table = cast("dict[str, object]", table)
        self._asked: list[str] = []

    def error(self, key: str, problem: str, hint: str) -> ScenarioError:
        """An error about one key of this table."""
        return ScenarioError(self.file, f"{self.path}.{key}" if self.path else key, problem, hint)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._table

    def text(self, key: str, default: str | None = None, *, choices: Iterable[str] | None = None) -> str:
        """A string, optionally one of `choices`."""
        value = self._take(key, default)
        if not isinstance(value, str) or not value:
            raise self.error(key, f"{value!r} is not a text", f'write {key} = "..."')
        if choices is not None:
            known = list(choices)
            if value not in known:
                raise self.error(key, f'"{value}" is not known', nearest(value, known))
        return value

    def whole(self, key: str, default: int | None = None, *, least: int = 0, most: int) -> int:
        """An integer in least..most."""
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(key, f"{value!r} does not fit", f"write a whole number from {least} to {most}")
        return value

    def number(self, key: str, default: Decimal | None = None, *, least: int, most: int) -> Decimal:
        """A number in least..most, exactly as written."""
        value = self._take(key, default)
        number = Decimal("NaN") if isinstance(value, bool) or not isinstance(value, int | Decimal) else Decimal(value)
        if not number.is_finite() or not least <= number <= most:
            raise self.error(key, f"{value} does not fit", f"write a number from {least} to {most}")
        return number

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"{value!r} is not true or false", f"write {key} = true")
        return value

    def raw(self, key: str) -> object:
        """The value as it stands."""
        return self._take(key, None)

    def tables(self, key: str) -> list[Fields]:
        """An array of tables, possibly absent."""
        value = self._take(key, cast("object", []))
        if not isinstance(value, list):
            raise self.error(key, "is not a list of tables", f"write [[{key}]]")
        prefix = f"{self.path}.{key}" if self.path else key
        return [Fields(item, self.file, f"{prefix}[{index}]") for index, item in enumerate(value, start=1)]

    def named_tables(self, key: str) -> dict[str, Fields]:
        """A table of tables, possibly absent."""
        value = self._take(key, cast("object", {}))
        if not isinstance(value, dict):
            raise self.error(key, "is not a table", f"write [{key}.NAME]")
        return {name: Fields(item, self.file, f"{key}.{name}") for name, item in value.items()}

    def done(self) -> None:
        """Refuse keys nobody asked for."""
        for key in self._table:
            if key not in self._asked:
                raise self.error(key, "is not a key here", nearest(key, self._asked))

    def _take(self, key: str, default: object) -> object:
        self._asked.append(key)
        value = self._table.get(key, default)
        if value is None:
            raise self.error(key, "is missing", f"add {key} = ...")
        return value


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint: the nearest known word, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f'did you mean "{close[0]}"?' if close else f"known: {', '.join(names) or 'none'}"
