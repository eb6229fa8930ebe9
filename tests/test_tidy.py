"""The tree keeps the rules that no linter knows: names, sizes, docstrings, nothing skipped, nothing private shipped."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOP_LEVEL = {
    ".ci", ".gitignore", ".gitattributes", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile",
    "README.md", "SECURITY.md", "bench", "config", "docs", "firmware_sim", "gateway", "pyproject.toml",
    "requirements.lock", "systemd", "tests",
}  # fmt: skip
MADE_HERE = {
    ".cache", ".coverage", ".git", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache",
    ".ruff_cache", ".venv", "__pycache__", "build", "dist",
}  # fmt: skip
BANNED_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "models",
    "service",
    "services",
    "manager",
    "base",
    "common",
    "misc",
}
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# The one place that may catch everything: it tells the operator and ends the process (decision 18).
CATCHES_EVERYTHING = {"gateway/app.py", "gateway/__main__.py"}
# Assembled from pieces, so that this file does not find itself.
REGISTRIES = ["py" + "pi.org", "python" + "hosted", "registry.npm" + "js", "pi" + "wheels.org", "proxy.go" + "lang"]
MACHINE_PATHS = [r"/wo" + r"rk/(main|shared)\b", r"/ho" + r"me/\w", r"/ro" + r"ot/\w", r"/Us" + r"ers/\w"]


def tree() -> Iterator[Path]:
    """Every file that belongs to the project (what git would track; git itself may be absent)."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in MADE_HERE and not name.endswith(".egg-info")]
        yield from (Path(folder, name) for name in files if not name.endswith((".pyc", ".db", ".db-wal", ".db-shm")))


def relative(path: Path) -> str:
    """The path as a person would name it."""
    return path.relative_to(ROOT).as_posix()


def modules(*tops: str) -> list[Path]:
    """The Python files below these folders."""
    return [path for path in tree() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in tops]


def parsed(path: Path) -> ast.Module:
    """The file as a syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of the file."""
    return (node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_top_level_is_fixed() -> None:
    """Nothing grows at the top of the tree unnoticed."""
    found = {path.name for path in ROOT.iterdir() if not path.name.endswith(".egg-info")}
    assert found - TOP_LEVEL - MADE_HERE == set()


def test_no_module_is_named_after_nothing() -> None:
    """A module is named after what it holds; `utils` holds anything."""
    stems = {relative(path): {path.stem, path.parent.name} for path in modules("gateway", "firmware_sim")}
    # firmware_sim/models holds simulated meter *models* as products; the word is the field's there.
    allowed = {
        name: words - {"models"} if name.startswith("firmware_sim/models/") else words for name, words in stems.items()
    }
    assert [name for name, words in allowed.items() if words & BANNED_NAMES] == []


def test_every_module_says_what_it_is() -> None:
    """Each module opens with a docstring (in tests the promise of each test stands for it)."""
    silent = [relative(p) for p in modules("gateway", "firmware_sim", "bench") if not ast.get_docstring(parsed(p))]
    assert [name for name in silent if not _empty(ROOT / name)] == []


def test_modules_stay_small() -> None:
    """No module is over 400 lines: past that it does two things."""
    lines = {relative(p): len(p.read_text().splitlines()) for p in modules("gateway", "firmware_sim", "tests", "bench")}
    assert {name: count for name, count in lines.items() if count > MODULE_LINES_MAX} == {}


def test_functions_stay_small() -> None:
    """No function is over 60 lines."""
    long = [
        f"{relative(path)}:{function.lineno} {function.name}"
        for path in modules("gateway", "firmware_sim")
        for function in functions(path)
        if (function.end_lineno or function.lineno) - function.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_only_the_top_catches_everything() -> None:
    """`except Exception` stands in one place at the very top, or only cleans up and raises again (decision 18)."""
    places = [
        f"{relative(path)}:{node.lineno}"
        for path in modules("gateway", "firmware_sim")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    ]
    assert [place for place in places if place.rsplit(":", 1)[0] not in CATCHES_EVERYTHING] == []
    assert len(places) <= 1, places


def test_nothing_is_left_for_later() -> None:
    """No note to do something later: it is an issue of the tracker or it is done."""
    marker = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    assert _matches(marker, tree()) == []


def test_no_test_is_skipped() -> None:
    """A test runs or does not exist: what it needs and does not find makes it fail and say so."""
    marker = re.compile(r"pytest\.(sk" + r"ip|importor" + r"skip|xf" + r"ail)|mark\.(sk" + r"ip|xf" + r"ail)")
    assert _matches(marker, modules("tests")) == []


def test_every_test_names_its_promise() -> None:
    """Each test function opens with the promise it checks."""
    mute = [
        f"{relative(path)}:{function.lineno} {function.name}"
        for path in modules("tests")
        for function in functions(path)
        if function.name.startswith("test_") and path.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert mute == []


def test_nothing_of_one_machine_is_shipped() -> None:
    """No file names a package registry or a path that exists on one person's machine."""
    marker = re.compile("|".join([*map(re.escape, REGISTRIES), *MACHINE_PATHS]))
    assert _matches(marker, tree()) == []


def test_the_lock_is_hashes_and_nothing_else() -> None:
    """Every pinned package has a hash, and the file says nothing about where packages come from."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.findall(r"https?:|file:|--(?:extra-)?index|--find-links|--trusted", text) == []
    pins = re.split(r"\n(?=[a-z])", text)
    assert len(pins) > len({"the", "six", "fixed", "packages"})
    assert [
        pin.split()[0] for pin in pins if not re.match(r"[a-z0-9._-]+==\S+", pin) or "--hash=sha256:" not in pin
    ] == []


@pytest.mark.parametrize("name", ["gateway", "firmware_sim"])
def test_the_packages_are_typed(name: str) -> None:
    """Whoever imports us gets our types."""
    assert (ROOT / name / "py.typed").exists()


def _empty(path: Path) -> bool:
    return path.name == "__init__.py" and not path.read_text(encoding="utf-8").strip()


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False  # cleans up and passes it on
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"} for one in caught)


def _matches(marker: re.Pattern[str], paths: Iterator[Path] | list[Path]) -> list[str]:
    return [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if marker.search(line)
    ]
