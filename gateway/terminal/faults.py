"""What the terminal itself refuses, before or instead of the daemon: reasons and their stable codes.

As in `gateway/console/codes.py`: a code is given once and never again; its text is in `config/console/<language>.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping

FAULTS: Mapping[str, str] = {
    # typing
    "unknown_verb": "E-KEY-01",
    "ambiguous_verb": "E-KEY-02",
    "word_missing": "E-KEY-03",
    "word_unknown": "E-KEY-04",
    "not_a_number": "E-KEY-05",
    "too_many_words": "E-KEY-06",
    "quote_open": "E-KEY-07",
    "line_too_long": "E-KEY-08",
    "too_many_lines": "E-KEY-09",
    "no_such_language": "E-KEY-10",
    "needs_a_person": "E-KEY-11",
    "not_repeatable": "E-KEY-12",
    "not_repaired": "E-KEY-13",
    "no_energy": "E-KEY-14",
    "not_the_same": "E-KEY-15",
    # a file of the technician's own
    "file_unreadable": "E-FIL-01",
    "envelope_too_long": "E-FIL-02",
    "file_not_written": "E-FIL-03",
    # the way to the daemon
    "daemon_away": "E-LNK-01",
    "socket_denied": "E-LNK-02",
    "answer_lost": "E-LNK-03",
    "answer_late": "E-LNK-04",
    "answer_unreadable": "E-LNK-05",
    # the port
    "port_unusable": "E-PRT-01",
    "port_of_a_bus": "E-PRT-02",
}


def fault(reason: str, **detail: str | int) -> tuple[str, str, dict[str, str | int]]:
    """What `Refused` is made of: code, reason, detail."""
    return FAULTS[reason], reason, detail
