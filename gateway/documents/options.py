"""The command lines of `export`, `verify` and `device-key`; apart, so that asking for a version loads no store."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.prepayment.export import Channel, DocumentKind, Form, Locale, Resolution


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], default: Path) -> None:
    """The command lines of these three."""
    export = commands.add_parser("export", help="a signed document from the store: curve, month, statement, evidence")
    export.add_argument("kind", choices=[kind.value for kind in DocumentKind])
    export.add_argument("--account", default="", help="the account; without one, evidence of the whole gateway")
    export.add_argument("--from", dest="first", required=True, metavar="DATE", help="first day; of a month: 2026-10")
    export.add_argument("--to", dest="last", default="", metavar="DATE", help="the day after the last one")
    export.add_argument("--resolution", choices=[item.value for item in Resolution], default=Resolution.QUARTER.value)
    export.add_argument("--channel", action="append", choices=[item.value for item in Channel], help="default: all")
    export.add_argument("--form", choices=[form.value for form in Form], help="csv_it: for people in Italy")
    export.add_argument("--locale", choices=[item.value for item in Locale], default=Locale.IT_CH.value)
    export.add_argument("--five-rappen", action="store_true", help="round totals to 0.05 (francs paid in cash)")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: its own name, in this folder")
    verify = commands.add_parser("verify", help="whether a document is what a gateway signed; needs no configuration")
    verify.add_argument("file", type=Path)
    verify.add_argument("--key", default=None, metavar="KEY", help="the gateway's public key, or a file with it")
    verify.add_argument("--print", action="store_true", help="print the content, without its seal")
    show = commands.add_parser("device-key", help="the public half of this gateway's own key, to pin at enrolment")
    for command in (export, show):
        command.add_argument("--config", type=Path, default=default, metavar="FILE", help=f"default: {default}")
