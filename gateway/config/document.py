"""TOML text -> typed document, with errors a person can act on: file, key, value, and what would be right.

Used for every file the gateway reads and, through `convert`, for the same documents arriving in signed commands.
msgspec does the checking; this module turns its answer ("... - at `$.meter[0].poll`") into a key as one writes it in
the file (`meter[0].poll`) and, for an unknown key, names the nearest one that exists.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from gateway import toml
from gateway.errors import ConfigError

T = TypeVar("T")

MAX_FILE_BYTES = 1024 * 1024

_WITH_PATH = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>[^\]]*)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>.*)`", re.DOTALL)
_NUMBER_FOR_TEXT = re.compile(r"Expected `str[^`]*`, got `(int|float)`")
_SHOWN_CHARS = 60


def load(path: Path, type_: type[T]) -> T:
    """The typed content of a TOML file; ConfigError for anything wrong with it."""
    return convert(read_toml(path), type_, where=str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """The raw content of a TOML file, dates as ISO text; ConfigError if absent, too large, not UTF-8 or malformed."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ConfigError(f"{size} bytes; a configuration file has at most {MAX_FILE_BYTES}", file=str(path))
        raw = toml.parse(path.read_bytes().decode("utf-8").removeprefix("\ufeff"))
    except FileNotFoundError:
        raise ConfigError("there is no such file", file=str(path), hint=_neighbours(path)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"byte {error.start} is not UTF-8", file=str(path), hint="save it as UTF-8") from None
    except ValueError as error:
        raise ConfigError(f"is not TOML: {error}", file=str(path)) from None
    return {key: _plain(value) for key, value in raw.items()}


def convert(raw: Mapping[str, Any], type_: type[T], *, where: str) -> T:
    """Check raw content against a Struct; ConfigError names `where` (a file, or a command) and the key."""
    try:
        return msgspec.convert(raw, type_)
    except msgspec.ValidationError as error:
        raise _explained(str(error), raw, type_, where) from None


class Keys:
    """Parses the texts of one document, so that each error names the document and the key."""

    def __init__(self, where: str) -> None:
        self.where = where

    def parse(self, key: str, parser: Callable[[str], T], text: str) -> T:
        """What `parser` makes of the text; its ValueError becomes a ConfigError."""
        try:
            return parser(text)
        except ValueError as error:
            raise self.error(key, str(error)) from None

    def error(self, key: str, message: str, hint: str = "") -> ConfigError:
        """The error to raise about this key."""
        return ConfigError(message, file=self.where, key=key, hint=hint)


def nearest(word: str, known: Iterable[str]) -> str:
    """What would be right: the nearest known word, or all of them when nothing is near."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(words)}" if words else ""


def choices(text: str, type_: type[Any]) -> str:
    """The words that fit where msgspec found another one, as a hint; empty when `text` is about something else."""
    match = _WITH_PATH.fullmatch(text)
    if match is None or not match["what"].startswith("Invalid enum value"):
        return ""
    words = (str(one.value) for info in _level(type_, match["path"] or "") for one in _words(info))
    return f"known are: {', '.join(sorted(words))}"


def shown(value: object) -> str:
    """A value as an error message shows it: quoted, and cut when long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist either"
    if not path.suffix:
        return ""
    return nearest(path.name, [other.name for other in path.parent.glob(f"*{path.suffix}")])


def _explained(text: str, raw: Mapping[str, Any], type_: type[Any], where: str) -> ConfigError:
    match = _WITH_PATH.fullmatch(text)
    if match is None:
        return ConfigError(text, file=where)
    what, path = match["what"], match["path"] or ""
    key = path.removeprefix(".")
    if unknown := _UNKNOWN.fullmatch(what):
        field = unknown["field"]
        return ConfigError("unknown key", file=where, key=_join(key, field), hint=nearest(field, _fields(type_, path)))
    if missing := _MISSING.fullmatch(what):
        return ConfigError("this key is missing", file=where, key=_join(key, missing["field"]))
    value = _value(raw, path)
    if one_of := choices(text, type_):
        word = what.removeprefix("Invalid enum value ") if value is None else shown(value)  # below a name of its own
        return ConfigError(f"{word} is not known", file=where, key=key, hint=one_of)
    got = "" if match["key"] or value is None else f", not {shown(value)}"
    quotes = "put it in quotes" if _NUMBER_FOR_TEXT.search(what) else ""
    return ConfigError(f"{_lower(what)}{got}", file=where, key=key, hint=quotes)


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _lower(what: str) -> str:
    return what[:1].lower() + what[1:]


def _value(raw: object, path: str) -> object:
    for step in _STEP.finditer(path):
        if step["name"] is not None and isinstance(raw, Mapping):
            raw = raw.get(step["name"])
        elif isinstance(raw, list) and step["index"].isdigit() and int(step["index"]) < len(raw):
            raw = raw[int(step["index"])]
        else:
            return None
    return raw


def _fields(type_: type[Any], path: str) -> set[str]:
    """The keys that exist at a path of the document."""
    return {field.encode_name for info in _structs(_level(type_, path)) for field in info.fields}


def _level(type_: type[Any], path: str) -> list[inspect.Type]:
    """The types that may stand at a path of the document."""
    level = [inspect.type_info(type_)]
    for step in _STEP.finditer(path):
        level = [inner for info in level for inner in _inside(info, step["name"])]
    return level


def _words(info: inspect.Type) -> list[Enum]:
    match info:
        case inspect.UnionType():
            return [word for one in info.types for word in _words(one)]
        case inspect.EnumType():
            return list(info.cls)
        case _:
            return []


def _inside(info: inspect.Type, name: str | None) -> list[inspect.Type]:
    if name is not None and name != "...":
        return [field.type for struct in _structs([info]) for field in struct.fields if field.encode_name == name]
    match info:
        case inspect.UnionType():
            return [inner for one in info.types for inner in _inside(one, name)]
        case inspect.ListType() | inspect.VarTupleType():
            return [info.item_type]
        case inspect.DictType():
            return [info.value_type]
        case _:
            return []


def _structs(level: Iterable[inspect.Type]) -> list[inspect.StructType]:
    found = []
    for info in level:
        if isinstance(info, inspect.StructType):
            found.append(info)
        elif isinstance(info, inspect.UnionType):
            found += _structs(info.types)
    return found
