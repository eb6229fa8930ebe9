"""What is written to the customer: word for word where it is given, within an SMS, in four languages."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts import words
from gateway.alerts.gsm7 import plain
from gateway.alerts.occasions import Occasion
from gateway.alerts.recipients import mask
from gateway.config.messages import FIELDS, Formats, texts_of
from gateway.config.settings import UtilityTable
from gateway.config.telling import contact
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.money import CENT_NANO, NANO
from tests.alerts.samples import CASES, CONTACT, LANGUAGES, account, account_for, occasion, septets, shipped
from tests.prepayment.worlds import at

GIVEN = {
    "low": "{util}: credito in esaurimento. Saldo {bal} (circa {days} giorni), fornitura {pod}. Ricarichi su {url} o agli sportelli. Info {tel}.",  # noqa: E501 - word for word
    "grace": "{util}: credito negativo {neg}. Erogazione assicurata fino al {until}, poi sospensione. Ricarichi almeno {min}: {url}",  # noqa: E501 - word for word
    "limited": "{util}: potenza ridotta al {pct}% ({lim} kW) dal {limd} per credito esaurito. Senza ricarica, sospensione dal {susp}. Info {tel}.",  # noqa: E501 - word for word
    "limited_arrears": "{util}: potenza ridotta al {pct}% ({lim} kW) dal {limd} per morosità. Senza pagamento, sospensione non prima del {susp}. Info {tel}.",  # noqa: E501 - word for word
    "suspended": "{util}: fornitura {pod} sospesa per credito esaurito. Ricarichi almeno {min} su {url}: la riattivazione è immediata. Info {tel}.",  # noqa: E501 - word for word
    "restored": "{util}: fornitura {pod} riattivata alle {hour}. Saldo {newbal}. Se manca corrente, riarmi l'interruttore del contatore. Info {tel}.",  # noqa: E501 - word for word
    "topup": "{util}: ricarica {amt} accreditata alle {hour}. Nuovo saldo {newbal}. Ricevuta {rcpt}, fornitura {pod}. Grazie.",  # noqa: E501 - word for word
    "overload": "{util}: sta superando la potenza disponibile. Riduca i carichi: distacco previsto tra 2 minuti. Fornitura {pod}.",  # noqa: E501 - word for word
    "gas_paid": "{util}: pagamento ricevuto. La riapertura del gas richiede la verifica in loco: chiami {tel} per l'appuntamento. Non riapra da solo.",  # noqa: E501 - word for word
}
"""Requirements 4.6."""
LOCALES = {
    ("it", "CHF"): "it_CH",
    ("it", "EUR"): "it_IT",
    ("de", "CHF"): "de_CH",
    ("de", "EUR"): "de_DE",
    ("fr", "CHF"): "fr_CH",
    ("fr", "EUR"): "fr_FR",
    ("en", "EUR"): "en_GB",
}


def said(message: str, language: str = "it", currency: str = "CHF", trust: TimeTrust = TimeTrust.AUTHENTICATED) -> str:
    """The SMS of a sample."""
    messages = shipped(language)
    told, whose = occasion(message, trust), account_for(message, currency)
    _, text = words.text_for(told, whose, messages)
    return words.sms(text, words.facts(told, whose, CONTACT, messages))


@pytest.mark.parametrize("message", GIVEN)
def test_the_italian_messages_are_those_that_were_given(message: str) -> None:
    """4.6, S0-18, S0-19: word for word, filled with what the row and the configuration say."""
    first = texts_of(shipped("it").message[message].sms)[0]
    assert first.replace("{warn}", "2 minuti") == GIVEN[message]
    messages, whose = shipped("it"), account_for(message)
    known = words.facts(occasion(message), whose, CONTACT, messages)
    assert said(message) == GIVEN[message].format_map(known)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("currency", ["CHF", "EUR"])
@pytest.mark.parametrize("trust", [TimeTrust.AUTHENTICATED, TimeTrust.UNKNOWN])
def test_every_sms_fits_160_places(language: str, currency: str, trust: TimeTrust) -> None:
    """4.1, 4.6: only characters of GSM 03.38, one message, whether the time is known or not."""
    for message in FIELDS:
        text = said(message, language, currency, trust)
        assert septets(text) <= 160, (septets(text), text)
        assert "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alternative_fits_too(language: str) -> None:
    """4.6: a text that is sent because a fact is missing is no longer than the one with it."""
    messages = shipped(language)
    for message in CASES:
        known = words.facts(occasion(message), account_for(message), CONTACT, messages)
        for text in texts_of(messages.message[message].sms):
            assert septets(plain(text.format(**known))) <= 160


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_email_says_all_that_is_known(language: str) -> None:
    """4.6, S0-16, S4-22: subject on one line, the text, the facts that matter and where help is."""
    messages = shipped(language)
    for message in FIELDS:
        told, whose = occasion(message), account_for(message)
        name, text = words.text_for(told, whose, messages)
        known = words.facts(told, whose, CONTACT, messages)
        subject, body = words.email(name, text, known, CONTACT, messages)
        assert subject
        assert "\n" not in subject
        assert "{" not in subject + body
        for wanted in ("SES", "0848 338 338", "www.ses.ch", "lun-ven 8-18", whose.delivery_point):
            assert wanted in body, (message, wanted)
        if "min" in FIELDS[message][0]:
            assert known["min"] in body


def test_the_receipt_by_email_is_the_one_that_was_given() -> None:
    """4.6, S0-17: amount, meter, date, channel and both balances."""
    messages, whose = shipped("it"), account_for("topup")
    told = occasion("topup")
    name, text = words.text_for(told, whose, messages)
    subject, body = words.email(name, text, words.facts(told, whose, CONTACT, messages), CONTACT, messages)
    assert subject == "Ricevuta di ricarica n. 17"
    assert body.startswith(
        "Gentile Cliente,\n\n"
        "abbiamo accreditato CHF 20.00 sulla fornitura CH0012345678 (contatore matricola 21040123) "
        "il 02.03.2026 alle 09:00. Canale: web. Saldo precedente CHF 6.00, nuovo saldo CHF 26.00. "
        "Il resoconto di tutte le ricariche è disponibile nella Sua area riservata. "
        "In caso di difficoltà nei pagamenti può richiedere un piano di rateizzazione "
        "o informazioni sui bonus sociali al numero 0848 338 338.\n"
    )


def test_at_once_is_said_only_where_it_is_so() -> None:
    """4.6, decision 14: an armed supply, and gas, are told what must be done instead."""
    assert "la riattivazione è immediata" in said("suspended")
    assert "riarmi l'interruttore dopo la ricarica" in said("suspended_armed")
    assert "in loco" in said("suspended_gas")
    for message in ("suspended_armed", "suspended_gas", "suspended_arrears"):
        assert "immediata" not in said(message)


def test_the_customer_is_told_whom_to_call() -> None:
    """S0-06, S0-14, S1-21: CashLine+ messages show 0848 338 338, others 0848 238 238, another utility its own."""
    raw = {"name": "SES", "telephone": "0848 238 238", "url": "www.ses.ch"}
    utility = UtilityTable(**raw, policy={"ses-cashline": type(CONTACT)(telephone="0848 338 338")})
    assert contact(utility, "ses-cashline") == type(CONTACT)("SES", "0848 338 338", "www.ses.ch", "")
    assert contact(utility, "prepaid").telephone == "0848 238 238"
    other = UtilityTable("EstEnergy", "800 046 200", "www.estenergy.it")
    messages = shipped("it")
    known = words.facts(occasion("low"), account("EUR"), contact(other, "estenergy-electricity"), messages)
    assert words.sms(messages.message["low"], known).endswith("Info 800 046 200.")


@given(cents=st.integers(-99_999_999, 99_999_999))
def test_amounts_are_written_as_the_locale_writes_them(cents: int) -> None:
    """4.1: held against Babel, whose narrow spaces and typographic apostrophes become plain ones."""
    for (language, currency), locale in LOCALES.items():
        expected = plain(format_currency(cents / 100, currency, locale=locale))
        formats = shipped_formats(language)
        assert words.money(cents * CENT_NANO, currency, formats) == expected, locale


def shipped_formats(language: str) -> Formats:
    """Read once for each language."""
    if language not in _FORMATS:
        _FORMATS[language] = shipped(language).formats
    return _FORMATS[language]


_FORMATS: dict[str, Formats] = {}


@given(day=st.dates(date(2026, 1, 1), date(2099, 12, 31)))
def test_dates_are_written_in_the_order_of_the_locale(day: date) -> None:
    """4.1: day, month, year as Babel orders and parts them, with a year of four digits."""
    noon_ms = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)
    for (language, currency), locale in LOCALES.items():
        shape = re.sub("[dMy]+", lambda match: {"d": "dd", "M": "MM", "y": "yyyy"}[match[0][0]], short(locale))
        written = words.day(noon_ms, "Europe/Zurich", currency, shipped_formats(language))
        assert written == format_date(day, shape, locale=locale), locale


def short(locale: str) -> str:
    """Babel's pattern of a short date."""
    return str(Locale.parse(locale).date_formats["short"].pattern)


def test_numbers_and_spans() -> None:
    """4.1, 4.6: kW with the decimals it takes, spans in the largest unit that divides them."""
    formats = shipped_formats("it")
    assert [words.kilowatts(watts, formats) for watts in (495, 3_300, 4_000, 50)] == ["0,495", "3,3", "4", "0,05"]
    spans = [words.span(seconds, formats) for seconds in (10, 60, 90, 120, 7_200, 172_800)]
    assert spans == ["10 secondi", "60 secondi", "90 secondi", "2 minuti", "2 ore", "2 giorni"]


def test_personal_data_is_masked() -> None:
    """S4-25: `m***@d***.it`; of a number only the country and the end."""
    assert mask("mario.rossi@dominio.it") == "m***@d***.it"
    assert mask("a@posta.example.org") == "a***@p***.org"
    assert mask("x@host") == "x***@***"
    assert mask("+41791234567") == "+41***67"


def test_what_is_not_known_is_not_said() -> None:
    """I16: without a dated clock no date, no hour; without complete days no days left."""
    undated = said("limited", trust=TimeTrust.UNKNOWN)
    assert undated.startswith("SES: potenza ridotta al 15% (0,495 kW) per credito esaurito. Ricarichi almeno CHF 7.20")
    messages = shipped("it")
    bare = replace_detail("low", {})
    known = words.facts(bare, account(), CONTACT, messages)
    assert "circa" not in words.sms(messages.message["low"], known)
    known = words.facts(replace_detail("topup", {"credited": "1.00", "sequence": 1}), account(), CONTACT, messages)
    assert known["channel"] == "-"
    assert words.facts(occasion("low"), replace(account(), delivery_point=""), CONTACT, messages)["pod"] == "CH-1"
    assert "serial" not in words.facts(occasion("low"), replace(account(), meter_serial=None), CONTACT, messages)


def replace_detail(message: str, detail: dict[str, object]) -> Occasion:
    """The sample with other facts."""
    return Occasion(7, "00", at(), "CH-1", message, CASES[message][0] * NANO, detail)
