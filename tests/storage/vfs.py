"""A layer below the SQLite that Python itself uses: it records, or refuses, what the production store writes.

SQLite reaches the operating system through a table of functions (a VFS). This one is registered as the default beside
the real `unix` one, in the same libsqlite3 that the module `sqlite3` is linked with, and hands every call on: nothing
of the production code changes and nothing is compiled. Writes, truncations, syncs, deletions and creations are told
to a `Witness`, in their order, before they happen; it answers 0 or the SQLite error they shall fail with.

The table says version 1, so that SQLite neither maps the file nor shares memory: with one exclusive connection the
production code uses neither. Below this lie the system calls of the unix VFS, the kernel and the medium.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_void_p, cast, memmove, sizeof
from pathlib import Path
from typing import Protocol
from unittest import mock

OPEN_TEMPORARY = 0x8 | 0x10 | 0x200 | 0x400 | 0x1000  # SQLITE_OPEN_DELETEONCLOSE and the kinds of temporary files
OPEN_JOURNAL = 0x800 | 0x80000  # SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_WAL: new ones have their folder synced, too


class Witness(Protocol):
    """Who is told; 0 lets it happen, anything else is the SQLite result code to fail with instead."""

    def opened(self, path: str, *, created: bool, journal: bool) -> int:
        """A file is about to be opened or created."""

    def write(self, path: str, offset: int, data: bytes) -> int:
        """Bytes are about to be written; a negative answer writes the first half and fails with its absolute value."""

    def truncate(self, path: str, size: int) -> int:
        """A file is about to be cut to a size."""

    def sync(self, path: str) -> int:
        """A file is about to be flushed."""

    def delete(self, path: str, *, sync: bool) -> int:
        """A file is about to be deleted; `sync`: and its folder flushed."""


_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Size = CFUNCTYPE(c_int, c_void_p, c_int64)
_Flags = CFUNCTYPE(c_int, c_void_p, c_int)


class _Methods(Structure):
    """sqlite3_io_methods, version 1."""

    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        ("rest", c_void_p * 7),
    ]


class _File(Structure):
    """The head of an open file."""

    _fields_ = [("methods", POINTER(_Methods))]


class _Vfs(Structure):
    """sqlite3_vfs, version 1."""

    _fields_ = [
        ("version", c_int),
        ("file_bytes", c_int),
        ("path_max", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        ("rest", c_void_p * 10),
    ]


def library() -> ctypes.CDLL:
    """The libsqlite3 that `sqlite3` is linked with: a look-up in the extension module finds it among its own."""
    import _sqlite3

    found = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    found.sqlite3_vfs_find.restype = POINTER(_Vfs)
    found.sqlite3_vfs_register.argtypes = [POINTER(_Vfs), c_int]
    found.sqlite3_vfs_unregister.argtypes = [POINTER(_Vfs)]
    found.sqlite3_libversion.restype = c_char_p
    assert found.sqlite3_libversion().decode() == sqlite3.sqlite_version
    return found


class _Layer:
    """The registered table. It is made once: SQLite may hold on to its files longer than a test."""

    def __init__(self) -> None:
        self.witness: Witness | None = None
        self._library = library()
        self._real = self._library.sqlite3_vfs_find(None)
        real = self._real.contents
        self._real_open, self._real_delete = _Open(real.open), _Delete(real.delete)
        self._paths: dict[int, str] = {}
        self._tables: dict[int, _Methods] = {}
        self._writers: dict[int, tuple[object, object, object]] = {}
        self._callbacks = (_Open(self._open), _Delete(self._delete), _Write(self._write), _Size(self._truncate))
        self._sync_callback = _Flags(self._sync)
        self._vfs = _Vfs()
        memmove(byref(self._vfs), self._real, sizeof(_Vfs))
        self._vfs.version, self._vfs.name, self._vfs.next = 1, b"witnessed", None
        self._vfs.open = cast(self._callbacks[0], c_void_p)
        self._vfs.delete = cast(self._callbacks[1], c_void_p)

    def register(self) -> None:
        """Be the default."""
        self._library.sqlite3_vfs_register(byref(self._vfs), 1)

    def unregister(self) -> None:
        """Give the default back."""
        self._library.sqlite3_vfs_unregister(byref(self._vfs))
        self._library.sqlite3_vfs_register(self._real, 1)

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = os.fsdecode(ctypes.string_at(name)) if name else ""
        watched = bool(path) and not flags & OPEN_TEMPORARY and self.witness is not None
        if watched:
            assert self.witness is not None
            created = not Path(path).exists()
            code = self.witness.opened(path, created=created, journal=bool(flags & OPEN_JOURNAL))
            if code:
                cast(file, POINTER(_File)).contents.methods = None  # not opened: no close
                return code
        code = int(self._real_open(cast(self._real, c_void_p).value, name, file, flags, out))
        if code == 0 and watched:
            head = cast(file, POINTER(_File)).contents
            self._paths[file] = path
            head.methods = ctypes.pointer(self._table(head.methods.contents))
        return code

    def _table(self, real: _Methods) -> _Methods:
        address = ctypes.addressof(real)
        if address not in self._tables:
            table = _Methods()
            memmove(byref(table), byref(real), sizeof(_Methods))
            table.version = 1
            table.write = cast(self._callbacks[2], c_void_p)
            table.truncate = cast(self._callbacks[3], c_void_p)
            table.sync = cast(self._sync_callback, c_void_p)
            self._tables[address] = table
            self._writers[ctypes.addressof(table)] = _Write(real.write), _Size(real.truncate), _Flags(real.sync)
        return self._tables[address]

    def _real_of(self, file: int) -> tuple[object, object, object]:
        return self._writers[ctypes.addressof(cast(file, POINTER(_File)).contents.methods.contents)]

    def _write(self, file: int, data: int, count: int, offset: int) -> int:
        write = self._real_of(file)[0]
        code = self.witness.write(self._paths[file], offset, ctypes.string_at(data, count)) if self.witness else 0
        if code < 0:
            write(file, data, count // 2, offset)  # type: ignore[operator]
        return abs(code) or int(write(file, data, count, offset))  # type: ignore[operator]

    def _truncate(self, file: int, size: int) -> int:
        code = self.witness.truncate(self._paths[file], size) if self.witness else 0
        return code or int(self._real_of(file)[1](file, size))  # type: ignore[operator]

    def _sync(self, file: int, flags: int) -> int:
        code = self.witness.sync(self._paths[file]) if self.witness else 0
        return code or int(self._real_of(file)[2](file, flags))  # type: ignore[operator]

    def _delete(self, _vfs: int, name: bytes, sync: int) -> int:
        code = self.witness.delete(os.fsdecode(name), sync=bool(sync)) if self.witness else 0
        return code or int(self._real_delete(cast(self._real, c_void_p).value, name, sync))


_layers: list[_Layer] = []


@contextmanager
def witnessed(witness: Witness) -> Iterator[None]:
    """Tell `witness` of all that SQLite and the mark write, as long as the block lasts."""
    if not _layers:
        _layers.append(_Layer())
    layer = _layers[0]
    pwrite = os.pwrite

    def marked(file: int, data: bytes, offset: int) -> int:
        path = str(Path(f"/proc/self/fd/{file}").readlink())
        code = witness.write(path, offset, bytes(data))
        if code:
            raise OSError(5 if code != sqlite3.SQLITE_FULL else 28, "injected", path)
        return pwrite(file, data, offset)

    layer.witness = witness
    layer.register()
    try:
        with mock.patch.object(os, "pwrite", marked):
            yield
    finally:
        layer.unregister()
        layer.witness = None
