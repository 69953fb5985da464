"""The complete model as its rules look at it: one service at a time, with the project it stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.spec.document import Map
from orchestrator.spec.values import Path

Finding = tuple[Path, str, str]  # where below the service (or the project), what is wrong, what to do
ProjectRule = Callable[["Project"], Iterator[Finding]]
ServiceRule = Callable[["Seen"], Iterator[Finding]]


class Project:
    """The model: its enabled services, its sections, and the services of inactive profiles."""

    __slots__ = ("disabled", "model", "services")

    def __init__(self, model: Map, disabled: Mapping[str, Any]) -> None:
        self.model, self.disabled = model, disabled
        self.services = {name: item for name, item in self.section("services").items() if isinstance(item, Map)}

    def section(self, name: str) -> Mapping[str, Any]:
        """A top-level section, empty where the file has none."""
        section = self.model.get(name)
        return section if isinstance(section, dict) else {}


class Seen:
    """A service as a rule sees it."""

    __slots__ = ("name", "project", "service")

    def __init__(self, project: Project, name: str, service: Map) -> None:
        self.project, self.name, self.service = project, name, service

    def block(self, key: str) -> Mapping[str, Any]:
        """The mapping under ``key``, empty where there is none."""
        block = self.service.get(key)
        return block if isinstance(block, dict) else {}

    def at(self, *path: str) -> Any:
        """What stands at ``path`` below the service, None where nothing does."""
        node: Any = self.service
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        return node

    def items(self, *path: str) -> Iterator[tuple[int, Any]]:
        """The items of the list at ``path`` with their places in it."""
        return enumerate(self.at(*path) or ())
