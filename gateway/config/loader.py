"""gateway.toml and every file it names, read and compared: the whole configuration or a list of what is wrong.

A file that is named by its id (a policy, a tariff, a calendar, a moratorium, a meter model) is looked for in the
operator's folders (`[gateway] folders`, relative to gateway.toml) and then among the shipped ones; the first found
wins, and `origins` remembers where. What only the models can tell is compared in `gateway.installation`.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway import shipped
from gateway.config import cross, document, telling
from gateway.config.calendars import load_calendar, load_moratorium
from gateway.config.findings import Findings
from gateway.config.messages import Messages
from gateway.config.policies import load_policy
from gateway.config.reading import settings_of
from gateway.config.settings import AccountTable, Settings
from gateway.config.tariffs import load_tariff
from gateway.errors import ConfigError
from gateway.prepayment.calendar import Calendar, Moratorium
from gateway.prepayment.policy import Policy
from gateway.prepayment.tariff import Tariff

SOCKET_MAX_BYTES = 103
"""The name of a Unix socket has 107 bytes at most, and the draft of it is `.new` longer."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """gateway.toml with the files it names. Maps are by id; `origins` is by kind and id ("policies/prepaid")."""

    file: Path
    settings: Settings
    folders: tuple[Path, ...]
    policies: Mapping[str, Policy]
    tariffs: Mapping[str, Tariff]
    calendars: Mapping[str, Calendar]
    origins: Mapping[str, Path]
    keys: Path
    messages: Mapping[str, Messages] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        """The file of the store, in the folder `data`."""
        return beside(self.file, self.settings.gateway.data) / "store.db"

    @property
    def console(self) -> Path:
        """The console's socket."""
        table = self.settings.console
        return beside(self.file, table.socket) if table.socket else self.store.with_name("console.sock")

    @property
    def service_key(self) -> Path | None:
        """The file of the service key; None without one."""
        name = self.settings.console.service_key
        return beside(self.file, name) if name else None

    @property
    def copy(self) -> Path:
        """The file of the store's verified copy, in the folder `backup`."""
        gateway = self.settings.gateway
        return beside(self.file, gateway.backup or gateway.data) / "store-backup.db"


def load(file: Path, findings: Findings) -> Configuration | None:
    """Read everything; None when gateway.toml itself could not be typed. Mistakes and warnings go to `findings`."""
    try:
        table = document.read_toml(file)
    except ConfigError as error:
        findings.errors.append(error)
        return None
    settings = settings_of(table, str(file), findings)
    if settings is None:
        return None
    cross.check(settings, str(file), findings)
    folders = _folders(file, settings, findings)
    origins: dict[str, Path] = {}
    calendars = _calendars(folders, origins, findings)
    policies: dict[str, Policy] = {}
    tariffs: dict[str, Tariff] = {}
    for account in settings.account:
        _named(account, "policy", policies, folders, origins, findings, str(file))
        _named(account, "tariff", tariffs, folders, origins, findings, str(file))
        _agree(account, settings, policies.get(account.policy), tariffs.get(account.tariff), str(file), findings)
    _check_calendars(policies, tariffs, calendars, origins, findings)
    keys = _check_files(file, settings, findings)
    messages = telling.check(settings, file, lambda kind, name: find(kind, name, folders), findings)
    found = Configuration(file, settings, folders, policies, tariffs, calendars, origins, keys, messages)
    if settings.gateway.backup and not _is_folder(found.copy.parent):
        folder = found.copy.parent
        findings.warn(f"there is no folder {folder}, so no copy of the store is kept", key="[gateway] backup")
    return found


def beside(file: Path, name: str) -> Path:
    """A path of the configuration: relative ones count from the folder of gateway.toml."""
    try:
        return file.parent / Path(name).expanduser()
    except RuntimeError:  # the home of nobody we know; then it is a name like any other, and no such file
        return file.parent / name


def is_file(path: Path) -> bool:
    """There is such a file; a name that is too long, or a folder that may not be searched, has none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def find(kind: str, name: str, folders: tuple[Path, ...]) -> Path | None:
    """`<folder>/<kind>/<name>.toml`, in the first folder that has it."""
    return next((path for folder in folders if is_file(path := folder / kind / f"{name}.toml")), None)


def known(kind: str, folders: tuple[Path, ...]) -> list[str]:
    """The ids of a kind that can be named."""
    return sorted({path.stem for folder in folders for path in (folder / kind).glob("*.toml")})


def _folders(file: Path, settings: Settings, findings: Findings) -> tuple[Path, ...]:
    own = [beside(file, name) for name in settings.gateway.folders]
    for folder in own:
        if not _is_folder(folder):
            findings.refuse(f"there is no folder {folder}", file=str(file), key="[gateway] folders")
    return tuple(dict.fromkeys([*(folder.resolve() for folder in own), shipped.folder().resolve()]))


def _moratoria(folders: tuple[Path, ...], origins: dict[str, Path], findings: Findings) -> tuple[Moratorium, ...]:
    moratoria = []
    for name in known("moratoria", folders):
        path = find("moratoria", name, folders)
        assert path is not None, "known() lists what find() finds"
        try:
            found = load_moratorium(path)
            origins[f"moratoria/{name}"] = path
            if found.name != name:
                findings.warn(f"the moratorium in {path} calls itself {found.name!r}", key=f"moratorium {name!r}")
            moratoria.append(replace(found, name=name))
        except ConfigError as error:
            findings.errors.append(error)
    return tuple(moratoria)


def _calendars(folders: tuple[Path, ...], origins: dict[str, Path], findings: Findings) -> dict[str, Calendar]:
    moratoria = _moratoria(folders, origins, findings)
    calendars = {}
    for name in known("calendars", folders):
        path = find("calendars", name, folders)
        assert path is not None, "known() lists what find() finds"
        try:
            calendars[name] = replace(load_calendar(path), moratoria=moratoria)
            origins[f"calendars/{name}"] = path
            if calendars[name].name != name:
                findings.warn(f"the calendar in {path} calls itself {calendars[name].name!r}", key=f"calendar {name!r}")
        except ConfigError as error:
            findings.errors.append(error)
    return calendars


def _named(
    account: AccountTable,
    key: str,
    into: dict[str, Policy] | dict[str, Tariff],
    folders: tuple[Path, ...],
    origins: dict[str, Path],
    findings: Findings,
    file: str,
) -> None:
    """Load the policy or tariff an account names, once."""
    kind = "policies" if key == "policy" else "tariffs"
    name = account.policy if key == "policy" else account.tariff
    if name in into or f"{kind}/{name}" in origins:
        return
    path = find(kind, name, folders)
    if path is None:
        findings.refuse(
            f"there is no {key} {name!r}",
            file=file,
            key=f"[[account]] {account.id!r} {key}",
            hint=document.nearest(name, known(kind, folders)),
        )
        return
    origins[f"{kind}/{name}"] = path
    try:
        into[name] = load_policy(path) if key == "policy" else load_tariff(path)  # type: ignore[assignment]
        found = into[name]
        own = found.policy_id if isinstance(found, Policy) else found.tariff_id
        if own != name:
            findings.warn(f"the {key} in {path} calls itself {own!r}; records will say so", key=f"{key} {name!r}")
    except ConfigError as error:
        findings.errors.append(error)


def _agree(
    account: AccountTable,
    settings: Settings,
    policy: Policy | None,
    tariff: Tariff | None,
    file: str,
    findings: Findings,
) -> None:
    """One account, its policy, its tariff and its meter must fit each other."""
    key = f"[[account]] {account.id!r}"
    for what, other in (("policy", policy), ("tariff", tariff)):
        if other is not None and other.currency != account.currency:
            findings.refuse(
                f"the {what} counts in {other.currency}, the account in {account.currency}",
                file=file,
                key=f"{key} {what}",
                hint=f"choose a {what} in {account.currency} or correct currency",
            )
    if tariff is not None and tariff.commodity is not account.commodity:
        findings.refuse(
            f"the tariff is for {tariff.commodity}, the account for {account.commodity}",
            file=file,
            key=f"{key} tariff",
            hint="choose another tariff or correct commodity",
        )
    meter = next((meter for meter in settings.meter if meter.id == account.meter), None)
    if policy is not None and policy.limit_required and meter is not None and meter.limiter is None:
        findings.refuse(
            f"{policy.policy_id!r} requires limiting and meter {meter.id!r} cannot limit",
            file=file,
            key=f"{key} policy",
            hint="add a limiter to the meter, or choose a policy whose limit rung is optional",
        )
    if tariff is not None and tariff.example:
        findings.warn(f"tariff {tariff.tariff_id!r} is an example; nobody may be charged by it", key=f"{key} tariff")


def _check_calendars(
    policies: Mapping[str, Policy],
    tariffs: Mapping[str, Tariff],
    calendars: Mapping[str, Calendar],
    origins: Mapping[str, Path],
    findings: Findings,
) -> None:
    wanted = [(f"policies/{name}", policy.calendar) for name, policy in policies.items()]
    wanted += [(f"tariffs/{name}", tariff.calendar) for name, tariff in tariffs.items() if tariff.calendar is not None]
    for user, name in wanted:
        if name not in calendars:
            findings.refuse(
                f"there is no calendar {name!r}",
                file=str(origins[user]),
                key="calendar",
                hint=document.nearest(name, calendars),
            )
    for name, policy in policies.items():
        if policy.calendar not in calendars:
            continue
        there = [moratorium.name for moratorium in calendars[policy.calendar].moratoria]
        for wrong in sorted(set(policy.slots.moratoria) - set(there)):
            findings.refuse(
                f"there is no moratorium {wrong!r}",
                file=str(origins[f"policies/{name}"]),
                key="slots.moratoria",
                hint=document.nearest(wrong, there),
            )


def _check_files(file: Path, settings: Settings, findings: Findings) -> Path:
    headend = settings.headend
    for key, name in (
        ("keys", headend.keys),
        ("ca", headend.ca),
        ("cert", headend.cert),
        ("key", headend.key),
        ("password_file", headend.password_file),
    ):
        path = beside(file, name)
        if name and not is_file(path):
            hint = "`prepaid-gateway headend keys` makes a pair to begin with" if key == "keys" else ""
            findings.refuse(f"there is no file {path}", file=str(file), key=f"[headend] {key}", hint=hint)
        elif name and (wrong := _unusable(key, path, beside(file, headend.key))):
            findings.refuse(f"{path}: {wrong[0]}", file=str(file), key=f"[headend] {key}", hint=wrong[1])
    _check_console(file, settings, findings)
    return beside(file, headend.keys)


def _check_console(file: Path, settings: Settings, findings: Findings) -> None:
    console = settings.console
    socket = beside(file, console.socket) if console.socket else beside(file, settings.gateway.data) / "console.sock"
    if console.enabled and len(os.fsencode(socket)) > SOCKET_MAX_BYTES:
        say = findings.refuse if console.socket else findings.warn
        say(f"{socket} is longer than the {SOCKET_MAX_BYTES} bytes a socket's name may have", key="[console] socket")
    if not console.service_key:
        return
    key = beside(file, console.service_key)
    try:
        mode = key.stat().st_mode
    except OSError:
        hint = "`prepaid-gateway headend service-key` makes it, at the utility"
        findings.refuse(f"there is no file {key}", file=str(file), key="[console] service_key", hint=hint)
        return
    if mode & 0o077:
        hint = f"chmod 600 {key}, owned by the gateway's user"
        findings.refuse(f"{key}: others may read it", file=str(file), key="[console] service_key", hint=hint)
    elif not os.access(key, os.R_OK):
        hint = "mode 600 and owned by the gateway's user"
        findings.refuse(f"{key}: this user may not read it", file=str(file), key="[console] service_key", hint=hint)


def _unusable(key: str, path: Path, private: Path) -> tuple[str, str] | None:
    """What is wrong with a file of the link that is there, and what would be right."""
    if not os.access(path, os.R_OK):
        return "this user may not read it", "mode 640 and the group of the gateway's user"
    try:
        match key:
            case "ca":
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
            case "cert" if is_file(private) and os.access(private, os.R_OK):
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, private)
            case "password_file" if not path.read_text(encoding="utf-8").strip():
                return "is empty", "the password on one line and nothing else"
    except ssl.SSLError as error:
        meant = "PEM certificates" if key == "ca" else "a PEM certificate and the private key that belongs to it"
        return f"is not usable ({error.reason or error})", meant
    except UnicodeDecodeError:
        return "is not UTF-8", "the password on one line and nothing else"
    return None
