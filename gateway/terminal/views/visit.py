"""A visit around the work: jobs and their windows, planned outages, documents to a USB stick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.console.wire import Role
from gateway.terminal.verbs import Data, Say, Verb, Word
from gateway.terminal.views.field import ordered

_MIB = 1024 * 1024


def jobs(data: Data, say: Say) -> Iterable[str]:
    """Every job in a line; `*` while its window is open."""
    if not data["jobs"]:
        return [say.text("visit.no_jobs")]
    rows = [
        (
            one["job"] + ("*" if one["now"] else ""),
            one["account"],
            say.text(f"job.{one['kind']}"),
            say.instant(one["begins"]),
            say.instant(one["ends"]),
            say.text(f"job_state.{one['state']}"),
        )
        for one in data["jobs"]
    ]
    return say.table(
        ("visit.job", "visit.account", "visit.kind", "visit.begins", "visit.ends", "visit.state"),
        rows,
    )


def outages(data: Data, say: Say) -> Iterable[str]:
    """Every outage in a line; `*` while it goes on."""
    if not data["outages"]:
        return [say.text("visit.no_outages")]
    rows = [
        (
            one["outage"] + ("*" if one["now"] else ""),
            one["account"],
            say.instant(one["begins"]),
            say.instant(one["ends"]),
            one["reference"],
            one["set_by"],
        )
        for one in data["outages"]
    ]
    head = ("visit.outage", "visit.account", "visit.begins", "visit.ends", "visit.reference", "visit.set_by")
    return say.table(head, rows)


def sticks(data: Data, say: Say) -> Iterable[str]:
    """Every stick that may be written to."""
    if not data["sticks"]:
        return [say.text("visit.no_sticks")]
    rows = [(one["path"], f"{one['free_bytes'] // _MIB} MiB") for one in data["sticks"]]
    return say.table(("visit.stick", "visit.free"), rows)


def exported(data: Data, say: Say) -> Iterator[str]:
    """What is on the stick now."""
    yield say.text("visit.exported", bytes=data["bytes"], stick=data["stick"])
    yield from (f"  {name}" for name in data["files"])


T = Role.TECHNICIAN
ACCOUNT = Word("account", "account")
ANY = Word("account", "account", optional=True)
JOB = Word("job", "job")
VERBS = (
    Verb("jobs", Role.VIEWER, "jobs", (ANY,), "job.list", jobs),
    Verb("job start", T, "job start J-17", (JOB, ANY), "job.start", ordered),
    Verb("job done", T, "job done J-17", (JOB, ANY), "job.done", ordered),
    Verb("outages", Role.VIEWER, "outages", (ANY,), "outage.list", outages),
    Verb("outage plan", T, "outage plan CH-0001 O-9 2026-12-01T08:00+01:00 2026-12-01T12:00+01:00 substation work",
         (ACCOUNT, Word("outage"), Word("begins"), Word("ends"), Word("reference", rest=True)), "outage.plan", ordered),
    Verb("outage cancel", T, "outage cancel CH-0001 O-9 postponed",
         (ACCOUNT, Word("outage"), Word("reason", rest=True)), "outage.cancel", ordered),
    Verb("sticks", T, "sticks", (), "stick.list", sticks),
    Verb("export", T, "export /media/stick load_curve 2026-10-01 2026-10-31 CH-0001",
         (Word("stick"), Word("kind", ("evidence", "load_curve")), Word("since"), Word("until"), ANY),
         "stick.export", exported),
)  # fmt: skip
