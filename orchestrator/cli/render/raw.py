"""The engine's own descriptions as ``docker inspect`` prints them: a JSON array, or a template filled in for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def text(described: Iterable[Any], how: str) -> str:
    """``how`` is json or a Go template."""
    if how in ("", "json"):
        import json

        return json.dumps(list(described), indent=4, ensure_ascii=False) + "\n"
    from orchestrator.cli.gotemplate import Template

    template = Template(how.replace("\\t", "\t").replace("\\n", "\n"))
    return "".join(f"{template.render(one)}\n" for one in described)
