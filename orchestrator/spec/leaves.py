"""The values of a YAML text with the places they take in it, so that some can be exchanged and all else stays as it is.

Text in; a ``Layout`` out, made in one pass over the events: nothing is composed, and the loader's limits hold. Aliases are
refused, because a value behind one stands in two places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.errors import SyntaxProblem, Where
from orchestrator.records import dataclass, field
from orchestrator.spec import complaints, scalars
from orchestrator.spec.guard import Guard
from orchestrator.spec.limits import DEFAULTS, Limits


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value: the keys that lead to it (items of lists add none), what it means, and where it begins and ends in the text."""

    path: tuple[str, ...]
    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """``sections``: the key, begin and end of each entry of the outermost mappings."""

    leaves: list[Leaf] = field(default_factory=list)
    sections: list[tuple[str, int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Frame:
    mapping: bool
    key: str = ""
    wants_key: bool = True


def layout(text: str, file: str, limits: Limits = DEFAULTS) -> Layout:
    """What stands where in ``text``. Raises SyntaxProblem, and LimitExceeded."""
    import yaml

    parser = getattr(yaml, "CLoader", yaml.SafeLoader)(text)
    guard = Guard(limits)
    guard.bytes(len(text), file)
    guard.document(1, file, 1, 1)
    try:
        return _Reader(yaml, file, guard).read(iter(parser.get_event, None))
    except yaml.YAMLError as error:
        raise complaints.problem(error, text.encode(), file, limits) from None
    finally:
        parser.dispose()


class _Reader:
    def __init__(self, yaml: Any, file: str, guard: Guard) -> None:
        self._yaml, self._file, self._guard = yaml, file, guard
        self._frames: list[_Frame] = []
        self._made = Layout()
        self._open: tuple[str, int] | None = None

    def read(self, events: Iterator[Any]) -> Layout:
        yaml = self._yaml
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._begin(event, mapping=type(event) is yaml.MappingStartEvent)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._finish(event)
            elif isinstance(event, yaml.AliasEvent):
                raise self._problem(event, "an encrypted file has no aliases")
        return self._made

    def _scalar(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        self._count(event)
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.mapping and frame.wants_key:
            frame.key, frame.wants_key = event.value, False
            if len(self._frames) == 1:
                self._close_section(start)
                self._open = (event.value, start)
            return
        self._made.leaves.append(Leaf(self._path(), self._meant(event), start, end))
        self._taken()

    def _meant(self, event: Any) -> Any:
        if event.tag not in (None, "!"):
            kind = event.tag.removeprefix("tag:yaml.org,2002:")
            return scalars.tagged(kind, event.value) if kind in scalars.TAGS else event.value
        plain = event.implicit[0] or not (event.value or event.style)
        return scalars.plain(event.value) if plain else event.value

    def _begin(self, event: Any, *, mapping: bool) -> None:
        self._count(event)
        if self._frames and self._frames[-1].mapping and self._frames[-1].wants_key:
            raise self._problem(event, "a key is no text")
        self._frames.append(_Frame(mapping))
        self._guard.level(len(self._frames), *self._place(event))

    def _finish(self, event: Any) -> None:
        self._frames.pop()
        if not self._frames:
            self._close_section(event.end_mark.index)
        self._taken()

    def _taken(self) -> None:
        if self._frames and self._frames[-1].mapping:
            self._frames[-1].wants_key = True

    def _close_section(self, end: int) -> None:
        if self._open is not None:
            self._made.sections.append((*self._open, end))
            self._open = None

    def _path(self) -> tuple[str, ...]:
        return tuple(frame.key for frame in self._frames if frame.mapping)

    def _count(self, event: Any) -> None:
        self._guard.add(1, *self._place(event))

    def _place(self, event: Any) -> tuple[str, int, int]:
        return self._file, event.start_mark.line + 1, event.start_mark.column + 1

    def _problem(self, event: Any, message: str) -> SyntaxProblem:
        return SyntaxProblem(message, where=Where(*self._place(event)))
