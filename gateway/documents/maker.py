"""Makes the documents that are asked for, from a store that is open: the daemon's own, or a copy taken of it."""

from __future__ import annotations

from dataclasses import replace

from gateway.documents import certificates, curve, evidence, html, month, statement, topups
from gateway.documents.key import DeviceKey, Note
from gateway.documents.rows import Period, Placed, journal, quarters
from gateway.documents.seal import Document, Draft, sealed
from gateway.errors import CommandRefused
from gateway.prepayment.account import Account
from gateway.prepayment.civil import instant_ms
from gateway.prepayment.events import Moment
from gateway.prepayment.export import FORMS, DocumentAsked, DocumentKind, Form, granted, zone_of
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.supply import Commodity
from gateway.store import Store


class Maker:
    """One gateway's documents. `note` puts the first delivery of a month on record; without it that is provisional."""

    def __init__(self, store: Store, key: DeviceKey, gateway_id: str, note: Note | None = None) -> None:
        self._store = store
        self._key = key
        self._gateway_id = gateway_id
        self._note = note

    async def make(self, asked: DocumentAsked) -> Document:
        """The document, signed. Raises CommandRefused with the limits of `granted`, or why there is none."""
        account = {known.account_id: known for known in await self._store.accounts()}.get(asked.account_id)
        verdict = granted(asked, account)
        if verdict.status is VerdictStatus.REFUSED:
            raise CommandRefused(verdict.reason, **dict(verdict.detail))
        period = Period(asked.from_day, asked.to_day, zone_of(account))
        if asked.kind is DocumentKind.EVIDENCE:
            return self._seal(await self._evidence(asked, period), asked.at)
        assert account is not None, "granted() refuses a document about no account"
        match asked.kind:
            case DocumentKind.MONTH:
                return await self._month(asked, account, period)
            case DocumentKind.LOAD_CURVE:
                made = curve.draft(
                    await quarters(self._store, account.account_id, period),
                    account_id=account.account_id,
                    period=period,
                    resolution=asked.resolution,
                    channels=asked.channels,
                    form=_form(asked),
                    gas=account.commodity is Commodity.GAS,
                )
            case DocumentKind.STATEMENT:
                found = statement.statement(
                    await self._own(account, period), account, period, five_rappen=asked.five_rappen
                )
                page = _form(asked) is Form.HTML
                made = html.draft(found, asked.locale) if page else statement.draft(found)
            case DocumentKind.CERTIFICATES:
                made = certificates.draft(await self._own(account, period), account, period)
            case _:
                made = topups.draft(await self._own(account, period), account, period, _form(asked))
        return self._seal(made, asked.at)

    async def _own(self, account: Account, period: Period) -> list[Placed]:
        """The account's rows about money and registers, from the first one to the end of the period."""

        def keep(item: Placed) -> bool:
            own = item.body.account_id == account.account_id and item.utc_ms < period.to_utc_ms
            return own and item.body.type in ("entry", "receipt", "certificate")

        return await journal(self._store, keep)

    async def _evidence(self, asked: DocumentAsked, period: Period) -> Draft:
        rows = await journal(self._store, lambda item: period.holds(item.utc_ms), rows_max=evidence.ROWS_MAX)
        curve_ = await quarters(self._store, asked.account_id, period) if asked.account_id else []
        return evidence.draft(rows, curve_, gateway_id=self._gateway_id, account_id=asked.account_id, period=period)

    async def _month(self, asked: DocumentAsked, account: Account, period: Period) -> Document:
        """The month as it left for the first time, or on its way out for the first time."""
        made = month.draft(await quarters(self._store, account.account_id, period), account, period)
        sent = month.first_sent(await self._sent(), made)
        if sent is None and self._note is not None:
            await self._note(month.SENT, month.record(made))
            sent = month.first_sent(await self._sent(), made)
        if sent is None:
            return self._seal(replace(made, facts={**made.facts, "provisional": True}), asked.at)
        at = sent.body.at
        return self._seal(made, Moment(instant_ms(at.utc), at.trust, at.running_ms))

    async def _sent(self) -> list[Placed]:
        return await journal(self._store, lambda item: item.body.what == month.SENT)

    def _seal(self, made: Draft, at: Moment) -> Document:
        return sealed(made, self._key, self._gateway_id, at)


def _form(asked: DocumentAsked) -> Form:
    return asked.form or FORMS[asked.kind][0]
