"""Notes of a plan as text: how grave, where, and what."""

from __future__ import annotations

from orchestrator.cli.render import safe
from orchestrator.model.plan import Note


def line(note: Note) -> str:
    """``warning: app.yml:4:3, services.web: ...`` on one line."""
    where = f"{note.where}: " if note.where is not None and str(note.where) else ""
    return safe.one_line(f"{note.level.value}: {where}{note.text}")
