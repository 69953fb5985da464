"""Stacks and sources that somebody suspended by hand: kept over restarts, until they are resumed."""

from __future__ import annotations

import json
import os
import threading


class Suspended:
    """The names, in a file of the state directory. A file that cannot be read counts as empty."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, "suspended.json")
        self._lock = threading.Lock()

    def __contains__(self, stack: str) -> bool:
        return stack in self._names()

    def add(self, stack: str) -> None:
        with self._lock:
            self._write(self._names() | {stack})

    def discard(self, stack: str) -> None:
        with self._lock:
            self._write(self._names() - {stack})

    def _names(self) -> set[str]:
        try:
            with open(self._path, encoding="utf-8") as file:
                return set(map(str, json.load(file)))
        except (OSError, ValueError, TypeError):
            return set()

    def _write(self, names: set[str]) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        draft = f"{self._path}.{os.getpid()}"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(sorted(names), file)
        os.replace(draft, self._path)
