"""Revisions as people read them, and as the documents of ``history.schema.json``. Everything in a history is masked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.cli.render import safe, size
from orchestrator.cli.render.table import table
from orchestrator.controller.history import Image, Revision

FORMAT = 1
HEADINGS = ("REVISION", "BEGAN", "OUTCOME", "COMMAND", "BY", "COMMIT", "WHAT")
_WIDEST = 60

Document = dict[str, Any]


def listing(revisions: list[Revision], serving: int, now: float) -> str:
    """A table, the latest first; ``*`` marks the one that serves."""
    return table(HEADINGS, [_row(one, one.number == serving, now) for one in revisions], narrowest=10)


def _row(revision: Revision, serves: bool, now: float) -> tuple[str, ...]:
    by, origin = revision.record.get("by", {}), revision.record.get("from", {})
    what = safe.one_line(_what(revision))
    return (
        f"{revision.number}{' *' if serves else ''}",
        f"{size.ago(now - revision.began)} ago",
        revision.outcome.value,
        revision.command,
        f"{by.get('user', '')}@{by.get('host', '')}",
        origin.get("commit", "")[:10],
        what if len(what) <= _WIDEST else what[: _WIDEST - 1] + "…",
    )


def _what(revision: Revision) -> str:
    back = f"back to {revision.returns_to}" if revision.returns_to else ""
    return ": ".join(part for part in (back, revision.summary) if part)


def document(stack: str, revisions: list[Revision], serving: int) -> Document:
    """The list as a document."""
    return {"format": FORMAT, "stack": stack, "revisions": [_brief(one, one.number == serving) for one in revisions]}


def _brief(revision: Revision, serves: bool) -> Document:
    return {
        "revision": revision.number,
        "serves": serves,
        "outcome": revision.outcome.value,
        "command": revision.command,
        "returns_to": revision.returns_to,
        "began": moment(revision.began),
        "ended": None if revision.ended is None else moment(revision.ended),
        "summary": revision.summary,
        "by": revision.record.get("by", {}),
        "from": revision.record.get("from", {}),
        "images": {name: _image(image) for name, image in revision.images.items()},
    }


def _image(image: Image) -> Document:
    return {"reference": image.reference, "id": image.id, "digests": list(image.digests)}


def whole(stack: str, revision: Revision, serves: bool) -> Document:
    """One revision as a document."""
    record = {key: value for key, value in revision.record.items() if key not in ("by", "from")}
    spec = {key: value for key, value in revision.spec.items() if key not in ("masked", "contents")}
    return {"format": FORMAT, "stack": stack, **_brief(revision, serves), **record, "spec": spec}


def page(revision: Revision, serves: bool) -> str:
    """One revision for people, without its spec."""
    lines = [f"revision {revision.number}{' (serves)' if serves else ''}"]
    lines += [f"  {name + ':':<11}{safe.one_line(value)}" for name, value in _facts(revision) if value]
    for title, body in _parts(revision):
        if body:
            lines += ["", title, *(f"  {safe.one_line(line)}" for line in body)]
    return "\n".join(lines) + "\n"


def _facts(revision: Revision) -> Iterator[tuple[str, str]]:
    record = revision.record
    by, origin = record.get("by", {}), record.get("from", {})
    yield "outcome", revision.outcome.value
    yield "command", revision.command + (f", back to {revision.returns_to}" if revision.returns_to else "")
    yield "began", moment(revision.began)
    yield "took", size.seconds(revision.ended - revision.began) if revision.ended else ""
    yield "by", f"{by.get('user', '')}@{by.get('host', '')}" + (f" ({by['sudo']} with sudo)" if "sudo" in by else "")
    yield "files", ", ".join(origin.get("files", ()))
    yield "commit", " ".join(part for part in (origin.get("commit", ""), _branch(origin)) if part)
    yield "repository", " ".join(part for part in (origin.get("repository", ""), origin.get("ref", "")) if part)
    yield "engine", record.get("engine", "")
    yield "program", record.get("program", "")
    yield "restored", ", ".join(record.get("restored", ()))


def _branch(origin: Mapping[str, str]) -> str:
    return f"({origin['branch']})" if "branch" in origin else ""


def _parts(revision: Revision) -> Iterator[tuple[str, list[str]]]:
    record = revision.record
    images = revision.images.items()
    yield "images", [line for name, image in images for line in (f"{name}: {image.reference}", f"  {_exact(image)}")]
    yield "steps", [line for step in record.get("steps", ()) for line in _step(step)]
    yield "notes", list(record.get("notes", ()))
    for name, said in record.get("last_lines", {}).items():
        yield f"last lines of {name}", said
    yield "error", record.get("error", "").splitlines()


def _exact(image: Image) -> str:
    return ", ".join((image.id, *image.digests))


def _step(step: Mapping[str, Any]) -> Iterator[str]:
    reason = f", {step['reason']}" if step["reason"] else ""
    yield f"{step['outcome']:<8}{step['text']}{reason} ({size.seconds(step['seconds'])})"
    for one in step["differences"]:
        yield f"          {one['path']}: {one['before'] or '(none)'} -> {one['after'] or '(none)'}"
    if step.get("error"):
        yield f"          {step['error'].partition(chr(10))[0]}"


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
