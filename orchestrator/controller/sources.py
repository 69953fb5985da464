"""Where the controller gets a stack's desired state from. A source is asked before every pass, so that no pass works on what is
outdated.

``LocalSource`` reads files of this host. Sources of other kinds answer the same two questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from orchestrator.model.host import HostStack
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass
from orchestrator.spec import limits
from orchestrator.spec.load import LoadRequest, load_stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A stack, and what tells this version of it from others: ``version`` is for people, "" where there is no name for it."""

    stack: Stack
    version: str = ""


class Source(Protocol):
    """One stack's desired state."""

    def load(self) -> Wanted:
        """The newest. Raises SpecError where it cannot be used; the last good one then goes on running."""
        ...

    def places(self) -> tuple[str, ...]:
        """Files and folders whose change means that ``load`` may answer something else."""
        ...


class LocalSource:
    """Files of this host. ``key`` makes the digests of what configs and secrets hold."""

    def __init__(self, entry: HostStack, key: Callable[[], bytes]) -> None:
        self._entry, self._key = entry, key
        self._places: tuple[str, ...] = entry.files or (entry.directory,)

    def load(self) -> Wanted:
        stack = load_stack(self._request(), key=self._key())
        self._places = tuple(dict.fromkeys((*stack.config_files, *stack.environment_files, *self._entry.files)))
        return Wanted(stack=stack)

    def places(self) -> tuple[str, ...]:
        return self._places

    def _request(self) -> LoadRequest:
        entry = self._entry
        environment: Mapping[str, str] = entry.variables
        return LoadRequest(
            files=entry.files,
            environment=dict(environment),
            current_directory=entry.directory,
            project_name=entry.name,
            env_files=entry.env_files,
            profiles=entry.profiles,
            limits=limits.from_environment({}),
        )
