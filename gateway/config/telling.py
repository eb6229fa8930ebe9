"""Whether `[alerts]` and `[utility]` fit each other and the rest of gateway.toml, and the message files they need."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.config.findings import Findings
from gateway.config.messages import Messages, load_messages
from gateway.config.settings import AlertsTable, ContactTable, Settings, UtilityTable
from gateway.errors import ConfigError

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
Find = Callable[[str, str], Path | None]
"""Kind and name -> the file that counts."""


def quiet_minutes(text: str) -> tuple[int, int] | None:
    """The quiet hours as minutes of the day, from and to; None without any. ValueError for another shape."""
    if not text:
        return None
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not like "21:00-07:00"')
    from_h, from_m, to_h, to_m = (int(part) for part in match.groups())
    begins, ends = 60 * from_h + from_m, 60 * to_h + to_m
    if begins == ends:
        raise ValueError(f"{text!r} has no length; leave it out for no quiet hours")
    return begins, ends


def contact(utility: UtilityTable, policy_id: str) -> ContactTable:
    """Whom a customer of this policy is told to call (S0-14)."""
    own = utility.policy.get(policy_id, ContactTable())
    return ContactTable(
        own.name or utility.name,
        own.telephone or utility.telephone,
        own.url or utility.url,
        own.opening or utility.opening,
    )


def check(settings: Settings, file: Path, find: Find, findings: Findings) -> Mapping[str, Messages]:
    """The messages of each language that recipients have; what is wrong goes to `findings`."""
    alerts = settings.alerts
    if alerts is None:
        return {}
    key = "[alerts]"
    if settings.utility is None:
        hint = "messages name the utility, its telephone and its address"
        findings.refuse("the table is missing", file=str(file), key="[utility]", hint=hint)
    if alerts.email is None and alerts.sms is None:
        findings.warn("neither [alerts.email] nor [alerts.sms] is there, so nobody is told by this gateway", key=key)
    try:
        quiet_minutes(alerts.quiet)
    except ValueError as error:
        findings.refuse(str(error), file=str(file), key=f"{key} quiet", hint="local time, in quotes")
    _check_recipients(settings, alerts, str(file), findings)
    _check_channels(settings, alerts, file, findings)
    return _messages(alerts, find, str(file), findings)


def _check_recipients(settings: Settings, alerts: AlertsTable, file: str, findings: Findings) -> None:
    accounts = {account.id for account in settings.account}
    for number, one in enumerate(alerts.recipient, 1):
        key = f"[[alerts.recipient]] number {number}"
        if one.account not in accounts:
            findings.warn(f"account {one.account!r} is not in this file; nobody is told until it is opened", key=key)
        if one.email is None and one.phone is None:
            findings.refuse("neither email nor phone", file=file, key=key, hint="give at least one of them")
        if one.email is not None and alerts.email is None:
            findings.warn("has an e-mail address, and there is no [alerts.email]", key=key)
        if one.phone is not None and alerts.sms is None:
            findings.warn("has a telephone number, and there is no [alerts.sms]", key=key)
    told = {one.account for one in alerts.recipient}
    for account in settings.account:
        if account.id not in told:
            findings.warn("nobody is told of it by this gateway", key=f"[[account]] {account.id!r}")
    for policy in settings.utility.policy if settings.utility is not None else ():
        if policy not in {account.policy for account in settings.account}:
            findings.warn("no account has this policy", key=f"[utility.policy.{policy}]")


def _check_channels(settings: Settings, alerts: AlertsTable, file: Path, findings: Findings) -> None:
    email, sms = alerts.email, alerts.sms
    if email is not None:
        key = "[alerts.email]"
        if email.tls == "none" and email.host not in LOOPBACK:
            findings.refuse("sends in the clear", file=str(file), key=f"{key} tls", hint='"starttls" or "tls"')
        if email.tls == "none" and email.username:
            findings.refuse("gives the password away", file=str(file), key=f"{key} tls", hint='"starttls" or "tls"')
        if bool(email.username) != bool(email.password_file):
            hint = "give both or neither"
            findings.refuse("goes with password_file", file=str(file), key=f"{key} username", hint=hint)
        _check_file(file, email.password_file, f"{key} password_file", findings)
        _check_file(file, email.ca, f"{key} ca", findings)
    if sms is not None:
        _check_file(file, sms.pin_file, "[alerts.sms] pin_file", findings)
        if any(getattr(bus, "port", None) == sms.port for bus in settings.bus):
            hint = "a modem has a port of its own"
            findings.refuse("is the port of a bus", file=str(file), key="[alerts.sms] port", hint=hint)


def _check_file(file: Path, name: str, key: str, findings: Findings) -> None:
    if not name:
        return
    path = file.parent / Path(name).expanduser()
    if not os.access(path, os.R_OK) or not path.is_file():
        findings.refuse(f"there is no file {path} that this user may read", file=str(file), key=key)
    elif path.stat().st_size > 100_000 or (not key.endswith("ca") and not path.read_text(errors="replace").strip()):
        findings.refuse(f"{path} is empty or far too long", file=str(file), key=key, hint="one line and nothing else")


def _messages(alerts: AlertsTable, find: Find, file: str, findings: Findings) -> dict[str, Messages]:
    loaded = {}
    for language in dict.fromkeys(one.language for one in alerts.recipient):
        path = find("messages", language)
        if path is None:
            hint = f"a file messages/{language}.toml in one of the folders; it, de, fr and en are shipped"
            findings.refuse(f"there are no messages in {language!r}", file=file, key="[[alerts.recipient]]", hint=hint)
            continue
        try:
            loaded[language] = load_messages(path)
        except ConfigError as error:
            findings.errors.append(error)
    return loaded
