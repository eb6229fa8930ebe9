"""From `recipes.toml` and the package `holidays` to the text of the files in config/calendars and config/moratoria.

The package is asked here and nowhere else; the gateway only ever reads the files, because an unattended device outlives
the version of a package (requirements 4.4).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import holidays

RECIPES = Path(__file__).with_name("recipes.toml")
CONFIG = Path(__file__).parent.parent.parent / "config"
_PACKAGE = version("holidays")
_HEAD = (
    "# Written by `make calendars` from tests/calendars/recipes.toml; edit that, or copy this file under another name."
)


class Contradiction(Exception):
    """The package says something else than what a person has pinned."""


@dataclass(frozen=True, slots=True)
class Made:
    """One file: where it belongs and its whole text."""

    path: Path
    text: str


def made(config: Path = CONFIG, recipes: Path = RECIPES) -> Iterator[Made]:
    """Every file, in the order of the recipes; raises Contradiction."""
    book: Mapping[str, Any] = tomllib.loads(recipes.read_text(encoding="utf-8"))
    years = range(book["first_year"], book["last_year"] + 1)
    for recipe in book["calendar"]:
        yield Made(config / "calendars" / f"{recipe['name']}.toml", _calendar(recipe, years, book["pinned"]))
    for recipe in book["moratorium"]:
        yield Made(config / "moratoria" / f"{recipe['name']}.toml", _moratorium(recipe, years))


def days(recipe: Mapping[str, Any], years: Sequence[int], pinned: Sequence[Mapping[str, Any]]) -> dict[date, str]:
    """The holidays of one calendar with their names; raises Contradiction."""
    found = holidays.country_holidays(
        recipe["country"], subdiv=recipe.get("subdivision"), years=years, language=recipe["language"]
    )
    _compare(found, [pin for pin in pinned if pin["country"] == recipe["country"]], years)
    left_out = set(recipe.get("without", ()))
    kept = {day: [name for name in text.split("; ") if name not in left_out] for day, text in sorted(found.items())}
    return {day: "; ".join(names) for day, names in kept.items() if names}


def _compare(found: Mapping[date, str], pinned: Sequence[Mapping[str, Any]], years: Sequence[int]) -> None:
    for pin in pinned:
        for year in years:
            day = date.fromisoformat(f"{year}-{pin['day']}")
            if (pin["name"] in found.get(day, "").split("; ")) is not (year >= pin["from"]):
                raise Contradiction(
                    f"{day}: holidays {_PACKAGE} says {found.get(day, 'no holiday')!r}, but "
                    f"{pin['name']!r} is pinned from {pin['from']} on ({pin['law']}). Find out which is right before "
                    "you change either."
                )


def _calendar(recipe: Mapping[str, Any], years: Sequence[int], pinned: Sequence[Mapping[str, Any]]) -> str:
    place = f"country {recipe['country']}"
    if "subdivision" in recipe:
        place += f", subdivision {recipe['subdivision']}"
    lines = [_HEAD, *_comment(recipe), ""]
    lines += [f"calendar = {_text(recipe['name'])}", f"description = {_text(recipe['description'])}"]
    lines += [f"source = {_text(f'Python package holidays {_PACKAGE}, {place}')}"]
    lines += [f"years = {list(years)} # complete for these; in any other year nothing escalates", ""]
    lines += ["[holidays] # civil date = name; Sundays count as days off without being listed"]
    lines += [f"{day} = {_text(name)}" for day, name in days(recipe, years, pinned).items()]
    return "\n".join(lines) + "\n"


def _moratorium(recipe: Mapping[str, Any], years: Sequence[int]) -> str:
    first, last = recipe["first"], recipe["last"]
    over = int(last < first)  # a winter ends in the year after the one it began in
    periods = [(f"{year}-{first}", f"{year + over}-{last}") for year in range(years[0] - over, years[-1] + 1)]
    lines = [_HEAD, *_comment(recipe), ""]
    lines += [f"moratorium = {_text(recipe['name'])}", f"description = {_text(recipe['description'])}"]
    lines += ['source = "no source gives a season: an example"', "example = true"]
    lines += [f"commodities = {json.dumps(recipe['commodities'])}"]
    lines += [f"years = {list(years)} # complete for these; in any other year nothing escalates", ""]
    lines += ["[periods] # first day = last day, both included, in the civil time of the policy"]
    lines += [f"{begins} = {ends}" for begins, ends in periods]
    return "\n".join(lines) + "\n"


def _comment(recipe: Mapping[str, Any]) -> list[str]:
    return [f"# {line}" for line in recipe["comment"].strip().splitlines()]


def _text(value: str) -> str:
    """A TOML string: JSON's, with letters as they are."""
    return json.dumps(value, ensure_ascii=False)
