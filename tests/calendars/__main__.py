"""`make calendars`: write config/calendars and config/moratoria anew from the package `holidays`.

python -m tests.calendars [--check]

`--check` writes nothing and says day by day what would change; exit 1 if anything would.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.calendars.generate import CONFIG, Contradiction, Made, made


def main(arguments: list[str], config: Path = CONFIG) -> int:
    """Write, or compare; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.calendars", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what would change")
    options = parser.parse_args(arguments)
    try:
        files = list(made(config))
    except Contradiction as error:
        print(f"nothing written: {error}", file=sys.stderr)
        return 1
    changes = [change for file in files for change in differences(file)] + list(_unknown(files, config))
    print(*changes, sep="\n", end="\n" if changes else "")
    if not options.check:
        for file in files:
            file.path.write_text(file.text, encoding="utf-8")
    print(f"{len(files)} calendars and moratoria, {len(changes)} {'differences' if options.check else 'changes'}")
    return int(options.check and bool(changes))


def differences(file: Made) -> Iterator[str]:
    """What the file lacks, has too much or says otherwise, a line each."""
    name = f"{file.path.parent.name}/{file.path.name}"
    if not file.path.exists():
        yield f"{name}: is not there"
        return
    text = file.path.read_text(encoding="utf-8")
    if text == file.text:
        return
    there, wanted = _entries(text), _entries(file.text)
    found = [f"{name}: {key} is missing ({wanted[key]})" for key in wanted.keys() - there.keys()]
    found += [f"{name}: {key} is too much ({there[key]})" for key in there.keys() - wanted.keys()]
    found += [
        f"{name}: {key} is {there[key]}, not {wanted[key]}"
        for key in wanted.keys() & there.keys()
        if there[key] != wanted[key]
    ]
    yield from sorted(found) or [f"{name}: the comments differ"]


def _entries(text: str) -> dict[str, str]:
    """Every key of the document with its value; those of a table by their own name, as dates are."""
    found: dict[str, str] = {}
    for key, value in tomllib.loads(text).items():
        inner = value if isinstance(value, dict) else {key: value}
        found |= {name: str(one) for name, one in inner.items()}
    return found


def _unknown(files: list[Made], config: Path) -> Iterator[str]:
    known = {file.path for file in files}
    for folder in ("calendars", "moratoria"):
        for path in sorted((config / folder).glob("*.toml")):
            if path not in known:
                yield f"{folder}/{path.name}: has no recipe"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
