"""The generated blocks of the guides and of the README: `python -m tests.visit.guides` renews them.

The visit is the transcript that the journey test writes; the codes are those of the program with the texts of the
console in the guide's language.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gateway.console.codes import NOTES
from gateway.terminal import catalogue

PROJECT = Path(__file__).parent.parent.parent
TRANSCRIPT = PROJECT / "tests" / "journeys" / "visit.txt"
README = PROJECT / "README.md"
GUIDES: Mapping[str, Path] = {
    "en": PROJECT / "docs" / "technician.md",
    "it": PROJECT / "docs" / "technician.it.md",
}
HEADS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "E": "Refused, or not understood",
        "A": "What needs a look (`status`)",
        "D": "What `doctor` finds",
        "S": "Why a supply is as it is (`why`)",
        "H": "Why the next step waits (`why`)",
        "columns": "| code | what it says, and what to do |",
    },
    "it": {
        "E": "Rifiutato o non capito",
        "A": "Che cosa richiede attenzione (`status`)",
        "D": "Che cosa trova `doctor`",
        "S": "Perché una fornitura è così (`why`)",
        "H": "Perché il passo successivo attende (`why`)",
        "columns": "| codice | che cosa dice, e che cosa fare |",
    },
}
_FACT = re.compile(r"\{[a-z0-9_]+\}")


def visit() -> str:
    """The transcript as a block of code."""
    return f"```text\n{TRANSCRIPT.read_text(encoding='utf-8')}```\n"


def picture() -> str:
    """What is wrong and why: the part of the transcript that the README shows."""
    found = re.search(
        r"^\S+# status\n.*?(?=\n\nHow it came:)", TRANSCRIPT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return f"```text\n{found[0]}\n```\n" if found else ""


def codes(language: str) -> str:
    """Every code with what it means, one table for each kind."""
    texts = catalogue.load(language).texts
    heads = HEADS[language]
    said = {key.removeprefix("code."): text for key, text in texts.items() if key.startswith("code.")}
    said |= {code: _told(texts, key) for key, code in NOTES.items()}
    return "\n".join(_tables(heads, said))


def renewed(text: str, language: str) -> str:
    """A guide with both blocks as they are now; ValueError when a marker is missing."""
    for name, block in (("visit", visit()), ("codes", codes(language))):
        text = between(text, name, block)
    return text


def between(text: str, name: str, block: str) -> str:
    """The text with this block between its two markers; ValueError when one is missing."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"no {begin.strip()} ... {end.strip()}")
    return before + begin + block + end + after


def _tables(heads: Mapping[str, str], said: Mapping[str, str]) -> Iterator[str]:
    for kind in "EADSH":
        yield f"### {kind}-: {heads[kind]}\n\n{heads['columns']}\n|---|---|"
        for code in sorted(code for code in said if code.startswith(f"{kind}-")):
            yield f"| `{code}` | {_FACT.sub('…', said[code]).replace('|', chr(92) + '|')} |"
        yield ""


def _told(texts: Mapping[str, str], key: str) -> str:
    """The text of a note; what the doctor finds comes with its advice."""
    area, _, name = key.partition(".")
    advice = texts.get(f"advice.{name}", "") if area == "doctor" else ""
    return f"{texts[key]}: {advice}" if advice else texts[key]


def main(tell: Callable[[str], object] = sys.stdout.write) -> int:
    """Renew both guides and the README."""
    README.write_text(between(README.read_text(encoding="utf-8"), "console", picture()), encoding="utf-8")
    for language, guide in GUIDES.items():
        guide.write_text(renewed(guide.read_text(encoding="utf-8"), language), encoding="utf-8")
        tell(f"{guide.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
