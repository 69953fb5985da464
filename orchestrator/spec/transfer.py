"""A canonical model, or why there is none, as plain data that another process can be handed: and back, the same with all marks.

What comes back is believed in nothing: whatever is not what ``packed`` would have made is ``Malformed``. Marks are written once
each, in a table; a mapping whose keys all know their places names them in two lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from orchestrator import errors
from orchestrator.errors import SpecError, StackError, Where
from orchestrator.records import fields
from orchestrator.spec.document import NOWHERE, Map, Mark, Seq
from orchestrator.spec.interpolate import SpecWarning
from orchestrator.spec.limits import Limits
from orchestrator.spec.load import Canonical, LoadRequest
from orchestrator.spec.scalars import Timestamp
from orchestrator.spec.substitute import Variable

MOST_VALUES = 4_000_000  # parts of an answer: a project at the limits of the loader has a third of that
DEEPEST = 200
MOST_ERRORS = 1_000
_REQUESTED = ("project_directory", "project_name", "current_directory", "shown_from")
_KINDS: dict[str, type[StackError]] = {
    kind.__name__: kind
    for kind in (
        errors.SyntaxProblem,
        errors.LimitExceeded,
        errors.InterpolationError,
        errors.SchemaViolation,
        errors.RuleViolation,
        errors.SpecError,
        errors.UsageError,
        errors.UnknownService,
    )
}
_REFERENCE = re.compile(r"[a-z0-9-]{1,64}")
_LISTED = ("files", "env_files", "profiles", "services")
Json = Any
T = TypeVar("T")


class Malformed(ValueError):
    """An answer that is none."""


def packed_request(request: LoadRequest) -> Json:
    """What of a request another process needs, but for the files it reads: how it reads them is its own affair."""
    return {
        **{name: getattr(request, name) for name in _REQUESTED},
        **{name: list(getattr(request, name)) for name in _LISTED},
        "environment": dict(request.environment),
        "limits": {one.name: getattr(request.limits, one.name) for one in fields(Limits)},
    }


def request_of(data: Json) -> LoadRequest:
    said: dict[str, Any] = {name: data[name] for name in _REQUESTED}
    return LoadRequest(
        **said | {name: tuple(data[name]) for name in _LISTED},
        environment=data["environment"],
        limits=Limits(**data["limits"]),
    )


def packed(canonical: Canonical) -> Json:
    writer = _Writer()
    return {
        "model": writer.node(canonical.model),
        "disabled": writer.node(canonical.disabled),
        "name": canonical.name,
        "working_dir": canonical.working_dir,
        "config_files": list(canonical.config_files),
        "environment_files": list(canonical.environment_files),
        "environment": dict(canonical.environment),
        "profiles": list(canonical.profiles),
        "warnings": [[text, _where(where)] for text, where in canonical.warnings],
        "variables": {name: list(variable) for name, variable in canonical.variables.items()},
        "interpolated": canonical.interpolated,
        "sources": list(canonical.sources),
        "marks": writer.marks,  # complete only now
    }


def canonical_of(text: bytes) -> Canonical:
    """The model in an answer. Raises Malformed, and the error that it holds instead of one."""
    return _understood(text, _answered)


def hosts_of(text: bytes) -> tuple[str, ...]:
    """The names in an answer about hosts. Raises Malformed."""
    return _understood(text, lambda data: _texts(data["hosts"]))


def _understood(text: bytes, meaning: Callable[[Json], T]) -> T:
    if sum(map(text.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise Malformed("more values than a model has")
    try:
        return meaning(json.loads(text))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as problem:
        raise Malformed(f"{type(problem).__name__}") from None


def _answered(data: Json) -> Canonical:
    if "error" in data:
        raise error_of(data["error"])
    reader = _Reader(data["marks"])
    return Canonical(
        model=reader.mapping(data["model"]),
        disabled=reader.mapping(data["disabled"]),
        name=_text(data["name"]),
        working_dir=_text(data["working_dir"]),
        config_files=_texts(data["config_files"]),
        environment_files=_texts(data["environment_files"]),
        environment={_text(key): _text(value) for key, value in data["environment"].items()},
        profiles=_texts(data["profiles"]),
        warnings=tuple(SpecWarning(_text(text), _place(where)) for text, where in data["warnings"]),
        variables={_text(name): _variable(said) for name, said in data["variables"].items()},
        interpolated=bool(data["interpolated"]),
        sources=_texts(data["sources"]),
    )


def packed_error(problem: StackError) -> Json:
    others = problem.others if isinstance(problem, SpecError) else ()
    return {
        "kinds": [kind.__name__ for kind in type(problem).__mro__],
        "message": problem.message,
        "where": _where(problem.where) if problem.where is not None else None,
        "hint": problem.hint,
        "reference": problem.ref,
        "others": [packed_error(other) for other in others[:MOST_ERRORS]],
    }


def error_of(data: Json, depth: int = 0) -> StackError:
    """The error, of the nearest kind that everybody knows; its reference says the rest."""
    kind = next((_KINDS[name] for name in map(_text, data["kinds"]) if name in _KINDS), SpecError)
    said: dict[str, Any] = {
        "where": None if data["where"] is None else _place(data["where"]),
        "hint": _text(data["hint"]),
        "reference": _reference(data["reference"]),
    }
    if not issubclass(kind, SpecError):
        return kind(_text(data["message"]), **said)
    others = [] if depth else [error_of(other, 1) for other in data["others"][:MOST_ERRORS]]
    return kind(_text(data["message"]), **said, others=[one for one in others if isinstance(one, SpecError)])


class _Writer:
    def __init__(self) -> None:
        self.marks: list[Json] = []
        self._known: dict[Mark, int] = {NOWHERE: -1}

    def node(self, value: Any) -> Json:
        if isinstance(value, Map):
            keys = list(value)
            items = [self.node(item) for item in value.values()]
            if keys == list(value.keys_at) == list(value.values_at):
                at = list(map(self._mark, value.keys_at.values())), list(map(self._mark, value.values_at.values()))
                return ["m", self._mark(value.mark), keys, items, *at]
            return [
                "M",
                self._mark(value.mark),
                keys,
                items,
                self._marked(value.keys_at),
                self._marked(value.values_at),
            ]
        if isinstance(value, Seq):
            return ["s", self._mark(value.mark), list(map(self.node, value)), list(map(self._mark, value.items_at))]
        if isinstance(value, Timestamp):
            return ["t", str(value)]
        if isinstance(value, dict):
            return ["d", list(value), [self.node(item) for item in value.values()]]
        if isinstance(value, (list, tuple)):
            return ["l", [self.node(item) for item in value]]
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        raise TypeError(type(value).__name__)

    def _mark(self, mark: Mark) -> int:
        number = self._known.get(mark)
        if number is None:
            number = self._known[mark] = len(self.marks)
            self.marks.append(list(mark))
        return number

    def _marked(self, marks: Mapping[str, Mark]) -> Json:
        return {key: self._mark(mark) for key, mark in marks.items()}


class _Reader:
    def __init__(self, marks: Json) -> None:
        self._marks = [Mark(_text(file), _whole(line), _whole(column)) for file, line, column in marks]

    def mapping(self, data: Json) -> Map:
        found = self.node(data)
        if not isinstance(found, Map):
            raise Malformed("a model that is no mapping")
        return found

    def node(self, data: Json, depth: int = 0) -> Any:
        if not isinstance(data, list):
            if isinstance(data, dict):
                raise Malformed("an unknown value")
            return data
        if depth > DEEPEST:
            raise Malformed("too deep")
        kind, *rest = data
        if kind in ("m", "M"):
            return self._map(kind, rest, depth)
        if kind == "s":
            mark, items, at = rest
            return Seq([self.node(item, depth + 1) for item in items], self._mark(mark), map(self._mark, at))
        if kind == "t":
            return Timestamp(_text(rest[0]))
        if kind == "d":
            return {_text(key): self.node(item, depth + 1) for key, item in zip(*rest, strict=True)}
        if kind == "l":
            return [self.node(item, depth + 1) for item in rest[0]]
        raise Malformed("an unknown value")

    def _map(self, kind: str, rest: list[Json], depth: int) -> Map:
        mark, keys, items, keys_at, values_at = rest
        made = Map(
            [(_text(key), self.node(item, depth + 1)) for key, item in zip(keys, items, strict=True)], self._mark(mark)
        )
        if kind == "m":
            keys_at, values_at = zip(keys, keys_at, strict=True), zip(keys, values_at, strict=True)
        else:
            keys_at, values_at = keys_at.items(), values_at.items()
        made.keys_at = {_text(key): self._mark(mark) for key, mark in keys_at}
        made.values_at = {_text(key): self._mark(mark) for key, mark in values_at}
        return made

    def _mark(self, number: Json) -> Mark:
        return NOWHERE if number == -1 else self._marks[_whole(number)]


def _where(where: Where) -> Json:
    return [where.file, where.line, where.column, where.path]


def _place(data: Json) -> Where:
    file, line, column, path = data
    return Where(_text(file), _whole(line), _whole(column), _text(path))


def _variable(data: Json) -> Variable:
    name, required, default, alternate = data
    return Variable(_text(name), bool(required), _text(default), _text(alternate))


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise Malformed("no text")
    return value


def _reference(value: Json) -> str:
    if not _REFERENCE.fullmatch(_text(value)):
        raise Malformed("no reference")
    return str(value)


def _whole(value: Json) -> int:
    if type(value) is not int or value < 0:
        raise Malformed("no number")
    return value


def _texts(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Malformed("no list")
    return tuple(map(_text, value))
