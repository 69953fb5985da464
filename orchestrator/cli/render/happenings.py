"""What a daemon tells, as lines of its log: for people, or one JSON object each."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from orchestrator.cli.render import safe
from orchestrator.controller.status import Happening


def line(happening: Happening, form: str) -> str:
    """A happening in one line; ``form`` is text or json."""
    moment = datetime.fromtimestamp(happening.time, UTC).isoformat(timespec="milliseconds")
    if form == "json":
        record = {
            "time": moment,
            "level": happening.level,
            "event": happening.kind,
            "stack": happening.stack,
            "service": happening.service,
            "message": happening.text,
        }
        return json.dumps({key: value for key, value in record.items() if value}, ensure_ascii=False)
    where = "/".join(part for part in (happening.stack, happening.service) if part)
    said = "\n    ".join(safe.one_line(part) for part in happening.text.splitlines())
    return f"{moment} {happening.level:<7} {where + ': ' if where else ''}{happening.kind}: {said}"
