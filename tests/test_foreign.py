"""The foreign programs are really there, and really can be had on a machine that has none of them."""

import os
import subprocess
from pathlib import Path

import pytest

from tests import foreign
from tests.foreign import ForeignProgramMissing, program


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "option", "says"), [("mosquitto", "-h", "mosquitto version"), ("mbpoll", "-h", "Master Simulator")]
)
def test_the_program_runs(name: str, option: str, says: str) -> None:
    """`program` returns something that runs as it is."""
    answer = subprocess.run([program(name), option], capture_output=True, text=True, check=False, timeout=30)
    assert says in answer.stdout + answer.stderr


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "option", "says"), [("mosquitto", "-h", "mosquitto version"), ("mbpoll", "-V", ".")])
def test_it_comes_out_of_its_package(
    name: str, option: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine without the program, it is unpacked with its libraries and runs, also when the tree moves."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    foreign.unpack(name, tmp_path / "first")
    wrapper = (tmp_path / "first").rename(tmp_path / "moved") / name / "run"
    answer = subprocess.run([wrapper, option], capture_output=True, text=True, check=False, timeout=30)
    assert says in answer.stdout + answer.stderr


@pytest.mark.timeout(600)
def test_empty_package_lists_are_fetched_privately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh machine has no package lists: they are fetched below the cache, the machine's own stay untouched."""
    real = foreign._apt

    def no_machine_lists(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        if arguments[0] == "download":
            return subprocess.CompletedProcess(arguments, 100, "", "E: Unable to locate package")
        return real(arguments, folder)

    monkeypatch.setattr(foreign, "_apt", no_machine_lists)
    assert foreign.unpack("mbpoll", tmp_path).exists()
    assert any((tmp_path / "apt" / "state" / "lists").iterdir())


def test_nowhere_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither installed nor to be downloaded: the test that needs it fails and says what to install."""
    monkeypatch.setattr(foreign, "CACHE", tmp_path)
    monkeypatch.setattr(foreign, "_SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="apt-get install mosquitto"):
        program("mosquitto")


def test_an_archive_out_of_reach_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When apt cannot download, the message carries apt's own words and what to do."""

    def refuses(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(arguments, 100, "", "E: Could not resolve the archive")

    monkeypatch.setattr(foreign, "_apt", refuses)
    with pytest.raises(ForeignProgramMissing, match=r"(?s)apt-get install mbpoll.*Could not resolve"):
        foreign.unpack("mbpoll", tmp_path)
    assert not os.path.lexists(tmp_path / "mbpoll" / "run")
