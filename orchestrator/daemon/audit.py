"""The audit log: one JSON object a line, only ever added to: when, who, which stack, what was asked or done, and how it ended.

No values are in it: actions are named, their contents are not. What cannot be written is said on the board and passed over.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime


class Audit:
    """``complain`` is told, once, when the file cannot be written."""

    def __init__(self, directory: str, complain: Callable[[str], object]) -> None:
        self._path = os.path.join(directory, "audit.jsonl")
        self._complain = complain
        self._complained = False
        self._lock = threading.Lock()

    def write(self, **entry: object) -> None:
        """One line; the time comes by itself."""
        record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **entry}
        text = json.dumps({key: value for key, value in record.items() if value not in ("", None)}) + "\n"
        with self._lock:
            try:
                os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
                handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                with os.fdopen(handle, "a", encoding="utf-8") as file:
                    file.write(text)
            except OSError as problem:
                if not self._complained:
                    self._complained = True
                    self._complain(f"the audit log {self._path} cannot be written: {problem.strerror}")
