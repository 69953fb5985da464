"""What people stopped on purpose, so that a controller does not start it again: kept on this host from run to run.

A small file for each stack of each engine in the state directory, written under the stack's lock. ``stack stop`` adds to it,
``stack up``, ``start`` and ``restart`` take away. The engine cannot hold it: labels of a container never change. Losing the file
means that what was stopped counts as drift.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable

from orchestrator.records import dataclass

Told = Callable[[str, str, frozenset[str] | None], object]


@dataclass(frozen=True, slots=True)
class Stopped:
    """``services`` are stopped, or paused; ``down``: the stack as a whole was taken down."""

    services: frozenset[str] = frozenset()
    down: bool = False

    def __bool__(self) -> bool:
        return self.down or bool(self.services)


class Intents:
    """``directory`` is the state directory of this host; ``engine_id`` is asked for once the engine is there.

    ``trouble`` is told of what could not be kept: a full disk must not keep anybody from stopping something. ``told`` hears every
    intent (stack, verb, services) that was kept: a daemon of another user has a directory of its own.
    """

    def __init__(
        self,
        directory: str,
        engine_id: Callable[[], str],
        trouble: Callable[[str], object] = str,
        told: Told = lambda _stack, _verb, _services: None,
    ) -> None:
        self._state, self._engine_id, self._trouble, self._told = directory, engine_id, trouble, told

    @property
    def _directory(self) -> str:
        digest = hashlib.sha256(self._engine_id().encode()).hexdigest()[:16]
        return os.path.join(self._state, "intents", digest)

    def of(self, stack: str) -> Stopped:
        """What is stopped on purpose; nothing where that is not known."""
        try:
            with open(self._path(stack), encoding="utf-8") as file:
                read = json.load(file)
            return Stopped(frozenset(map(str, read["stopped"])), bool(read["down"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Stopped()

    def stop(self, stack: str, services: Iterable[str]) -> None:
        """These services were stopped."""
        known, named = self.of(stack), frozenset(services)
        self._write(stack, Stopped(known.services | named, known.down))
        self._told(stack, "stop", named)

    def down(self, stack: str) -> None:
        """The stack was taken down."""
        self._write(stack, Stopped(down=True))
        self._told(stack, "down", None)

    def run(self, stack: str, services: Iterable[str] | None = None) -> None:
        """These services are to run again (``None``: all)."""
        known, named = self.of(stack), None if services is None else frozenset(services)
        if known:
            self._write(stack, Stopped(frozenset() if named is None else known.services - named))
        self._told(stack, "run", named)

    def _path(self, stack: str) -> str:
        return os.path.join(self._directory, f"{stack}.json")

    def _write(self, stack: str, wish: Stopped) -> None:
        path = self._path(stack)
        try:
            if wish:
                self._replace(path, wish)
            else:
                _unlink(path)
        except OSError as problem:
            self._trouble(
                f"warning: what is stopped on purpose could not be kept in {path}: {problem.strerror}; "
                "a controller of this host may not go by it"
            )

    def _replace(self, path: str, wish: Stopped) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        draft = f"{path}.{os.getpid()}"
        try:
            with open(draft, "w", encoding="utf-8") as file:
                json.dump({"stopped": sorted(wish.services), "down": wish.down}, file)
            os.replace(draft, path)
        except OSError:
            _unlink(draft)
            raise


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
