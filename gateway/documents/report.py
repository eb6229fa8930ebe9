"""A field report: what a technician did at a gateway, as one signed statement.

It is small, so the seal alone says everything: all of it stands among the facts that are signed, and the seal goes into
the journal (`console.signed`). The document beside it is the same for people to keep.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.documents.key import DeviceKey
from gateway.documents.seal import JSON, Document, Draft, Fact, ReportKind, json_content, sealed
from gateway.prepayment.events import Moment


def report(key: DeviceKey, gateway_id: str, at: Moment, report_id: str, facts: Mapping[str, Fact]) -> Document:
    """The signed report; `report_id` is the id of the order it is about."""
    kind = ReportKind.FIELD_REPORT
    content = json_content({"kind": kind.value, "gateway_id": gateway_id, "report_id": report_id, **facts})
    draft = Draft(kind, f"report-{report_id}.json", JSON, content, {"report_id": report_id, **facts})
    return sealed(draft, key, gateway_id, at)
