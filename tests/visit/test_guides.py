"""The technician's guides are what the program is: the same visit, every code, every command (issue 5)."""

from __future__ import annotations

import re

import pytest

from gateway.console.codes import CODES, NOTES, OTHER
from gateway.terminal.faults import FAULTS
from gateway.terminal.shell import OWN_NAMES
from gateway.terminal.table import VERBS
from tests.visit.guides import GUIDES, README, TRANSCRIPT, between, codes, picture, renewed, visit

LANGUAGES = sorted(GUIDES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guide_holds_the_visit_and_the_codes_as_they_are(language: str) -> None:
    """Issue 5, S2-21: the transcript verbatim and the texts of the console; `make docs` renews them."""
    text = GUIDES[language].read_text(encoding="utf-8")
    assert TRANSCRIPT.read_text(encoding="utf-8") in text
    assert renewed(text, language) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guide_has_every_code(language: str) -> None:
    """Issue 5, part 1: whatever code is read out on the phone, both guides say what it means."""
    known = {*CODES.values(), *NOTES.values(), *FAULTS.values(), OTHER}
    assert set(re.findall(r"^\| `([A-Z]-[A-Z]{3}-\d\d)` \|", codes(language), flags=re.MULTILINE)) == known


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guide_names_every_command(language: str) -> None:
    """Issue 5: every command with what it is for; none that there is not."""
    commands = GUIDES[language].read_text(encoding="utf-8").partition("<!-- commands -->")[2]
    rows = re.findall(r"^\| `([a-z ]+)`", commands.partition("<!-- /commands -->")[0], flags=re.MULTILINE)
    assert sorted(rows) == sorted({*VERBS, *OWN_NAMES})


def test_a_guide_without_its_marker_is_told() -> None:
    """A block that somebody removed is not left out in silence."""
    with pytest.raises(ValueError, match="<!-- codes -->"):
        renewed(f"<!-- visit -->\n{visit()}<!-- /visit -->\n", "en")


def test_the_readme_shows_the_visit() -> None:
    """The picture of the console in the README is a part of the transcript (issue 5), line for line."""
    text = README.read_text(encoding="utf-8")
    assert between(text, "console", picture()) == text
    assert "A-MET-01" in picture()
