"""What a build is asked to do, and who hears of it: shared by both builders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.errors import EngineError
from orchestrator.model.stack import Build, BuildSecret
from orchestrator.records import dataclass, field, fields

Output = Callable[[str], None]  # a line of the build's own talk
Progress = Callable[[str, str, int, int], None]  # text, part, current, total

LAST_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """``build`` is the file's wish; ``labels`` are ours beside it; ``reference`` is the first name of the result."""

    reference: str
    build: Build
    labels: Mapping[str, str] = field(default_factory=dict)
    builder: str = ""
    memory: int = 0
    export: bool = False  # to the registry of its name instead of to the engine

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.reference, *self.build.tags)))

    def described(self) -> bytes:
        """All that is asked, as text for a gate. What secrets hold is left out."""
        import json  # only a guarded engine wants it

        whole: dict[str, Any] = {item.name: getattr(self.build, item.name) for item in fields(Build)}
        whole["secrets"] = [
            {item.name: getattr(one, item.name) for item in fields(BuildSecret) if item.name != "content"}
            for one in self.build.secrets
        ]
        whole["ulimits"] = {name: [one.soft, one.hard] for name, one in self.build.ulimits.items()}
        whole |= {"labels": self.all_labels, "reference": self.reference, "builder": self.builder}
        return json.dumps({**whole, "memory": self.memory, "export": self.export}, default=dict).encode()

    @property
    def all_labels(self) -> dict[str, str]:
        return {**self.build.labels, **self.labels}


def failed(request: BuildRequest, reason: str, last_lines: list[str]) -> EngineError:
    """A build's failure with the end of what it said."""
    said = "\n".join(f"  | {line}" for line in last_lines[-LAST_LINES:])
    message = f"building {request.reference} failed: {reason}"
    return EngineError(f"{message}\n{said}" if said else message, reference="build-failed")
