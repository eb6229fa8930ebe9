"""The reference head-end as an operator uses it: keys, book, chain, command line."""

import asyncio
import json
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.commands import Command, Role
from gateway.commands.agreement import PowerSetBody
from gateway.commands.keys import parse_keys
from gateway.commands.protection import HoldSetBody
from gateway.errors import ConfigError
from gateway.prepayment.events import HoldKind, Moment, TimeTrust
from gateway.prepayment.ledger import Happening
from gateway.prepayment.supply import SupplyState
from gateway.reference.book import Book, Total
from gateway.reference.chain import Chain, Taken
from gateway.reference.cli import main, parse_body
from gateway.reference.sign import load_private, new_signer, save_private
from gateway.store.journal import Row
from tests.brokers import Mosquitto
from tests.headend.world import GATEWAY, World
from tests.reference.rows import chained

AT = Moment(1_700_000_000_000, TimeTrust.AUTHENTICATED, 5)


@pytest.fixture
def rows() -> list[Row]:
    """Five rows of a journal."""
    return chained([Happening(AT, "", f"what.{number}") for number in range(5)])


def test_a_key_pair_is_made_once_and_private(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`headend keys` writes a file of mode 0600, prints what the gateway pins, and never overwrites."""
    file = tmp_path / "private.pem"
    assert main(["keys", str(file), "--kid", "k7", "--issuer", "me", "--roles", "topup", "ack"]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keyring = parse_keys(capsys.readouterr().out)
    assert keyring["k7"].roles == {Role.TOPUP, Role.ACK}
    assert load_private(file, "k7", "me").private.public_key() == keyring["k7"].public
    assert main(["keys", str(file)]) == 2
    assert "not overwritten" in capsys.readouterr().err


def test_a_name_of_a_key_is_given_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`headend keys` makes no second key of one name: the gateway would refuse the whole file."""
    public = tmp_path / "headend-keys.toml"
    assert main(["keys", str(tmp_path / "1.pem"), "--public", str(public), "--kid", "k1"]) == 0
    assert main(["keys", str(tmp_path / "2.pem"), "--public", str(public), "--kid", "k1"]) == 2
    assert "kid 'k1': is there already" in capsys.readouterr().err
    assert not (tmp_path / "2.pem").exists()
    assert main(["keys", str(tmp_path / "2.pem"), "--public", str(public), "--kid", "k2"]) == 0
    assert set(parse_keys(public.read_text())) == {"k1", "k2"}


def test_a_private_key_others_may_read_is_refused(tmp_path: Path) -> None:
    """A key file with loose permissions, or that is no key, is explained."""
    file = tmp_path / "private.pem"
    save_private(new_signer("k", "i"), file)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read"):
        load_private(file, "k", "i")
    file.chmod(0o600)
    file.write_text("nonsense")
    with pytest.raises(ConfigError, match="is not a private key"):
        load_private(file, "k", "i")
    with pytest.raises(ConfigError, match="there is no such key"):
        load_private(tmp_path / "absent.pem", "k", "i")


def test_the_book_counts_once_however_many_write(tmp_path: Path) -> None:
    """Two processes at once never get the same sequence, and a failed change leaves the book as it was."""
    book = Book(tmp_path / "book.json")
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(book.next_sequence(0) for _ in range(10))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 41))
    with pytest.raises(ZeroDivisionError), book.change() as content:
        content.topups["CH-1"] = Total(1, 1 // 0)
    assert book.read().topups == {}


def test_a_broken_book_is_explained(tmp_path: Path) -> None:
    """A book that cannot be read is never taken for an empty one: totals would begin again."""
    file = tmp_path / "book.json"
    file.write_text("{")
    with pytest.raises(ConfigError, match="is not a head-end's book"):
        Book(file).read()


def test_the_chain_follows_and_waits_for_gaps(rows: list[Row]) -> None:
    """Rows out of order wait, duplicates are known, a changed row breaks the chain (I7)."""
    chain = Chain()
    assert chain.take(rows[0].body)[0] is Taken.NEXT
    assert chain.take(rows[0].body)[0] is Taken.KNOWN
    assert chain.take(rows[3].body)[0] is Taken.EARLY
    assert chain.gap == (2, 3)
    assert chain.take(rows[1].body)[0] is Taken.NEXT
    taken, followed = chain.take(rows[2].body)
    assert (taken, [row.seq for row in followed]) == (Taken.NEXT, [3, 4])
    assert chain.head == rows[3].hash
    assert chain.take(rows[4].body.replace(rows[3].hash.encode(), b"0" * 64))[0] is Taken.BROKEN
    with pytest.raises(ValueError, match="no journal row"):
        chain.take(b"[]")


def test_verify_names_the_first_wrong_line(rows: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`headend verify` accepts a whole journal and names what is missing, changed, repeated or no row at all."""
    bodies = [row.body for row in rows]
    cases: list[tuple[list[bytes], str]] = [
        (bodies, ""),
        (bodies[2:], ""),
        ([bodies[0], bodies[2]], "rows 2 to 2 are missing"),
        ([bodies[0], bodies[0]], "comes again"),
        ([bodies[0], bodies[1].replace(b"what.1", b"what.9"), bodies[2]], "line 3: row 3 does not follow"),
        ([b"nonsense"], "line 1 is no journal row"),
        ([], "holds no row"),
    ]
    for number, (lines, wrong) in enumerate(cases):
        file = tmp_path / f"{number}.jsonl"
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        assert main(["verify", str(file)]) == (1 if wrong else 0)
        said = capsys.readouterr()
        assert wrong in said.err
    assert main(["verify", str(tmp_path / "absent")]) == 2


def test_bodies_are_written_by_hand(tmp_path: Path) -> None:
    """name=value, JSON, and files all make the same body; a mistake lists what the command takes."""
    body = PowerSetBody("CH-1", 4500)
    assert parse_body(Command.POWER_SET, ["account_id=CH-1", "contract_power_w=4500"]) == body
    assert parse_body(Command.POWER_SET, ['{"account_id":"CH-1","contract_power_w":4500}']) == body
    for wrong in (["account_id"], ["account_id=CH-1", "volts=3"], ["{"], ["account_id=CH-1", "contract_power_w=x"]):
        with pytest.raises(ConfigError, match="contract_power_w"):
            parse_body(Command.POWER_SET, wrong)
    kinds = ["account_id=CH-1", "hold_id=h", "kind=moratorium"]
    assert parse_body(Command.HOLD_SET, [*kinds, 'rungs=["SUSPENDED"]', "reason=[law"]) == HoldSetBody(
        "CH-1", "h", HoldKind.MORATORIUM, rungs=(SupplyState.SUSPENDED,), reason="[law"
    )
    with pytest.raises(ConfigError, match=r"its zone: 2026-12-01T08:00:00\+01:00"):
        parse_body(Command.HOLD_SET, [*kinds, "until=2026-12-01"])
    with pytest.raises(ConfigError, match="known are: complaint, dispute"):
        parse_body(Command.HOLD_SET, [*kinds, "kind=whim"])
    with pytest.raises(ConfigError, match="cannot be read"):
        parse_body(Command.TARIFF_SET, ["account_id=CH-1", f"tariff=@{tmp_path / 'absent.toml'}"])


@pytest.fixture
def operator(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """The command line of an operator whose key a running gateway knows; the gateway runs in a thread."""
    world = World(tmp_path, mosquitto.port)
    private = tmp_path / "private.pem"
    save_private(world.signer, private)
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with world.gateway():
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)

    def run(*arguments: str, gateway: str = GATEWAY) -> int:
        names = ["--private", str(private), "--kid", "k1", "--issuer", "utility", "--gateway", gateway]
        return main([*arguments, *names, "--port", str(mosquitto.port), "--timeout", "3"])

    yield run
    stop.set()
    thread.join()


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    """What the command printed, without what the gateway in this process logs at the same time."""
    return "".join(line for line in capsys.readouterr().out.splitlines(keepends=True) if line.startswith("{"))


def test_an_operator_sells_sends_and_watches(
    operator: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit codes: 0 applied, 1 refused, 3 no answer; `watch` prints a journal that `verify` accepts."""
    assert operator("topup", "CH-1", "20.00") == 0
    assert json.loads(_said(capsys))["balance"] == "40.00"
    assert operator("send", "power_set", "account_id=CH-1", "contract_power_w=4500") == 0
    assert operator("send", "read_now", "account_id=CH-9") == 1
    capsys.readouterr()
    assert operator("watch", "--seconds", "1") == 0
    journal = tmp_path / "journal.jsonl"
    journal.write_text(_said(capsys))
    assert main(["verify", str(journal)]) == 0
    assert "whole up to row" in capsys.readouterr().out
    assert operator("sign", "read_now", "account_id=CH-1") == 0
    assert capsys.readouterr().out.count(".") == 2
    assert operator("ack", "--epoch", "0" * 16, "--seq", "1", "--head", "0" * 64) == 0


def test_a_gateway_that_is_not_there_gives_no_answer(operator: Callable[..., int]) -> None:
    """A command to another gateway's topics ends with 3, within the time allowed."""
    assert operator("send", "hold_set", "account_id=CH-1", "hold_id=h", "kind=dispute", gateway="gw-9") == 3


def test_a_sale_without_an_answer_is_sold_once(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same `topup` again after silence is the same sale; the one after that is a new one (decision 4)."""
    world = World(tmp_path, mosquitto.port)
    private = tmp_path / "private.pem"
    save_private(world.signer, private)

    def sell(amount: str, timeout_s: str) -> int:
        names = ["--private", str(private), "--kid", "k1", "--issuer", "utility", "--gateway", GATEWAY]
        return main(["topup", "CH-1", amount, *names, "--port", str(mosquitto.port), "--timeout", timeout_s])

    async def serve(*amounts: str) -> list[tuple[int, str]]:
        async with world.gateway():
            return [(await asyncio.to_thread(sell, amount, "5"), capsys.readouterr().out) for amount in amounts]

    assert [sell("5.00", "0.3"), sell("5.00", "0.3")] == [3, 3]
    said = capsys.readouterr().err
    assert "the sale of 5.00 is kept in the book: sell it again, it is sent again and sold once" in said
    assert "was not sold" not in said
    assert sell("7.00", "0.3") == 3
    assert "the sale of 5.00 is kept" in (said := capsys.readouterr().err)
    assert "7.00 was not sold: ask for it again once the first has its answer" in said
    answers = asyncio.run(serve("5.00", "5.00"))
    assert [(code, json.loads(said.splitlines()[-1])["balance"]) for code, said in answers] == [
        (0, "25.00"),
        (0, "30.00"),
    ]


@pytest.mark.parametrize("amount", ["20,00", "abc", "-5", "0"])
def test_an_amount_nobody_can_sell_is_refused_before_anything_is_sent(
    amount: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong usage, in words, without a key and without a broker."""
    with pytest.raises(SystemExit) as ended:
        main(["topup", "CH-1", amount, "--gateway", "g", "--private", "absent"])
    assert ended.value.code == 2
    assert "is not an amount above zero, such as 20.00" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(operator: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """A missing password file is wrong usage and not a traceback."""
    assert operator("watch", "--seconds", "1", "--password-file", "absent") == 2
    assert capsys.readouterr().err == "absent: No such file or directory\n"


ONLINE = ("--kid", "k1", "--issuer", "me", "--host", "127.0.0.1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gateway", "gw/1#", "--port", "1"), "argument --gateway: 'gw/1#' is no gateway's id"),
        (("--gateway", "", "--port", "1"), "argument --gateway: '' is no gateway's id"),
        (("--gateway", "gw-1", "--port", "99999"), "argument --port: '99999' is no port: 1 to 65535"),
        (("--gateway", "gw-1", "--port", "mqtt"), "argument --port: 'mqtt' is no port: 1 to 65535"),
        (("--gateway", "gw-1", "--timeout", "-1"), "argument --timeout: '-1' is no time: seconds above 0"),
        (("--gateway", "gw-1", "--timeout", "nan"), "argument --timeout: 'nan' is no time: seconds above 0"),
    ],
)
def test_what_can_never_connect_is_refused_at_once(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typo in the id or the port is told as such, before anything is signed or kept in a book."""
    private = tmp_path / "private.pem"
    save_private(new_signer("k1", "me"), private)
    with pytest.raises(SystemExit) as ended:
        main(["topup", "CH-1", "5", "--private", str(private), *ONLINE, *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [private]


def test_a_key_is_not_made_where_its_public_half_has_no_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`headend keys --public`: a file that is no text, or a folder that is not there, leaves no private key behind."""
    junk, private = tmp_path / "junk.toml", tmp_path / "private.pem"
    junk.write_bytes(b"\x00\xec\xff")
    assert main(["keys", str(private), "--public", str(junk), "--kid", "k1"]) == 2
    assert f"{junk}: is not UTF-8" in capsys.readouterr().err
    assert main(["keys", str(private), "--public", str(tmp_path / "nowhere" / "k.toml"), "--kid", "k1"]) == 2
    assert "No such file or directory" in capsys.readouterr().err
    assert not private.exists()


@pytest.mark.parametrize("words", [("--kid", ""), ("--kid", "a b"), ("--issuer", "console"), ("--issuer", "")])
def test_no_key_is_made_that_a_gateway_would_refuse(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`headend keys` judges the names as the gateway does, which would refuse the whole file for one of them."""
    assert main(["keys", str(tmp_path / "private.pem"), "--public", str(tmp_path / "keys.toml"), *words]) == 2
    assert str(tmp_path / "keys.toml") in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_private_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is told to lock up a folder that was meant to be a file."""
    assert main(["topup", "CH-1", "5", "--gateway", "gw-1", "--private", str(tmp_path), *ONLINE]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: is a folder; name the file with the private key\n"


def test_what_cannot_be_read_is_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`headend verify` of a file that is not there says so in words, not as Python does."""
    assert main(["verify", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'x'}: cannot be read: No such file or directory\n"


def test_a_day_is_not_explained_as_an_instant() -> None:
    """A document is asked for by days; the hint shows one."""
    with pytest.raises(ConfigError, match=r"a day is year, month and day: 2026-12-01$"):
        parse_body(Command.DOCUMENT, ["kind=load_curve", "from_day=2026-13-01", "to_day=2026-11-01"])
