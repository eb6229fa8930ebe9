"""Evidence and load curves to a USB stick: only onto a medium that is really mounted, whole or not at all.

What is written is what the head-end would get: a document signed with the gateway's key. The stick is a stranger's
medium, so nothing on it is followed or trusted: the path must be a mount point below a folder meant for such media,
with no link on the way, and the file appears under its name only when it is whole and flushed.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.console.books import account_of
from gateway.console.desk import Action, Desk, Id, Nothing, Session
from gateway.console.wire import Role
from gateway.documents.maker import Maker
from gateway.errors import CommandRefused
from gateway.prepayment.export import DocumentAsked, DocumentKind

SPARE_BYTES = 1024 * 1024
STICKS_MAX = 32
_DEPTH = 2
"""As deep below those folders as a stick is mounted: /media/USER/LABEL."""


class Stick(Struct, frozen=True):
    """A medium that may be written to."""

    path: str
    free_bytes: int


class Sticks(Struct, frozen=True):
    """Every one that is mounted now."""

    sticks: tuple[Stick, ...]


class ExportBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What to write where; `until` is the last day, included. Evidence without an account is the whole gateway's."""

    stick: Annotated[str, Meta(max_length=255)]
    kind: Literal["evidence", "load_curve"]
    since: date
    until: date
    account: Id = ""


class Exported(Struct, frozen=True):
    """The files that are on the stick now."""

    stick: str
    files: tuple[str, ...]
    bytes: int


async def _list(desk: Desk, _session: Session, _: Nothing) -> Sticks:
    return await asyncio.to_thread(found, _tops(desk))


async def _export(desk: Desk, session: Session, body: ExportBody) -> Exported:
    """Nothing is made before the stick is known to be one, and who took data away is on record."""
    tops = _tops(desk)
    await asyncio.to_thread(checked, body.stick, tops)
    desk.access.count_order()
    kind = DocumentKind(body.kind)
    account_id = body.account if kind is DocumentKind.EVIDENCE else account_of(desk, body.account).account_id
    following = date.fromordinal(min(body.until.toordinal() + 1, date.max.toordinal()))
    asked = DocumentAsked(desk.clock.now(), "console", account_id, kind, body.since, following)
    gateway_id = desk.settings.gateway.id
    made = await Maker(desk.store, desk.device, gateway_id, desk.teller.note).make(asked)
    files = made.files
    await asyncio.to_thread(write, body.stick, files, tops)
    size = sum(map(len, files.values()))
    who = (("who", session.who), ("line", session.line), ("account", account_id), ("kind", kind.value))
    await desk.teller.note("console.exported", (*who, ("name", made.name), ("bytes", size), ("stick", body.stick)))
    return Exported(body.stick, tuple(files), size)


def _tops(desk: Desk) -> tuple[str, ...]:
    return desk.settings.console.sticks


def found(tops: tuple[str, ...]) -> Sticks:
    """The media mounted below the folders for such, that may be written to."""
    sticks: list[Stick] = []
    for top in tops:
        for path in _below(Path(top), _DEPTH):
            try:
                free_bytes = checked(str(path), tops)
            except CommandRefused:
                continue
            sticks.append(Stick(str(path), free_bytes))
            if len(sticks) >= STICKS_MAX:
                return Sticks(tuple(sticks))
    return Sticks(tuple(sticks))


def checked(path: str, tops: tuple[str, ...]) -> int:
    """The free bytes of a stick. Raises CommandRefused: no_stick (why), stick_read_only."""
    try:
        folder = Path(path)
        if not folder.is_absolute() or os.path.realpath(path) != str(folder) or not _allowed(folder, tops):
            raise CommandRefused("no_stick", stick=path, below=", ".join(tops))
        if not stat.S_ISDIR(os.lstat(folder).st_mode) or not os.path.ismount(folder):
            raise CommandRefused("no_stick", stick=path, below=", ".join(tops))
        about = os.statvfs(folder)
    except (OSError, ValueError) as error:
        raise CommandRefused("no_stick", stick=path, below=", ".join(tops)) from error
    if about.f_flag & os.ST_RDONLY:
        raise CommandRefused("stick_read_only", stick=path)
    return about.f_bavail * about.f_frsize


def write(path: str, files: Mapping[str, bytes], tops: tuple[str, ...]) -> None:
    """Put files onto a stick, each whole or not at all. Raises CommandRefused."""
    needed = sum(map(len, files.values())) + SPARE_BYTES
    free_bytes = checked(path, tops)
    if free_bytes < needed:
        raise CommandRefused("stick_full", stick=path, free_bytes=free_bytes, needed_bytes=needed)
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(folder).st_dev == os.lstat(Path(path).parent).st_dev:
                raise CommandRefused("no_stick", stick=path, below=", ".join(tops))  # pulled out since it was checked
            for name, content in files.items():
                _put(folder, name, content)
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise CommandRefused("stick_failed", stick=path, complaint=str(error)[:200]) from error


def _put(folder: int, name: str, content: bytes) -> None:
    """Write beside, flush, rename: what carries the name is whole. A link of that name is replaced, never followed."""
    draft = f"{name}.part"
    with suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=folder)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(draft, dir_fd=folder)
        raise


def _allowed(folder: Path, tops: tuple[str, ...]) -> bool:
    return any(Path(top) in folder.parents for top in tops)


def _below(top: Path, depth: int) -> list[Path]:
    """The folders below, no link followed, a bounded number of them."""
    try:
        inside = sorted(entry.path for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False))[:STICKS_MAX]
    except OSError:
        return []
    folders = [Path(path) for path in inside]
    deeper = [path for folder in folders for path in _below(folder, depth - 1)] if depth > 1 else []
    return [*folders, *deeper]


ACTIONS = (
    Action("stick.list", Role.TECHNICIAN, _list),
    Action("stick.export", Role.TECHNICIAN, _export, ExportBody),
)
