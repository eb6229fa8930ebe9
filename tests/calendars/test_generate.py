from pathlib import Path

import pytest

from gateway.config.calendars import load_calendar, load_moratorium
from tests.calendars.__main__ import main
from tests.calendars.generate import RECIPES, Contradiction, made


def test_what_is_shipped_is_what_is_generated(capsys: pytest.CaptureFixture[str]) -> None:
    """Requirements 4.4: `make calendars ARGS=--check` finds nothing, so nobody has edited a file by hand."""
    assert main(["--check"]) == 0
    assert capsys.readouterr().out.endswith("15 calendars and moratoria, 0 differences\n")


def spoiled(folder: Path) -> Path:
    """All files, as generated, in a folder of their own."""
    for kind in ("calendars", "moratoria"):
        (folder / kind).mkdir()
    assert main([], folder) == 0
    return folder / "calendars" / "it.toml"


def test_a_check_says_day_by_day_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Requirements 4.4: a day too few, one too many, another name, a file nobody knows; nothing is written."""
    file = spoiled(tmp_path)
    text = file.read_text(encoding="utf-8")
    wrong = text.replace('2026-04-06 = "Lunedì dell\'Angelo"\n', '2026-04-07 = "Riposo"\n').replace(
        '2026-12-25 = "Natale"', '2026-12-25 = "Christmas"'
    )
    file.write_text(wrong, encoding="utf-8")
    (tmp_path / "moratoria" / "heat.toml").unlink()
    (tmp_path / "calendars" / "mine.toml").write_text("", encoding="utf-8")
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        "calendars/it.toml: 2026-04-06 is missing (Lunedì dell'Angelo)",
        "calendars/it.toml: 2026-04-07 is too much (Riposo)",
        "calendars/it.toml: 2026-12-25 is Christmas, not Natale",
        "moratoria/heat.toml: is not there",
        "calendars/mine.toml: has no recipe",
        "15 calendars and moratoria, 5 differences",
    ]
    assert file.read_text(encoding="utf-8") == wrong
    file.write_text(text.replace("# The LEGAL", "# the legal"), encoding="utf-8")
    assert main(["--check"], tmp_path) == 1
    assert "calendars/it.toml: the comments differ" in capsys.readouterr().out
    assert main([], tmp_path) == 0
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("old", "new"), [("from = 2026", "from = 2027"), ("from = 2026", "from = 2025")])
def test_a_pinned_day_stops_the_generator(tmp_path: Path, old: str, new: str) -> None:
    """Requirements 4.4: 4 October is a holiday from 2026; where package and law differ a person decides first."""
    own = tmp_path / "recipes.toml"
    own.write_text(RECIPES.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(Contradiction, match=r"^202[56]-10-04: holidays .* Find out which is right"):
        list(made(tmp_path, own))


def test_a_contradiction_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a set of calendars would be worse than an old one: exit code 1 and no file touched."""
    own = tmp_path / "recipes.toml"
    own.write_text(RECIPES.read_text(encoding="utf-8").replace("from = 2026", "from = 2030"), encoding="utf-8")
    monkeypatch.setattr("tests.calendars.__main__.made", lambda config: made(config, own))
    assert main([], tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipes.toml"]


def test_every_generated_file_is_one_the_gateway_reads(tmp_path: Path) -> None:
    """A file is named as it calls itself, and the core takes it."""
    for file in made(tmp_path):
        file.path.parent.mkdir(exist_ok=True)
        file.path.write_text(file.text, encoding="utf-8")
        loader = load_calendar if file.path.parent.name == "calendars" else load_moratorium
        assert loader(file.path).name == file.path.stem
