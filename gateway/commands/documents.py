"""The command that asks for a document: it changes nothing, and what is made of it is published in parts."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta

from gateway.commands.claims import Body, NameOrNone, Said
from gateway.prepayment.export import Channel, DocumentAsked, DocumentKind, Form, Locale, Resolution

AccountOrAll = NameOrNone
"""An account's id; "" is the whole gateway."""


class DocumentBody(Body, frozen=True):
    """Make this document, sign it and publish it on `document/{jti}`.

    Days are civil days of the account's zone; `to_day` is the day after the last one. `channels` empty: all. `form`:
    the usual one of the kind when it is not said. `account_id` "" is the whole gateway, for evidence only.
    """

    kind: DocumentKind
    from_day: date
    to_day: date
    account_id: AccountOrAll = ""
    resolution: Resolution = Resolution.QUARTER
    channels: Annotated[tuple[Channel, ...], Meta(max_length=3)] = ()
    form: Form | None = None
    locale: Locale = Locale.IT_CH
    five_rappen: bool = False


def document(body: DocumentBody, said: Said) -> DocumentAsked:
    """The document to make. No event: it changes no books, and has its own line of waiting."""
    return DocumentAsked(
        said.at,
        said.command_id,
        body.account_id,
        body.kind,
        body.from_day,
        body.to_day,
        body.resolution,
        body.channels,
        body.form,
        body.locale,
        five_rappen=body.five_rappen,
    )
