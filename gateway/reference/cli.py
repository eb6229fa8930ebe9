"""`prepaid-gateway headend ...`: the reference head-end on the command line.

Exit codes: 0 the command was applied (or was applied before), 1 it was refused or a check failed, 2 wrong usage or
configuration, 3 no answer in time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from gateway.arguments import joined
from gateway.commands import Body, Command, Role
from gateway.commands.creditcode import Place
from gateway.commands.keys import parse_keys
from gateway.commands.kinds import KINDS
from gateway.config.document import choices
from gateway.console import servicekey
from gateway.console.servicekey import Use
from gateway.errors import ConfigError, GatewayError
from gateway.headend.link import SESSION_S, Broker
from gateway.headend.payloads import Live, VerdictMessage
from gateway.prepayment.money import parse_money, wire_money
from gateway.reference import admission
from gateway.reference.book import Book
from gateway.reference.branches import report
from gateway.reference.chain import Checked, verify_lines
from gateway.reference.codes import issue, never_made
from gateway.reference.headend import SETTLED, HeadEnd, NoAnswer
from gateway.reference.options import parser
from gateway.reference.parcels import Parcels
from gateway.reference.resync import resync
from gateway.reference.sign import load_private, new_id, new_signer, save_private

APPLIED, REFUSED, USAGE, NO_ANSWER = 0, 1, 2, 3
_INSTANT = "an instant is a day, an hour and its zone: 2026-12-01T08:00:00+01:00"
_DAY = "a day is year, month and day: 2026-12-01"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the head-end; the exit code."""
    options = parser().parse_args(joined(sys.argv[1:] if argv is None else argv, "--challenge"))
    try:
        alone = _ALONE.get(options.what)
        return asyncio.run(_online(options)) if alone is None else alone(options)
    except NoAnswer as silence:
        print(f"no answer: {silence}", file=sys.stderr)
        return NO_ANSWER
    except GatewayError as error:
        print(error, file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # `watch | head`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return APPLIED
    except OSError as error:  # a file named on the command line
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return APPLIED


def parse_body(command: Command, items: Sequence[str]) -> Body:
    """A body from `name=value` pairs (a list or table as JSON), a JSON object, or `name=@file`. Raises ConfigError."""
    merged: dict[str, Any] = {}
    try:
        for item in items:
            if item.lstrip().startswith("{"):
                merged.update(msgspec.json.decode(item, type=dict[str, Any]))
                continue
            name, equals, value = item.partition("=")
            if not equals:
                raise ConfigError(f"{item!r} is neither name=value nor a JSON object", hint=_fields(command))
            merged[name] = _value(value)
        body: Body = msgspec.convert(merged, KINDS[command].body, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        dated = (_DAY if "encoded date " in str(error) else _INSTANT) if "RFC3339" in str(error) else ""
        hint = choices(str(error), KINDS[command].body) or dated or _fields(command)
        raise ConfigError(f"{command}: {error}", hint=hint) from error
    return body


def _value(text: str) -> object:
    """What is meant: a file's content, a list or table, or the text itself."""
    if text.startswith("@"):
        return _document(Path(text[1:]))
    if text.startswith(("[", "{")):
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(text)
    return text


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        found: dict[str, Any] = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}", file=str(path), hint="a TOML or JSON file") from error
    return found


def _fields(command: Command) -> str:
    return f"{command} takes {', '.join(KINDS[command].body.__struct_fields__)}"


def _keys(options: argparse.Namespace) -> int:
    text = ""
    if options.public and options.public.exists():
        try:
            text = options.public.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            hint = "name a key file, or one that is not there yet"
            raise ConfigError("is not UTF-8", file=str(options.public), hint=hint) from error
        known = parse_keys(text, str(options.public))
        if options.kid in known:
            hint = "each key needs its own --kid; a used one is never given to another key"
            raise ConfigError("is there already", file=str(options.public), key=f"kid {options.kid!r}", hint=hint)
    elif options.public:
        options.public.parent.stat()  # or nobody would get the public half of the key that is made now
    signer = new_signer(options.kid, options.issuer)
    table = signer.public_table(frozenset(Role(role) for role in options.roles or tuple(Role)))
    parse_keys(f"{text}\n{table}", str(options.public or "the new key"))  # else the gateway would refuse the file
    save_private(signer, options.private)
    if options.public:
        with options.public.open("a", encoding="utf-8") as file:
            file.write(table + "\n")
        print(f"private key: {options.private} (keep it)\npublic key: appended to {options.public}")
    else:
        print(table, end="")
    return APPLIED


def _verify(options: argparse.Namespace) -> int:
    try:
        with options.file.open("rb") as lines:
            chain, wrong = verify_lines(lines)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(options.file)) from error
    if wrong:
        print(f"{options.file}: {wrong}", file=sys.stderr)
        return REFUSED
    if not chain.seq:
        print(f"{options.file}: holds no row", file=sys.stderr)
        return REFUSED
    if options.book:
        with options.file.open("rb") as lines:
            strange = never_made(_kept(options.book), (msgspec.json.decode(line) for line in lines if line.strip()))
        print("\n".join(strange), file=sys.stderr, end="\n" * bool(strange))
        if strange:
            return REFUSED
    print(f"{options.file}: whole up to row {chain.seq}, epoch {chain.epoch}, head {chain.head}")
    return APPLIED


def _branches(options: argparse.Namespace) -> int:
    """Print the branches; 1 when there is more than one."""
    trail = _kept(options.book).read().trail
    print("\n".join(report(trail)))
    return REFUSED if trail.others else APPLIED


def _kept(path: Path) -> Book:
    """A book that must be there."""
    if not path.exists():
        raise ConfigError("there is no such book", file=str(path))
    return Book(path)


def _code(options: argparse.Namespace) -> int:
    """Print a code on its own line; what it is worth, and why it is this one, beside it."""
    key = servicekey.key_for(servicekey.derive(servicekey.read(options.master), options.gateway), Use.CREDIT)
    place = Place(options.gateway, options.account, options.currency)
    made = issue(Book(options.book), place, key, options.amount or "")
    print(f"number {made.sequence}, lifetime total {made.total} {made.currency}: {made.said}", file=sys.stderr)
    print(made.code)
    return APPLIED


def _sign(options: argparse.Namespace) -> int:
    command = Command(options.command)
    headend = _headend(options, follow=False)
    _, token = headend.sign(command, parse_body(command, options.body), challenge=options.challenge)
    print(token.decode())
    return APPLIED


def _headend(options: argparse.Namespace, *, follow: bool) -> HeadEnd:
    acknowledge = follow and not options.no_ack
    password = options.password_file.read_text(encoding="utf-8").strip() if options.password_file else ""
    broker = Broker(
        options.host,
        options.port,
        f"headend-{options.issuer}" if acknowledge else f"headend-{new_id()}",
        options.tls or bool(options.ca),
        options.ca,
        options.cert,
        options.key,
        options.username,
        password,
        session_s=SESSION_S if acknowledge else 0,
    )
    signer = load_private(options.private, options.kid, options.issuer)
    book = Book(options.book or options.private.with_name(f"{options.gateway}-book.json"))
    on_row, on_live = (_print_row, _print_live) if follow else (_nothing, _nothing)
    return HeadEnd(
        broker,
        options.gateway,
        signer,
        book,
        follow=follow,
        acknowledge=acknowledge,
        on_row=on_row,
        on_live=on_live,
        on_trouble=_once(),
    )


async def _online(options: argparse.Namespace) -> int:
    save = options.save if options.what == "watch" else None
    parcels = Parcels(save, _say) if save is not None else None
    async with _headend(options, follow=options.what == "watch") as headend:
        match options.what:
            case "watch":
                if parcels is not None:
                    headend.on_document = parcels.take
                await _watch(headend, options.seconds)
                return REFUSED if headend.trouble else APPLIED
            case "topup":
                verdict = await _topup(headend, options)
            case "resync":
                return await _resync(headend, options)
            case "ack":
                await headend.connected(options.timeout)
                await headend.acknowledge(options.epoch, options.seq, options.head)
                print("sent; the gateway answers an acknowledgement only when it refuses it")
                return APPLIED
            case _:
                command = Command(options.command)
                body = parse_body(command, options.body)
                verdict = await headend.command(command, body, timeout_s=options.timeout)
    return _told(verdict)


async def _topup(headend: HeadEnd, options: argparse.Namespace) -> VerdictMessage:
    """Sell once: while a sale has no answer, the same command is that sale again and not another one."""
    waiting = headend.unanswered_nano(options.account)
    try:
        if waiting is not None:
            print(f"the sale of {wire_money(waiting)} that got no answer is sent again", file=sys.stderr)
            verdict = await headend.settle(options.account, timeout_s=options.timeout)
            if verdict is not None and waiting == parse_money(options.amount):
                print("nothing more was sold; to sell the same again, give the command once more", file=sys.stderr)
                return verdict
            print(f"it was {verdict.status if verdict else 'settled by another command'}", file=sys.stderr)
        return await headend.topup(options.account, options.amount, options.currency, timeout_s=options.timeout)
    except NoAnswer as silence:
        kept_nano = headend.unanswered_nano(options.account)
        if kept_nano is None:
            raise
        kept = f"the sale of {wire_money(kept_nano)} is kept in the book: sell it again, it is sent again and sold once"
        if kept_nano != parse_money(options.amount):
            kept += f"\n{options.amount} was not sold: ask for it again once the first has its answer"
        raise NoAnswer(f"{silence}\n{kept}") from silence


async def _resync(headend: HeadEnd, options: argparse.Namespace) -> int:
    verdicts = await resync(headend, headend.book.read(), options.accounts, timeout_s=options.timeout)
    return max((_told(verdict) for verdict in verdicts), default=APPLIED)


async def _watch(headend: HeadEnd, seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await headend.ended()


def _told(verdict: VerdictMessage) -> int:
    print(msgspec.json.encode(verdict).decode())
    return APPLIED if verdict.status in SETTLED else REFUSED


def _once() -> Callable[[str], None]:
    """Print what is wrong, not again while it is the same."""
    last = ""

    def say(why: str) -> None:
        nonlocal last
        if why != last:
            print(why, file=sys.stderr, flush=True)
        last = why

    return say


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _print_row(row: Checked) -> None:
    print(msgspec.json.encode(row.body, order="sorted").decode(), flush=True)


def _print_live(live: Live) -> None:
    print(msgspec.json.encode(live).decode(), file=sys.stderr, flush=True)


def _nothing(_: object) -> None:
    pass


_ALONE: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "keys": _keys,
    "verify": _verify,
    "sign": _sign,
    "branches": _branches,
    "code": _code,
    "service-key": admission.service_key,
    "otp": admission.one_time_code,
}
"""What needs no broker."""
