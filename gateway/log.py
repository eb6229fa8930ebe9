"""What the daemon says of itself: events are names with fields (`supply.transition`, `meter.silent`), one line each.

Under systemd a line is JSON behind its priority (`<6>{...}`), which journald understands and stamps with its own time;
on a terminal it is coloured text; into a pipe or a file it is JSON with a time. Nothing that happens at every poll
is logged at `info`: an SD card lives longer when nobody writes.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import msgspec

# structlog loads rich when it happens to be installed, for tracebacks a daemon never draws: 8 MB on a small machine.
_RICH = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402

if _RICH is None:
    del sys.modules["rich"]
else:
    sys.modules["rich"] = _RICH

LINE_MAX = 400
KEPT = 200
"""Lines kept in memory for whoever asks at the console; `journalctl` has them all."""
_recent: deque[tuple[str, str]] = deque(maxlen=KEPT)
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_QUIET_LIBRARIES = ("pymodbus", "pymodbus.logging", "paho", "aiosqlite")
"""They report each failed exchange, which is counted and told once by us."""


_STAMP = structlog.processors.TimeStamper("iso")


def configure(*, verbose: bool = False, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> None:
    """Set up logging for this process; call it once, before anything is logged."""
    out = sys.stdout if stream is None else stream
    shared: list[structlog.typing.Processor] = [structlog.processors.add_log_level]
    shared.append(_keep)
    if not out.isatty():
        shared.append(structlog.processors.format_exc_info)
    if _is_journal(out, os.environ if environ is None else environ):
        shared += [_journal_line]
    elif out.isatty():
        shared += [structlog.processors.TimeStamper("%H:%M:%S", utc=False), structlog.dev.ConsoleRenderer()]
    else:
        shared += [structlog.processors.TimeStamper("iso"), _json_line]
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge(logging.WARNING)]
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def recent(count: int, *, warnings: bool = False) -> tuple[str, ...]:
    """The latest lines of this process, oldest first, as JSON with a time; only warnings and worse, if asked."""
    lines = [line for level, line in _recent if not warnings or _PRIORITIES.get(level, 6) <= _PRIORITIES["warning"]]
    return tuple(lines[-count:])


def _keep(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    stamped = _STAMP(None, method, {**event, "exc_info": None})
    _recent.append((str(event.get("level", method)), _json_line(None, method, stamped)[:LINE_MAX]))
    return event


def _is_journal(out: TextIO, environ: Mapping[str, str]) -> bool:
    """JOURNAL_STREAM names the journal's end of a pipe; a redirected stream is another file (systemd.exec(5))."""
    stream = environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(out.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"


def _json_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(_ordered(event), enc_hook=str).decode()


def _journal_line(_logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    priority = _PRIORITIES.get(str(event.get("level", method)), 6)
    return f"<{priority}>{_json_line(_logger, method, event)}"


def _ordered(event: MutableMapping[str, Any]) -> dict[str, Any]:
    """The name first: a person reads lines from the left."""
    return {"event": event.pop("event", ""), **event}


class _Bridge(logging.Handler):
    """What libraries say through `logging`, as one event of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record on; a warning of asyncio is something to look at."""
        level = "error" if record.levelno >= logging.ERROR else "warning"
        structlog.get_logger().log(
            getattr(logging, level.upper()), "library.message", library=record.name, message=record.getMessage()
        )
