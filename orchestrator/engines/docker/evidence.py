"""What a failed container has to say for itself: how it ended, its last health check, its last log lines. Text for
people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker import logs
from orchestrator.engines.docker.client import Client
from orchestrator.errors import StackError

LINES = 10
LONGEST = 400
_SIGNALS = {130: "SIGINT", 134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}


def ending(container: Mapping[str, Any]) -> str:
    """``exited with code 137 (SIGKILL; out of memory, the limit is 64 MiB)``"""
    state = container["State"]
    code = state.get("ExitCode") or 0
    notes = [_SIGNALS[code]] if code in _SIGNALS else []
    if state.get("OOMKilled"):
        limit = (container.get("HostConfig") or {}).get("Memory") or 0
        notes.append("out of memory" + (f", the limit is {limit / 2**20:g} MiB" if limit else ""))
    if state.get("Error"):
        notes.append(str(state["Error"]))
    return f"exited with code {code}" + (f" ({'; '.join(notes)})" if notes else "")


def probe(container: Mapping[str, Any]) -> str:
    """The last health check's result and output; empty where none has run."""
    log = (container["State"].get("Health") or {}).get("Log") or []
    if not log:
        return ""
    last = log[-1]
    output = _shortened(str(last.get("Output") or "").strip())
    return f"last health check: exit code {last.get('ExitCode')}" + (f": {output}" if output else ", no output")


def tail(client: Client, container: Mapping[str, Any], count: int = LINES) -> list[str]:
    """The last log lines; none where the log driver keeps none. Never raises: this only decorates another error."""
    tty = bool((container.get("Config") or {}).get("Tty"))
    request = logs.LogRequest(container["Id"], tty=tty, follow=False, tail=str(count))
    try:
        content = b"".join(line.content + b"\n" * line.whole for line in logs.read(client, request))
    except StackError:
        return []
    return lines(content, count)


def lines(output: bytes, count: int = LINES) -> list[str]:
    """The last lines of some program's output."""
    return [_clean(line) for line in output.splitlines()[-count:]]


def told(headline: str, details: list[str], said: list[str]) -> str:
    """One text: the headline, then what supports it, indented."""
    parts = [headline, *(f"  {detail}" for detail in details if detail)]
    if said:
        parts += ["  last log lines:", *(f"    {line}" for line in said)]
    return "\n".join(parts)


def _clean(line: bytes) -> str:
    """Without what would move the reader's cursor or colour the terminal."""
    text = line.decode(errors="replace").rstrip()
    return _shortened("".join(char for char in text if char.isprintable() or char == "\t"))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
