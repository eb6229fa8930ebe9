"""`check` about messages to the customer: the channels, who is told of what, and by when. Addresses are masked."""

from __future__ import annotations

from gateway.alerts.recipients import recipients
from gateway.config.loader import Configuration
from gateway.config.settings import AlertsTable, EmailTable, SmsTable
from gateway.config.telling import contact

NONE = "  none from here: the head-end has every notice and writes the messages"


def lines(configuration: Configuration) -> list[str]:
    """The channels, the utility as each policy names it, the recipients."""
    settings = configuration.settings
    table, utility = settings.alerts, settings.utility
    if table is None or utility is None:
        return [NONE]
    text = [_email(table.email)] if table.email is not None else []
    text += [_sms(table.sms)] if table.sms is not None else []
    quiet = f"quiet hours {table.quiet} {settings.gateway.timezone}" if table.quiet else "no quiet hours"
    text.append(f"  {quiet}; what announces a cut or says that supply is back waits for none")
    text.append(f"  {table.per_recipient_day} a day to one person, {table.per_channel_hour} an hour on a channel; ")
    text[-1] += f"given up after {table.give_up_h} hours"
    for policy in sorted({account.policy for account in settings.account}):
        who = contact(utility, policy)
        text.append(f"  from {who.name}, {who.telephone}, {who.url} (accounts of {policy})")
    return [*text, *_people(table)]


def _email(email: EmailTable) -> str:
    means = {"starttls": "STARTTLS", "tls": "TLS", "none": "in the clear, on this machine"}[email.tls]
    return f"  email through {email.host}:{email.port} ({means}) from {email.sender}"


def _sms(sms: SmsTable) -> str:
    return f"  sms through the modem at {sms.port}, {sms.baud} baud"


def _people(table: AlertsTable) -> list[str]:
    channels = [name for name, there in (("email", table.email), ("sms", table.sms)) if there is not None]
    people = [(one, name) for name in channels for one in recipients(table, name)]
    return [f"  {one.account_id}  {name} to {one.masked} ({one.language})" for one, name in people]
