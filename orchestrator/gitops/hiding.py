"""What a stranger's branch could carry off in the plan of it, hidden: values that the host gives, and secrets.

A branch decides where values come to stand, and so may put one of the host's into a label, an image name, or a place where it is an
error that quotes it. So they are not only masked where they stand whole: of longer values every part that is long enough to tell
something goes as well, however it is written. What is shorter than ``SHORTEST`` occurs everywhere and is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.errors import StackError
from orchestrator.model.host import HostStack
from orchestrator.model.masking import MASK
from orchestrator.spec import environment
from orchestrator.spec.limits import DEFAULTS

SHORTEST = 4  # characters of a value that is hidden wherever it stands
PART = 12  # so many characters in a row of a longer value are never shown
_TELLING = 8  # characters of a word of a value that looks like a password
_LOOKED_AT = 1 << 16  # characters of a value whose parts are known: the files of secrets may be large
_BETWEEN = re.compile(r"[\s:/@,;=&?#|'\"\\()\[\]{}<>]+")


class Hidden:
    """``text`` and ``document`` without ``values``."""

    def __init__(self, values: Iterable[str]) -> None:
        folded = {_folded(value) for value in values}
        words = {word for value in folded for word in _BETWEEN.split(value) if _is_telling(word)}
        self._whole = sorted({one for one in folded | words if len(one) >= SHORTEST}, key=lambda one: (-len(one), one))
        self._parts = {
            value[start : start + PART]
            for value in folded
            for start in range(max(0, min(len(value), _LOOKED_AT) - PART + 1))
        }

    def text(self, text: str) -> str:
        """``text`` with ``***`` in the place of each part that tells a value."""
        hidden = self._hidden(_folded(text))
        if not any(hidden):
            return text
        shown = ""
        for start, end, is_hidden in _stretches(hidden):
            shown += MASK if is_hidden else text[start:end]
        return shown

    def document(self, value: Any, but: frozenset[str] = frozenset()) -> Any:
        """Plain data with all of its texts so; what stands under a key of ``but`` is in words of our own, and stays."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: one if key in but else self.document(one, but) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.document(one, but) for one in value]
        return value

    def _hidden(self, text: str) -> bytearray:
        """For each character whether it goes."""
        found = bytearray(len(text))
        for value in self._whole:
            start = text.find(value)
            while start >= 0:
                found[start : start + len(value)] = b"\1" * len(value)
                start = text.find(value, start + 1)
        for start in range(len(text) - PART + 1):
            if text[start : start + PART] in self._parts:
                found[start : start + PART] = b"\1" * PART
        return found


def of_host(entry: HostStack) -> frozenset[str]:
    """All that the host file and its env files give to the spec of a stack, whatever becomes of reading them."""
    given: dict[str, str] = {}
    values = set(entry.variables.values())
    for path in entry.env_files:
        try:
            values.update(_raw(environment.read_text(path, path)))
            environment.read_into(given, path, path, dict(entry.variables), None, DEFAULTS)
        except StackError:
            pass  # it is what is wrong with the stack, and told there
    return frozenset({*values, *given.values()} - {""})


def _raw(text: str) -> Iterator[str]:
    """What stands behind the names, as it is written."""
    for line in text.splitlines():
        yield line.partition("=")[2].strip().strip("'\"")


def _folded(text: str) -> str:
    """Without a difference of upper and lower case, character by character."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(one.lower()[0] for one in text)


def _is_telling(word: str) -> bool:
    """Whether a word looks like a password rather than like a word, a number or a name."""
    return len(word) >= _TELLING and any(map(str.isalpha, word)) and any(map(str.isdigit, word))


def _stretches(hidden: bytearray) -> Iterator[tuple[int, int, bool]]:
    start = 0
    for end in range(1, len(hidden) + 1):
        if end == len(hidden) or hidden[end] != hidden[start]:
            yield start, end, bool(hidden[start])
            start = end
