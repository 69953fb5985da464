"""Characters that no engine takes: unprintable or deceptive ones in names, and a NUL anywhere.

YAML lets them in by escapes (``"\\0"``), and an engine would refuse them when half of the stack is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.spec.hints import quoted
from orchestrator.spec.project import Finding, Seen
from orchestrator.spec.values import Path

_NAMES = ("image", "hostname", "domainname", "user", "platform", "runtime", "stop_signal", "network_mode", "cpuset")
_NAMED = ("environment", "labels", "annotations", "sysctls")
_HINT = "write it without escapes such as \\0, \\n or \\u202e"


def names(seen: Seen) -> Iterator[Finding]:
    """Names that are one line of printable text."""
    for key in _NAMES:
        text = seen.service.get(key)
        if isinstance(text, str) and not text.isprintable():
            yield (key,), f"{quoted(text)} holds a character that cannot be printed", _HINT
    for key in _NAMED:
        for name in seen.block(key):
            if not name.isprintable():
                yield (key, name), f"the name {quoted(name)} holds a character that cannot be printed", _HINT


def no_nul(seen: Seen) -> Iterator[Finding]:
    """The end of a text to every program that is written in C."""
    pending: list[tuple[Path, Any]] = [((), seen.service)]
    while pending:
        path, node = pending.pop()
        below = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in below:
            if isinstance(value, str):
                if "\0" in value:
                    yield (*path, key), f"{quoted(value)} holds a NUL, which nothing can hold", _HINT
            elif isinstance(value, (dict, list)):
                pending.append(((*path, key), value))
