"""`export`, `verify` and `device-key` as a person uses them, beside a store that somebody has open."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.clock import SystemClock
from gateway.documents.key import NAME, load, load_or_make
from gateway.prepayment.civil import local_date
from gateway.prepayment.events import Detail, Moment, TimeTrust
from gateway.store import look
from gateway.store.store import Store
from tests.config.drafts import GOOD, write
from tests.counter import Counter
from tests.prepayment.worlds import NANO


async def silent(_what: str, _detail: Detail) -> None:
    """Puts nothing on record."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good gateway.toml whose data folder is beside it."""
    return write(tmp_path, GOOD)


def data_of(file: Path) -> Path:
    """The data folder, made if it is not there."""
    from gateway.installation import load as installed

    folder = installed(file).configuration.store.parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def days() -> tuple[str, str]:
    """From yesterday to before tomorrow, on this machine's clock."""
    today = local_date(SystemClock().now().utc_ms, "Europe/Zurich")
    return (today - timedelta(days=1)).isoformat(), (today + timedelta(days=1)).isoformat()


def test_export_and_verify_beside_a_running_daemon(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S0-17, S2-12: the store is held by somebody else, and the document has its last commit; then it is checked."""
    folder = data_of(file)
    counter = Counter(folder / "store.db")
    counter.clock.utc_ms = SystemClock().now().utc_ms

    async def held() -> int:
        await load_or_make(folder, silent)
        await counter.start("CH-1")
        await counter.teller.execute(counter.top_up(5 * NANO))
        first, last = days()
        command = ["export", "topups", "--account", "CH-1", "--from", first, "--to", last]
        code = await asyncio.to_thread(main, [*command, "--config", str(file), "-o", str(tmp_path / "register.json")])
        await counter.teller.execute(counter.top_up(NANO))
        await counter.stop()
        return code

    assert asyncio.run(held()) == 0
    document = json.loads((tmp_path / "register.json").read_text())["document"]
    assert [row["amount"] for row in document["rows"]] == ["5.00"]
    assert main(["device-key", "--config", str(file)]) == 0
    public = capsys.readouterr().out.splitlines()[-1].split()[0]
    assert main(["verify", str(tmp_path / "register.json"), "--key", public]) == 0
    assert "GENUINE" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "register.json")]) == 3
    assert "UNPROVEN" in capsys.readouterr().out
    data = bytearray((tmp_path / "register.json").read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / "register.json").write_bytes(data)
    assert main(["verify", str(tmp_path / "register.json"), "--key", public]) == 1
    assert "NOT GENUINE" in capsys.readouterr().err


def test_what_cannot_be_exported_says_why(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad input: no key yet, no store yet, no such account, no such day; nothing is written."""
    folder = data_of(file)
    first, last = days()
    command = ["export", "topups", "--account", "CH-1", "--from", first, "--to", last, "--config", str(file)]
    assert main(command) == 1
    assert "there is no device key yet" in capsys.readouterr().err
    asyncio.run(load_or_make(folder, silent))
    assert main(command) == 1
    assert "there is no store yet" in capsys.readouterr().err
    counter = Counter(folder / "store.db")

    async def made() -> None:
        await counter.start("CH-1")
        await counter.stop()

    asyncio.run(made())
    assert main([*command[:3], "CH-9", *command[4:]]) == 1
    assert "unknown_account" in capsys.readouterr().err
    assert main([*command[:5], "2026-13-01", *command[6:]]) == 78
    assert "is not a date" in capsys.readouterr().err


def test_verify_wants_a_key_and_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad input: a key that is none, a file that is not there, a file without a seal."""
    paper = tmp_path / "a.csv"
    paper.write_text("1,2\n")
    assert main(["verify", str(paper), "--key", "abc"]) == 78
    assert main(["verify", str(tmp_path / "b.csv")]) == 78
    assert main(["verify", str(paper)]) == 1
    assert "no seal" in capsys.readouterr().err


def test_a_look_waits_out_a_checkpoint_and_never_shows_half_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat 7: the file changes while it is copied once; what is shown is whole, and as of the last commit."""
    counter = Counter(tmp_path / "store.db")
    real = look._copied
    tries: list[bool] = []

    def disturbed(path: Path, copy: Path) -> bool:
        if not tries:
            tries.append(real(path, copy) and False)
            return False
        tries.append(real(path, copy))
        return tries[-1]

    monkeypatch.setattr(look, "_copied", disturbed)

    async def story() -> None:
        await counter.start("CH-1")
        await counter.teller.execute(counter.top_up(NANO))
        head = counter.store.head
        async with look.opened(tmp_path / "store.db") as seen:
            assert seen.head == head
        await counter.stop()

    asyncio.run(story())
    assert len(tries) == 2


def test_the_key_is_no_part_of_a_copy(tmp_path: Path) -> None:
    """S2-12: what is backed up or copied for a look holds no private key."""

    async def story() -> None:
        store = await Store.open(tmp_path / "store.db")
        await store.open_epoch(Moment(1, TimeTrust.UNKNOWN, 1))
        await load_or_make(tmp_path, silent)
        assert await store.back_up(tmp_path / "copy.db") == ""
        await store.close()

    asyncio.run(story())
    key = load(tmp_path)
    assert key is not None
    secret = key.private.private_bytes_raw()
    for path in tmp_path.iterdir():
        assert path.name == NAME or secret not in path.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\x00\xec\xff", "the file is no text"),
        (b"{}", "the file holds no device_key"),
        (b"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n", "the file holds a private key"),
    ],
)
def test_a_file_that_is_no_public_key_is_told_in_words(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S2-12: what is wrong with the file given as --key, and not what Python calls it."""
    paper, key = tmp_path / "a.csv", tmp_path / "key"
    paper.write_text("1,2\n")
    key.write_bytes(content)
    assert main(["verify", str(paper), "--key", str(key)]) == 78
    assert capsys.readouterr().err.startswith(f"prepaid-gateway: --key: is not a public key: {said}; 43 characters")


@pytest.mark.parametrize("key", ["", "pinned.txt", "A" * 42, "A" * 44, "é" * 9])
def test_a_key_with_a_typo_is_no_key(key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """S2-12: also an empty one, as of a variable that is not set: it passed for no key asked for."""
    paper = tmp_path / "a.csv"
    paper.write_text("1,2\n")
    assert main(["verify", str(paper), "--key", key]) == 78
    said = f"{len(key)} characters, and there is no such file"
    assert f"--key: is not a public key: {said}; 43 characters" in capsys.readouterr().err


def test_what_is_wrong_beside_a_document_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """S2-12: the seal's own file, when it is that one which cannot be read or was given instead of the document."""
    paper, seal = tmp_path / "a.csv", tmp_path / "a.csv.jws"
    paper.write_text("1,2\n")
    seal.mkdir()
    assert main(["verify", str(paper)]) == 78
    assert capsys.readouterr().err == f"prepaid-gateway: {seal}: cannot be read: Is a directory\n"
    seal.rmdir()
    seal.write_text("a.b.c\n")
    assert main(["verify", str(seal)]) == 78
    assert f"{seal}: is the seal of a document; give the document: {paper}" in capsys.readouterr().err


def test_an_export_without_account_or_date_says_which_option(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad input: only evidence is about the whole gateway; a date shows what one looks like."""
    first, last = days()
    command = ["export", "topups", "--config", str(file)]
    assert main([*command, "--from", first, "--to", last]) == 78
    assert "--account: is missing; only evidence can be about the whole gateway" in capsys.readouterr().err
    assert main([*command, "--account", "CH-1", "--from", "2026-13-01"]) == 78
    assert "--from: '2026-13-01' is not a date; such as 2026-10-01" in capsys.readouterr().err
    assert main([*command, "--account", "CH-1", "--from", first, "--to", "today"]) == 78
    assert "--to: 'today' is not a date; such as 2026-10-01" in capsys.readouterr().err


def test_a_damaged_store_is_named_and_not_its_copy(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """S0-17: the file to keep for examination is the store; the copy that was looked at is gone by then."""
    folder = data_of(file)
    asyncio.run(load_or_make(folder, silent))
    (folder / "store.db").write_bytes(b"junk" * 5000)
    first, last = days()
    assert main(["export", "topups", "--account", "CH-1", "--from", first, "--to", last, "--config", str(file)]) == 65
    said = capsys.readouterr().err
    assert said.startswith(f"prepaid-gateway: {folder / 'store.db'}: the file is damaged")
    assert "look-" not in said


def test_an_empty_store_is_not_a_store_without_accounts(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """S0-17: nobody is told that an account is unknown because the file that knew it has been lost."""
    folder = data_of(file)
    asyncio.run(load_or_make(folder, silent))
    (folder / "store.db").touch()
    first, last = days()
    assert main(["export", "topups", "--account", "CH-1", "--from", first, "--to", last, "--config", str(file)]) == 1
    assert f"{folder / 'store.db'}: the file is empty" in capsys.readouterr().err
