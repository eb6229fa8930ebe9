"""[alerts], [utility] and the message files: what is refused at the start, in which words, and what is warned of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway import plan
from gateway.config.messages import FIELDS, fields_of, load_messages, texts_of
from gateway.config.telling import contact, quiet_minutes
from gateway.errors import ConfigError
from gateway.installation import load
from gateway.shipped import folder
from tests.config.drafts import GOOD, examine, write

UTILITY = """\
[utility]
name = "SES"
telephone = "0848 238 238"
url = "www.ses.ch"
[utility.policy.prepaid]
telephone = "0848 338 338"
"""
ALERTS = """\
[alerts]
quiet = "21:00-07:00"
[alerts.email]
host = "localhost"
port = 2525
tls = "none"
from = "avvisi@ses.example"
"""
ANNA = """\
[[alerts.recipient]]
account = "CH-0001"
language = "it"
email = "anna@example.org"
phone = "+41791234567"
"""
WHOLE = f"{GOOD}\n{UTILITY}\n{ALERTS}\n{ANNA}"


def said(folder_: Path, text: str) -> list[str]:
    """All refusals of this gateway.toml."""
    return examine(folder_, text)[1]


def test_a_whole_table_is_taken(tmp_path: Path) -> None:
    """S0-06, S0-14: contact data per utility and per policy; a number without a modem is only warned of."""
    installation, errors, warnings = examine(tmp_path, WHOLE)
    assert errors == []
    assert any("has a telephone number, and there is no [alerts.sms]" in warning for warning in warnings)
    assert installation is not None
    utility = installation.configuration.settings.utility
    assert utility is not None
    assert contact(utility, "prepaid").telephone == "0848 338 338"
    assert contact(utility, "it-prepaid").telephone == "0848 238 238"
    assert list(installation.configuration.messages) == ["it"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (UTILITY, "", "[utility]: the table is missing"),
        ('quiet = "21:00-07:00"', 'quiet = "21-7"', "'21-7' is not like \"21:00-07:00\""),
        ('quiet = "21:00-07:00"', 'quiet = "07:00-07:00"', "has no length"),
        ('quiet = "21:00-07:00"', 'quit = "21:00-07:00"', "unknown key; did you mean 'quiet'?"),
        ('host = "localhost"', 'host = "mail.example"', "[alerts.email] tls: sends in the clear"),
        ('tls = "none"', 'tls = "none"\nusername = "gw"', "gives the password away"),
        ('tls = "none"', 'username = "gw"', "goes with password_file; give both or neither"),
        ('tls = "none"', 'password_file = "nowhere"\nusername = "gw"', "there is no file"),
        ('tls = "none"', 'ca = "nowhere.pem"', "there is no file"),
        ('language = "it"', 'language = "rm"', "there are no messages in 'rm'"),
        ('email = "anna@example.org"', 'email = "Anna <a@x>"', "[alerts] recipient[0].email: is none; an address like"),
        ('phone = "+41791234567"', 'phone = "0791234567"', "[alerts] recipient[0].phone: is none; a number with its"),
        ('email = "anna@example.org"\nphone = "+41791234567"', "", "number 1: neither email nor phone"),
        ('name = "SES"', 'name = ""', "[utility] name"),
        ('from = "avvisi@ses.example"', 'from = "SES"', "[alerts] email.from"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    """Bad input: refused at the start with file, key and what would be right."""
    assert old in WHOLE
    told = said(tmp_path, WHOLE.replace(old, new))
    assert any(words in one for one in told), told


def test_a_wrong_address_is_not_repeated(tmp_path: Path) -> None:
    """S4-25: refusals go into the log, so they do not say whose number is wrong."""
    told = said(tmp_path, WHOLE.replace("+41791234567", "0791234567").replace("anna@example.org", "anna at example"))
    assert told
    assert not any("079123" in one or "anna" in one for one in told)


def test_a_modem_has_a_port_of_its_own(tmp_path: Path) -> None:
    """Two programs on one line hear neither: the port of a bus is refused."""
    sms = '[alerts.sms]\nport = "/dev/serial/by-id/usb-one"\n'
    told = said(tmp_path, WHOLE.replace("[[alerts.recipient]]", f"{sms}[[alerts.recipient]]"))
    assert any("is the port of a bus" in one for one in told)


def test_who_is_told_of_what(tmp_path: Path) -> None:
    """`check` warns: a recipient without an account, an account without a recipient, no channel at all."""
    _, errors, warnings = examine(tmp_path, f"{GOOD}\n{UTILITY}\n{ALERTS}\n{ANNA.replace('CH-0001', 'CH-9999')}")
    assert errors == []
    assert any("account 'CH-9999' is not in this file" in warning for warning in warnings)
    assert any("nobody is told of it by this gateway" in warning for warning in warnings)
    _, _, warnings = examine(tmp_path, f"{GOOD}\n{UTILITY}\n[alerts]\n")
    assert any("neither [alerts.email] nor [alerts.sms]" in warning for warning in warnings)


def test_check_says_who_is_told_and_masks_them(tmp_path: Path) -> None:
    """S4-25, S0-14: channels, contact data of each policy in use, persons by number and mask."""
    (tmp_path / "data").mkdir()
    said_of_it = plan.lines(load(write(tmp_path, WHOLE)))
    at = said_of_it.index("To the customers")
    assert said_of_it[at + 1 : at + 6] == [
        "  email through localhost:2525 (in the clear, on this machine) from avvisi@ses.example",
        "  quiet hours 21:00-07:00 Europe/Zurich; what announces a cut or says that supply is back waits for none",
        "  12 a day to one person, 60 an hour on a channel; given up after 48 hours",
        "  from SES, 0848 338 338, www.ses.ch (accounts of prepaid)",
        "  CH-0001  email to a***@e***.org (it)",
    ]
    assert "anna" not in "\n".join(said_of_it)


@pytest.mark.parametrize(("text", "minutes"), [("21:00-07:00", (1260, 420)), ("00:00-23:59", (0, 1439)), ("", None)])
def test_quiet_hours(text: str, minutes: tuple[int, int] | None) -> None:
    """Local time, over midnight too."""
    assert quiet_minutes(text) == minutes


@pytest.mark.parametrize("language", ["it", "de", "fr", "en"])
def test_every_shipped_language_has_every_message(language: str) -> None:
    """4.6: none is missing, and the last text of each list does with what is always known."""
    messages = load_messages(folder() / "messages" / f"{language}.toml")
    assert set(messages.message) == set(FIELDS)
    assert {len(texts_of(text.sms)) for text in messages.message.values()} == {1, 2}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{neg}. Sospensione", "{negg}. Sospensione", "expiring.sms[0]: unknown field {negg}; did you mean 'neg'?"),
        ("{util}: potenza superata", "{util}: {days}", "message.overload.subject: unknown field {days}"),
        ("accreditata. Nuovo", "accreditata alle {hour}. Nuovo", "message.topup.sms[1]: {hour} is not always known"),
        ("tra {warn}.", "tra {warn.", "message.overload.sms: "),
        ("tra {warn}.", "tra {warn!r}.", "is no field"),
        ("tra {warn}.", "tra {0}.", "is no field"),
        ("[message.overload]", "[message.overlord]", "message.overload: this message is missing"),
        ("[message.overload]", "[message.more]\nsubject='a'\nsms='b'\n[message.overload]", "no such message"),
        ('opening = "Orari del telefono"', "", "email.facts.opening: this label is missing"),
        ('opening = "Orari', 'opened = "x"\nopening = "Orari', "email.facts.opened: there is no such fact"),
        ("{facts}", "{fact}", "email.frame: unknown field {fact}; did you mean 'facts'?"),
        ('days = "{n} giorni"', 'days = "{d} giorni"', "formats.days: unknown field {d}"),
        ('money = "CHF {number}"', 'money = "CHF {amount}"', "formats.currency.CHF.money: unknown field {amount}"),
        ('money = "{number} {currency}"', "", "formats.money: this key is missing"),
        ('language = "Italiano"', "language = 1", "language: expected `str`"),
    ],
)
def test_a_template_with_a_mistake_is_refused_at_the_start(tmp_path: Path, old: str, new: str, words: str) -> None:
    """Bad input: an unknown field names file, key and field, before any customer waits for the message."""
    shipped = folder() / "messages" / "it.toml"
    own = tmp_path / "messages" / "it.toml"
    own.parent.mkdir()
    text = shipped.read_text(encoding="utf-8")
    assert old in text
    own.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_messages(own)
    assert str(own) in str(refused.value)
    assert words in str(refused.value)
    told = said(tmp_path, WHOLE)
    assert any(words in one for one in told), "the operator's folder comes before the shipped one"
    shutil.rmtree(own.parent)
    assert said(tmp_path, WHOLE) == []


def test_a_brace_that_is_meant() -> None:
    """Two braces are a brace and no field."""
    assert fields_of("{{not}} {util}") == {"util"}


def test_what_reaches_nobody_is_a_warning(tmp_path: Path) -> None:
    """S0-06, S0-14: an address without a mail server, and contact data of a policy that no account has."""
    mail = ALERTS[ALERTS.index("[alerts.email]") :]
    text = f"{GOOD}\n{UTILITY.replace('prepaid', 'multiservice')}\n{ALERTS.replace(mail, '')}\n{ANNA}"
    _, errors, warnings = examine(tmp_path, text)
    assert errors == []
    assert any("number 1: has an e-mail address, and there is no [alerts.email]" in one for one in warnings)
    assert any("[utility.policy.multiservice]: no account has this policy" in one for one in warnings)


@pytest.mark.parametrize(
    ("name", "content"), [("password_file", "\n"), ("password_file", "x" * 100_001), ("ca", "x" * 100_001)]
)
def test_a_file_of_the_mail_server_that_can_be_none_is_refused(tmp_path: Path, name: str, content: str) -> None:
    """Bad input: an empty password, or a file that is something else, is told before the first mail."""
    (tmp_path / "file").write_text(content)
    more = f'{name} = "file"' + ('\nusername = "gw"' if name == "password_file" else "")
    told = said(tmp_path, WHOLE.replace('tls = "none"', more))
    [error] = told
    assert f"[alerts.email] {name}: {tmp_path / 'file'} is empty or far too long; one line and nothing else" in error


def test_a_message_without_a_text_is_refused(tmp_path: Path) -> None:
    """Bad input: an empty list of texts would tell a customer nothing, so the language is not loaded."""
    own = tmp_path / "it.toml"
    text = (folder() / "messages" / "it.toml").read_text(encoding="utf-8")
    start = text.index("sms = ", text.index("[message.overload]"))
    own.write_text(text[:start] + "sms = []\n" + text[text.index("\n", start) + 1 :], encoding="utf-8")
    with pytest.raises(ConfigError, match=r"message\.overload\.sms: there is no text"):
        load_messages(own)
