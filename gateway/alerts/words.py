"""From an occasion and a language to the words that are sent: amounts, dates and spans as people write them there.

Formats are data (`messages/<language>.toml`); tests hold them against Babel. Whatever is written stays within the GSM
alphabet: no narrow spaces, no typographic apostrophes (`gsm7.plain`), or an SMS of 160 characters would only hold 70.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.alerts.gsm7 import plain
from gateway.alerts.occasions import Occasion
from gateway.config.messages import FIELDS, Formats, Messages, MoneyFormat, Text, fields_of, texts_of
from gateway.config.settings import ContactTable
from gateway.prepayment import civil
from gateway.prepayment.account import Account
from gateway.prepayment.money import CENT_NANO, parse_money, round_cent, up_to_cent
from gateway.prepayment.supply import Commodity

_SPANS = (("days", 86_400), ("hours", 3_600), ("minutes", 60))
_PLACES = 1_000  # W in a kW


def money(nano: int, currency: str, formats: Formats) -> str:
    """An amount to the cent: "CHF 12'345.65", "12.345,65 €"."""
    own = formats.currency.get(currency, MoneyFormat())
    cents = abs(round_cent(nano)) // CENT_NANO
    number = _grouped(cents // 100, own.group or formats.group)
    number += f"{own.decimal or formats.decimal}{cents % 100:02d}"
    below = nano < 0 and cents
    pattern = (own.negative or formats.negative) if below else (own.money or formats.money)
    return pattern.format(number=number, currency=currency)


def kilowatts(watts: int, formats: Formats) -> str:
    """As many decimals as it takes: "0,495", "3,3", "4"."""
    whole, part = divmod(watts, _PLACES)
    tail = f"{part:03d}".rstrip("0")
    return f"{whole}{formats.decimal}{tail}" if tail else str(whole)


def day(utc_ms: int, zone: str, currency: str, formats: Formats) -> str:
    """The civil date: "25.10.2026"."""
    own = formats.currency.get(currency, MoneyFormat())
    at = civil.local_time(utc_ms, zone)
    shape = own.date or formats.date
    return shape.replace("yyyy", f"{at.year:04d}").replace("mm", f"{at.month:02d}").replace("dd", f"{at.day:02d}")


def hour(utc_ms: int, zone: str) -> str:
    """The wall clock: "14:05"."""
    return f"{civil.local_time(utc_ms, zone):%H:%M}"


def span(seconds: int, formats: Formats) -> str:
    """A span in the largest unit of which it is at least two: "2 minuti", "10 secondi"."""
    for name, size in _SPANS:
        if seconds >= 2 * size and seconds % size == 0:
            return str(getattr(formats, name)).format(n=seconds // size)
    return formats.seconds.format(n=seconds)


def text_for(occasion: Occasion, account: Account, messages: Messages) -> tuple[str, Text]:
    """The text of this occasion and its name; gas has words of its own where a person must come."""
    name = occasion.message
    if name in ("suspended", "suspended_armed") and account.commodity is Commodity.GAS:
        name = "suspended_gas"
    return name, messages.message[name]


def facts(occasion: Occasion, account: Account, contact: ContactTable, messages: Messages) -> dict[str, str]:
    """Every field that is known of this occasion, in words."""
    formats, currency, zone = messages.formats, account.currency, account.policy.time_zone
    detail, balance = occasion.detail, occasion.balance_nano

    def amount(nano: int) -> str:
        return money(nano, currency, formats)

    found = {
        "util": contact.name,
        "tel": contact.telephone,
        "url": contact.url,
        "pod": account.delivery_point or account.account_id,
        "bal": amount(balance),
        "neg": amount(balance),
        "newbal": amount(balance),
        "min": amount(up_to_cent(_money(detail, "missing") or max(-balance, 0))),
    }
    if (left := _number(detail, "days_left")) is not None:
        found["days"] = str(left)
    if (watts := _number(detail, "limit_w")) is not None:
        found["lim"] = kilowatts(watts, formats)
        found["pct"] = str(_number(detail, "limit_percent") or 0)
    if (unpaid := _money(detail, "unpaid")) is not None:
        found["due"] = amount(unpaid)
    if (seconds := _number(detail, "seconds")) is not None:
        found["warn"] = span(seconds, formats)
    if (opens_ms := _instant(detail, "not_before")) is not None:
        found["susp"] = day(opens_ms, zone, currency, formats)
        found["until"] = f"{found['susp']} {hour(opens_ms, zone)}"
    if occasion.at.trust.dated:
        found["date"] = found["limd"] = day(occasion.at.utc_ms, zone, currency, formats)
        found["hour"] = hour(occasion.at.utc_ms, zone)
    if account.meter_serial:
        found["serial"] = account.meter_serial
    if (credited := _money(detail, "credited")) is not None:
        found |= {"amt": amount(credited), "old": amount(balance - credited), "rcpt": str(detail.get("sequence"))}
        how = str(detail.get("channel", ""))
        found["channel"] = messages.channels.get(how, how or "-")
    return {name: plain(value) for name, value in found.items()}


def sms(text: Text, known: dict[str, str]) -> str:
    """The first text whose fields are all known."""
    return _first(texts_of(text.sms), known)


def email(name: str, text: Text, known: dict[str, str], contact: ContactTable, messages: Messages) -> tuple[str, str]:
    """Subject and body: the text in its frame, and below it the facts that this message has."""
    told = _first(texts_of(text.body), known) if text.body else _sentence(sms(text, known), known)
    labels = messages.email.facts
    certain, maybe = FIELDS[name]
    shown = [field for field in labels if field in known and field in (certain | maybe | {"pod"})]
    lines = [f"{labels[field]}: {known[field]}" for field in shown]
    if contact.opening:
        lines.append(f"{labels['opening']}: {contact.opening}")
    body = messages.email.frame.strip().format(text=told, facts="\n".join(lines), **_own(known))
    subject = text.subject.format(**known)
    return " ".join(subject.split()), body + "\n"


def _sentence(told: str, known: dict[str, str]) -> str:
    """The text of an SMS without the sender in front, which stands below an e-mail."""
    told = told.removeprefix(f"{known['util']}: ")
    return told[:1].upper() + told[1:]


def _own(known: dict[str, str]) -> dict[str, str]:
    return {name: known[name] for name in ("util", "tel", "url")}


def _first(texts: tuple[str, ...], known: dict[str, str]) -> str:
    fit = next((one for one in texts if fields_of(one) <= known.keys()), texts[-1])
    return plain(fit.format(**known))


def _grouped(whole: int, group: str) -> str:
    return f"{whole:,}".replace(",", group)


def _number(detail: Mapping[str, object], name: str) -> int | None:
    value = detail.get(name)
    return value if isinstance(value, int) else None


def _money(detail: Mapping[str, object], name: str) -> int | None:
    value = detail.get(name)
    return parse_money(value) if isinstance(value, str) else None


def _instant(detail: Mapping[str, object], name: str) -> int | None:
    value = detail.get(name)
    return None if not isinstance(value, str) else civil.instant_ms(value)
