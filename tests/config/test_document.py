from enum import StrEnum
from pathlib import Path

import msgspec
import pytest

from gateway.config import document
from gateway.errors import ConfigError


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    poll_s: int


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    colour: Colour | None = None
    colours: tuple[Colour, ...] = ()
    meter: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}
    either: Inner | None = None


class Wide(msgspec.Struct, forbid_unknown_fields=True):
    maybe: tuple[Colour, ...] | None = None
    by_name: dict[str, Colour] = {}


def refusal(path: Path) -> ConfigError:
    """The error a file is refused with."""
    with pytest.raises(ConfigError) as caught:
        document.load(path, Outer)
    assert caught.value.file == str(path)
    return caught.value


def refused_text(tmp_path: Path, text: str | bytes) -> ConfigError:
    """The error a file with this content is refused with."""
    path = tmp_path / "x.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return refusal(path)


def test_malformed_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    """A person finds the place."""
    assert "line 2" in str(refused_text(tmp_path, "a = 1\nb = = 2\n"))


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    """A file in another encoding says so instead of showing odd letters."""
    assert "not UTF-8" in str(refused_text(tmp_path, b"a = '\xe8'\n"))


def test_a_missing_file_is_answered_with_its_neighbour(tmp_path: Path) -> None:
    """The nearest file of the folder is offered; a missing folder is named."""
    (tmp_path / "prepaid.toml").touch()
    assert refusal(tmp_path / "prepayd.toml").hint == "did you mean 'prepaid.toml'?"
    assert "does not exist either" in refusal(tmp_path / "no" / "x.toml").hint


def test_a_folder_and_a_giant_are_no_files(tmp_path: Path) -> None:
    """What cannot be a configuration file is refused before it is read."""
    assert "cannot be read" in str(refusal(tmp_path))
    assert "at most" in str(refused_text(tmp_path, b"#" * (document.MAX_FILE_BYTES + 1)))


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("[[meter]]\npoll = 1", "meter[0].poll", "did you mean 'poll_s'?"),
        ("[named.kitchen]\npol_s = 1", "named[...].pol_s", "did you mean 'poll_s'?"),
        ("[either]\nzzz = 1", "either.zzz", "known are: poll_s"),
        ("meters = 1", "meters", "did you mean 'meter'?"),
    ],
)
def test_an_unknown_key_is_found_at_any_depth(tmp_path: Path, text: str, key: str, hint: str) -> None:
    """Lists, tables and optional tables: the nearest key of that very place is offered."""
    error = refused_text(tmp_path, text)
    assert (error.key, error.hint) == (key, hint)


def test_a_word_of_another_list_is_told_the_list(tmp_path: Path) -> None:
    """The person reads what may stand there, at any depth."""
    for text in ("colour = 'gren'", "colours = ['red', 'gren']"):
        error = refused_text(tmp_path, text)
        assert str(error).endswith(f"{error.key}: 'gren' is not known; known are: green, red")


def test_a_wrong_type_shows_the_value(tmp_path: Path) -> None:
    """What was expected, and what stands there, cut when long."""
    assert "expected `int`, got `str`, not 'often'" in str(refused_text(tmp_path, "[[meter]]\npoll_s = 'often'"))
    assert "..." in str(refused_text(tmp_path, f"[[meter]]\npoll_s = '{'x' * 500}'"))
    assert refused_text(tmp_path, "[[meter]]").key == "meter[0].poll_s"


def test_a_word_that_may_be_two_things_is_told_the_list(tmp_path: Path) -> None:
    """Bad input: a list that may be left out or a table of names tells the wrong word and what may stand there."""
    path = tmp_path / "x.toml"
    for text in ("maybe = ['gren']", "[by_name]\nwall = 'gren'"):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            document.load(path, Wide)
        assert str(caught.value).endswith("'gren' is not known; known are: green, red")
