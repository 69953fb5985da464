"""What ``!reset`` and ``!override`` do to what was merged before: the value at their path goes.

A reset contributes nothing itself (the parser has dropped its value); an override then merges onto nothing. Items of
lists stay: a list is appended to as a whole, so there is nothing below it to take away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.spec.document import Map
from orchestrator.spec.parse import Path


def apply_tags(model: Map, tags: Iterable[Path]) -> None:
    """Remove from ``model`` what stands at each of the paths."""
    for path in tags:
        node: Any = model
        for part in path[:-1]:
            node = node.get(part) if isinstance(node, Map) and isinstance(part, str) else None
        if path and isinstance(node, Map) and isinstance(path[-1], str):
            node.pop(path[-1], None)
