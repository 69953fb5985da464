"""What BuildKit says while it builds (``--progress=rawjson``), told as lines and progress.

Lines of JSON go in: vertexes (steps) that start and end, statuses (bytes moved), logs. A line that is not JSON is the
program's own word, such as the reason of a failure. Pure; the last lines are kept for the error.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker.build_request import LAST_LINES, Output, Progress


class BuildkitProgress:
    """``reason`` is the failure in one line, empty while there is none."""

    def __init__(self, output: Output, progress: Progress) -> None:
        self._output = output
        self._progress = progress
        self._names: dict[str, str] = {}
        self._told: set[str] = set()
        self._cached: set[str] = set()
        self._unfinished: dict[str, str] = {}
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self.reason = ""

    @property
    def last_lines(self) -> list[str]:
        return [*self._last, *(rest for rest in self._unfinished.values() if rest)][-LAST_LINES:]

    def feed(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        message = _parse(text)
        if message is None:
            self._own_word(text)
            return
        for vertex in message.get("vertexes") or ():
            self._step(vertex)
        for status in message.get("statuses") or ():
            self._moved(status)
        for log in message.get("logs") or ():
            self._said(log)

    def _own_word(self, text: str) -> None:
        if text.startswith("ERROR: "):
            self.reason = text.removeprefix("ERROR: ")
        elif text:
            self._tell(text)

    def _step(self, vertex: Mapping[str, Any]) -> None:
        digest, name = str(vertex.get("digest", "")), str(vertex.get("name", ""))
        self._names[digest] = name
        if vertex.get("error"):
            self._tell_rest_of(digest)
            self.reason = self.reason or str(vertex["error"])
        elif vertex.get("completed"):
            self._end_step(digest, name, "CACHED" if vertex.get("cached") else "")
        elif vertex.get("started") and digest not in self._told:
            self._told.add(digest)
            self._tell(name)
            self._progress(name, "", 0, 0)

    def _end_step(self, digest: str, name: str, how: str) -> None:
        self._tell_rest_of(digest)
        if how and digest not in self._cached:
            self._cached.add(digest)
            self._tell(f"{how} {name}")
            self._progress(f"{how} {name}", "", 0, 0)

    def _moved(self, status: Mapping[str, Any]) -> None:
        step = self._names.get(str(status.get("vertex", "")), "")
        part = str(status.get("id", ""))
        self._progress(step, part, int(status.get("current") or 0), int(status.get("total") or 0))

    def _said(self, log: Mapping[str, Any]) -> None:
        digest = str(log.get("vertex", ""))
        try:
            data = base64.b64decode(str(log.get("data", "")))
        except binascii.Error:
            return
        *lines, rest = (self._unfinished.get(digest, "") + data.decode("utf-8", "replace")).split("\n")
        self._unfinished[digest] = rest[-4096:]
        for line in lines:
            self._tell(line.rstrip("\r"))
            self._progress(line.rstrip("\r"), "", 0, 0)

    def _tell_rest_of(self, digest: str) -> None:
        rest = self._unfinished.pop(digest, "")
        if rest:
            self._tell(rest)

    def _tell(self, line: str) -> None:
        self._last.append(line)
        self._output(line)


def _parse(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
