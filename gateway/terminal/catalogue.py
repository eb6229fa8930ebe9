"""The texts of one language: `config/console/<language>.toml`, flattened to keys like `code.E-LIM-03`.

A text names its facts in braces. What a text of a language may name is what the English one names, so that a slip of a
translator is refused at the start and not met in a cellar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import shipped, toml
from gateway.errors import ConfigError

REFERENCE = "en"
_FIELD = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One language; `texts` by flattened key."""

    language: str
    texts: Mapping[str, str]

    def text(self, key: str, **facts: str | int) -> str:
        """The text of this key with its facts; the key itself when there is no such text, `?` for a missing fact."""
        found = self.texts.get(key)
        if found is None:
            return key
        return _FIELD.sub(lambda field: str(facts.get(field[1], "?")), found)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self.texts


def folder() -> Path:
    """Where the languages are."""
    return shipped.folder() / "console"


def languages() -> tuple[str, ...]:
    """Every language there is."""
    return tuple(sorted(path.stem for path in folder().glob("*.toml")))


def load(language: str) -> Catalogue:
    """One language; ConfigError for a file that is missing, is no TOML, lacks a text or names an unknown field."""
    texts = read(folder() / f"{language}.toml")
    if language != REFERENCE:
        problems = differences(read(folder() / f"{REFERENCE}.toml"), texts)
        if problems:
            raise ConfigError(f"{folder() / language}.toml: {'; '.join(problems[:5])}")
    return Catalogue(language, texts)


def read(file: Path) -> dict[str, str]:
    """The texts of a file by flattened key."""
    try:
        table = toml.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    texts = dict(_flat(table, ""))
    for key, text in texts.items():
        wrong = [name for name in _FIELD.findall(text) if not _NAME.fullmatch(name)]
        if wrong or _FIELD.sub("", text).count("{") + _FIELD.sub("", text).count("}"):
            raise ConfigError(f"{file}: {key}: braces are for the name of a fact, lower case: {text!r}")
    return texts


def differences(reference: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """What a language lacks, has too much, or names otherwise than the reference."""
    found = [f"{key} is missing" for key in reference if key not in texts]
    found += [f"{key} is not in {REFERENCE}.toml" for key in texts if key not in reference]
    for key in reference.keys() & texts.keys():
        unknown = fields(texts[key]) - fields(reference[key])
        found += [f"{key} names an unknown fact {{{name}}}" for name in sorted(unknown)]
    return sorted(found)


def fields(text: str) -> set[str]:
    """The facts a text names."""
    return set(_FIELD.findall(text))


def _flat(table: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            found.append((prefix + key, value))
        else:
            raise ConfigError(f"{prefix}{key}: a text in quotes is expected, not {value!r}")
    return found
