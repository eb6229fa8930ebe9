"""The options of `prepaid-gateway headend`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from gateway.commands import Command, Role
from gateway.prepayment.money import parse_money
from gateway.reference import admission

EXAMPLES = """examples:
  headend keys private.pem --public config/headend-keys.toml
  headend watch --gateway gw-1 --private private.pem > journal.jsonl
  headend watch --gateway gw-1 --private private.pem --no-ack --save documents/
  headend topup CH-0001 20.00 CHF --gateway gw-1 --private private.pem
  headend code CH-0001 20.00 CHF --gateway gw-1 --master master.key --book gw-1-book.json
  headend send power_set account_id=CH-0001 contract_power_w=4500 --gateway gw-1 --private private.pem
  headend send tariff_set account_id=CH-0001 tariff=@tariff.toml --gateway gw-1 --private private.pem
  headend verify journal.jsonl
  headend branches gw-1-book.json
  headend resync --gateway gw-1 --private private.pem
  headend service-key --master master.key --gateway gw-1 --out gw-1.key
  headend otp --master master.key --gateway gw-1 --name rossi --role technician 1234 5678 9092

Give every command the --kid and --issuer of the key, and --host, --ca ... of the broker.
A top-up that got no answer is kept in the book: the same command sends it again and sells nothing more.

exit codes: 0 applied, 1 refused, 2 wrong usage, 3 no answer in time
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(
        prog="prepaid-gateway headend",
        description="A small head-end for operators and tests.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="what", required=True, metavar="COMMAND")
    keys = commands.add_parser("keys", help="make a key pair: private file of mode 0600, public TOML table")
    keys.add_argument("private", type=Path, help="where the private key goes; never overwritten")
    keys.add_argument("--public", type=Path, help="append the table to this file instead of printing it")
    keys.add_argument("--roles", nargs="+", choices=[role.value for role in Role], help="default: all")
    _names(keys)
    sign = commands.add_parser("sign", help="print a signed command without sending it")
    _command(sign)
    sign.add_argument("--challenge", help="from the gateway's status, for commands that can hurt")
    send = commands.add_parser("send", help="sign a command, send it, wait for the verdict")
    _command(send)
    topup = commands.add_parser("topup", help="sell credit; sequence and lifetime total are kept in the book")
    topup.add_argument("account", help="the account's id, such as CH-0001")
    topup.add_argument("amount", type=_amount, help="a decimal above zero such as 20.00")
    topup.add_argument("currency", nargs="?", default="CHF", help="default: CHF")
    code = commands.add_parser("code", help="sell credit as 40 digits to be read out; booked as sold at once")
    code.add_argument("account", help="the account's id, such as CH-0001")
    code.add_argument("amount", nargs="?", type=_amount, help="default: the last code, or sale, again")
    code.add_argument("currency", nargs="?", default="CHF", help="default: CHF")
    code.add_argument("--gateway", type=admission.gateway_id, required=True, help="the gateway's id")
    code.add_argument("--master", type=Path, required=True, help="the utility's master secret, 64 hex digits")
    code.add_argument("--book", type=Path, required=True, help="the same book as for topup")
    watch = commands.add_parser("watch", help="print rows (stdout) and live values (stderr), check, acknowledge")
    watch.add_argument("--no-ack", action="store_true", help="only look: acknowledge nothing, answer no time ask")
    watch.add_argument("--save", type=Path, metavar="DIR", help="write documents that are published into this folder")
    watch.add_argument("--seconds", type=_seconds, help="stop after this long")
    ack = commands.add_parser("ack", help="acknowledge the journal up to one row by hand")
    ack.add_argument("--epoch", required=True, help="the row's epoch")
    ack.add_argument("--seq", type=int, required=True, help="the row's number")
    ack.add_argument("--head", required=True, help="the row's hash; `verify` prints all three of the last row")
    resync = commands.add_parser("resync", help="end a rollback suspicion: tell the gateway what its books have lost")
    resync.add_argument("accounts", nargs="*", help="default: every account the book has seen")
    branches = commands.add_parser("branches", help="what the book knows of forks: restored images, clones")
    branches.add_argument("book", type=Path, help="the head-end's book, such as gw-1-book.json")
    verify = commands.add_parser("verify", help="check an exported journal, one row on each line")
    verify.add_argument("file", type=Path, help="what `watch` wrote")
    verify.add_argument("--book", type=Path, help="also tell credit codes in it that this book never made")
    admission.add_parsers(commands)
    for one in (sign, send, topup, watch, ack, resync):
        _names(one)
        _connection(one)
    return whole


def _amount(text: str) -> str:
    try:
        if parse_money(text) > 0:
            return text
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not an amount above zero, such as 20.00")


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: 1 to 65535")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: seconds above 0")
    return seconds


def _command(one: argparse.ArgumentParser) -> None:
    names = [command.value for command in Command]
    one.add_argument("command", choices=names, metavar="command", help=f"one of {', '.join(names)}")
    one.add_argument("body", nargs="*", help='name=value, name=["a list"], name=@file.toml, or a JSON object')


def _names(one: argparse.ArgumentParser) -> None:
    one.add_argument("--kid", default="headend-1", help="the key's name in the gateway's key file; default: headend-1")
    one.add_argument("--issuer", default="headend", help="who signs; default: headend")


def _connection(one: argparse.ArgumentParser) -> None:
    one.add_argument("--gateway", type=admission.gateway_id, required=True, help="the gateway's id")
    one.add_argument("--private", type=Path, required=True, help="the private key")
    one.add_argument("--book", type=Path, help="where sequences and totals are kept; default: beside the key")
    one.add_argument("--host", default="127.0.0.1", help="of the broker; default: 127.0.0.1")
    one.add_argument("--port", type=_port, default=1883, help="default: 1883; with TLS it is mostly 8883")
    one.add_argument("--tls", action="store_true", help="with the authorities the system knows")
    one.add_argument("--ca", default="", help="CA file; implies --tls")
    one.add_argument("--cert", default="", help="a client certificate")
    one.add_argument("--key", default="", help="the client certificate's key")
    one.add_argument("--username", default="", help="of the broker account")
    one.add_argument("--password-file", type=Path, help="the password on one line")
    one.add_argument("--timeout", type=_seconds, default=10.0, help="seconds to wait for a verdict; default: 10")
