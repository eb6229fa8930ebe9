"""Documents to a USB stick: a mounted medium and nothing else, a whole file or none."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.config.settings import ConsoleTable
from gateway.console import stick
from gateway.console.wire import Role
from gateway.documents.verify import verified_file
from gateway.errors import CommandRefused
from tests.console.counterdesk import Station, story

MOUNTED = Path("/dev/shm")
"""A real mount point of every Linux machine, below a folder that is taken for /media here."""


TOPS = ("/dev",)


@pytest.fixture
def medium() -> Iterator[Path]:
    """A mounted medium; what a test leaves on it is taken away."""
    before = set(MOUNTED.iterdir())
    yield MOUNTED
    for path in set(MOUNTED.iterdir()) - before:
        if path.name.startswith(("evidence-", "load-curve-", "stick-")):
            path.unlink()


def refusal(path: str, tops: tuple[str, ...] = TOPS) -> str:
    """Why this is no stick."""
    with pytest.raises(CommandRefused) as refused:
        stick.checked(path, tops)
    return refused.value.reason


def test_only_a_mount_point_below_the_media_folders(medium: Path, tmp_path: Path) -> None:
    """Bad input: a folder, a file, a link to a stick, a way round, another place, nothing: none is written to."""
    assert stick.checked(str(medium), TOPS) > 0
    link = tmp_path / "link"
    link.symlink_to(medium)
    wrong = [
        "",
        "/",
        "dev/shm",
        "/dev",
        "/dev/null",
        "/dev/../dev/shm",
        str(tmp_path),
        "/proc",
    ]
    wrong += [str(link), "/dev/shm\0", "/dev/shm/nothing", "/" + "x" * 5_000]
    assert {refusal(path) for path in wrong} == {"no_stick"}


def test_a_folder_that_lies_on_the_card_is_no_stick(tmp_path: Path) -> None:
    """The gateway's own card must not be filled because a stick is not mounted."""
    (tmp_path / "usb").mkdir()
    assert refusal(str(tmp_path / "usb"), (str(tmp_path),)) == "no_stick"
    with pytest.raises(CommandRefused, match="no_stick"):
        stick.write(str(tmp_path / "usb"), {"a": b"b"}, (str(tmp_path),))


def test_a_full_stick_is_told_before_anything_is_written(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad input: what does not fit is not begun."""
    monkeypatch.setattr(stick, "SPARE_BYTES", 2**60)
    with pytest.raises(CommandRefused, match="stick_full"):
        stick.write(str(medium), {f"stick-{uuid.uuid4()}": b"x"}, TOPS)
    assert not list(medium.glob("stick-*"))


def test_a_link_on_the_stick_is_replaced_and_never_followed(medium: Path, tmp_path: Path) -> None:
    """A stranger's medium: a prepared link does not make the gateway write elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    name = f"stick-{uuid.uuid4()}"
    (medium / name).symlink_to(victim)
    (medium / f"{name}.part").symlink_to(victim)
    stick.write(str(medium), {name: b"whole"}, TOPS)
    assert victim.read_text() == "mine"
    assert not (medium / name).is_symlink()
    assert (medium / name).read_bytes() == b"whole"
    assert not (medium / f"{name}.part").exists()


def test_what_fails_half_way_leaves_no_file_of_that_name(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I24: pulled out while writing: an error with its reason, and nothing that looks whole."""
    name = f"stick-{uuid.uuid4()}"

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("gateway.console.stick.os.fsync", broken)
    with pytest.raises(CommandRefused, match="stick_failed"):
        stick.write(str(medium), {name: b"whole"}, TOPS)
    assert not list(medium.glob(f"{name}*"))


def test_sticks_are_found(medium: Path) -> None:
    """What is offered is what may be written to."""
    assert str(medium) in [one.path for one in stick.found(TOPS).sticks]


def test_evidence_and_load_curve_on_the_stick_are_genuine(medium: Path, tmp_path: Path) -> None:
    """S4-07, S2-12: the files are those the head-end would get, signed, with who took them away on record."""

    async def run() -> None:
        station = Station(tmp_path)
        async with station.open("CH-1"):
            await station.counter.teller.post("CH-1", station.counter.reading(100, after_ms=3_600_000))
            period = {"stick": str(medium), "since": "2026-03-02", "until": "2026-03-02"}
            station.as_role(Role.VIEWER)
            refused = await station.refused("stick.export", kind="evidence", **period)
            assert refused[0] == "not_allowed_here"
            station.as_role(Role.TECHNICIAN)
            for kind in ("evidence", "load_curve"):
                done = await station.done("stick.export", kind=kind, account="CH-1", **period)
                found = verified_file(medium / done["files"][0], station.device.private.public_key())
                assert found.seal.kind == kind
                assert done["bytes"] == sum((medium / name).stat().st_size for name in done["files"])
                detail = (await station.rows("event"))[-1]["detail"]
                assert (detail["who"], detail["kind"], detail["account"]) == ("anna", kind, "CH-1")
            late = await station.refused("stick.export", kind="load_curve", **{**period, "until": "9999-12-31"})
            assert late[0] == "in_the_future"
            wrong = await station.refused("stick.export", kind="evidence", **{**period, "stick": str(tmp_path)})
            assert wrong[0] == "no_stick"

    story(run())


@pytest.mark.parametrize("folder", ["", "/", "media", "/media/", "//media", "/me\ndia", "/" + "x" * 300])
def test_a_folder_for_sticks_is_a_whole_path(folder: str) -> None:
    """Bad input: with `/` in gateway.toml every mounted disk would be a stick."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"sticks": [folder]}, ConsoleTable)
