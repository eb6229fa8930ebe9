"""`headend service-key` and `headend otp`: what the service centre needs to let somebody in at a console.

Everything follows from one master secret. It stays at the utility; a gateway gets the key that is derived for it.
"""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path

import msgspec

from gateway.commands.claims import Name
from gateway.console import otp, servicekey
from gateway.console.wire import Role
from gateway.errors import CommandRefused, ConfigError

_ROLES = tuple(role.value for role in Role if role is not Role.NOBODY)


def gateway_id(text: str) -> str:
    """What can be a gateway's id, as a type of argparse: it is part of topics, file names and derived keys."""
    try:
        return msgspec.convert(text, Name)
    except msgspec.ValidationError as error:
        told = f"{text!r} is no gateway's id: letters, digits, dot, hyphen and underscore"
        raise argparse.ArgumentTypeError(told) from error


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The options of both."""
    key = commands.add_parser("service-key", help="make a gateway's service key from the master secret")
    key.add_argument("--out", type=Path, required=True, help="the key's file, mode 600; never overwritten")
    key.add_argument("--new", action="store_true", help="make the master secret first; never overwritten")
    code = commands.add_parser("otp", help="answer the challenge that a gateway's console shows")
    code.add_argument("--name", required=True, help="who asks; make sure of it before you answer")
    code.add_argument("--role", choices=_ROLES, required=True, help="what the person may do at that gateway")
    code.add_argument("challenge", nargs="+", help="12 digits, in groups or not")
    for one in (key, code):
        one.add_argument("--master", type=Path, required=True, help="the master secret's file")
        one.add_argument("--gateway", type=gateway_id, required=True, help="the gateway's id")


def service_key(options: argparse.Namespace) -> int:
    """Make the key's file. Raises ConfigError."""
    if options.new:
        _write(options.master, secrets.token_bytes(servicekey.KEY_BYTES))
    _write(options.out, servicekey.derive(servicekey.read(options.master), options.gateway))
    print(f"service key of {options.gateway}: {options.out}; move it to the gateway, mode 600")
    return 0


def one_time_code(options: argparse.Namespace) -> int:
    """Print the code to tell, in groups. Raises ConfigError."""
    key = servicekey.key_for(servicekey.derive(servicekey.read(options.master), options.gateway), servicekey.Use.OTP)
    subject = otp.Subject(options.gateway, options.name, Role(options.role))
    try:
        code = otp.answer(key, subject, " ".join(options.challenge))
    except CommandRefused as error:
        hint = "12 digits; have it read out again"
        raise ConfigError("a digit is missing or mistyped", key="challenge", hint=hint) from error
    print(" ".join(code[at : at + 4] for at in range(0, len(code), 4)))
    return 0


def _write(path: Path, key: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigError("exists already and is not overwritten", file=str(path), hint="another name") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(servicekey.written(key))
