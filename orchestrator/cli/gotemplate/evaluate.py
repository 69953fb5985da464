"""Filling a template in: nodes and a value in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.cli.gotemplate import functions, values
from orchestrator.cli.gotemplate.lexer import problem
from orchestrator.cli.gotemplate.tree import Branch, Jump, Literal, Name, Node, Operand, Path, Pipeline, Show, Text
from orchestrator.cli.gotemplate.values import MISSING, truth

_NOTHING = object()


class _Jumped(Exception):
    """``break`` or ``continue`` on its way to its loop."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Run:
    """One filling-in. The fields of ``root`` are all that there are; other maps may lack a key."""

    def __init__(self, root: object, *, headings: bool = False) -> None:
        self.root = root
        self.headings = headings
        self.out: list[str] = []
        self.variables: list[tuple[str, object]] = [("$", root)]

    def text(self, body: Iterable[Node]) -> str:
        self._nodes(body, self.root)
        return "".join(self.out)

    def _nodes(self, nodes: Iterable[Node], dot: object) -> None:
        depth = len(self.variables)
        for node in nodes:
            match node:
                case Text(text):
                    self.out.append(text)
                case Show(pipeline):
                    value = self._pipeline(pipeline, dot)
                    if not pipeline.names:
                        self.out.append(values.text(value))
                case Branch(word="range"):
                    self._range(node, dot)
                case Branch():
                    self._branch(node, dot)
                case Jump(word):
                    raise _Jumped(word)
        del self.variables[depth:]

    def _branch(self, node: Branch, dot: object) -> None:
        depth = len(self.variables)
        value = self._pipeline(node.pipeline, dot)
        if truth(value):
            self._nodes(node.body, value if node.word == "with" else dot)
        else:
            self._nodes(node.otherwise, dot)
        del self.variables[depth:]

    def _range(self, node: Branch, dot: object) -> None:
        depth = len(self.variables)
        pairs = _elements(self._pipeline(Pipeline(node.pipeline.commands), dot))
        if not pairs:
            self._nodes(node.otherwise, dot)
        for key, value in pairs:
            names = node.pipeline.names
            taken = (value,) if len(names) == 1 else (key, value)
            for name, one in zip(names, taken, strict=False):
                self._set(name, one, declares=node.pipeline.declares)
            try:
                self._nodes(node.body, value)
            except _Jumped as jumped:
                if jumped.word == "break":
                    break
            finally:
                del self.variables[depth:]

    def _pipeline(self, pipeline: Pipeline, dot: object) -> object:
        value: object = _NOTHING
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        for name in pipeline.names:
            self._set(name, value, declares=pipeline.declares)
        return value

    def _set(self, name: str, value: object, *, declares: bool) -> None:
        if declares:
            self.variables.append((name, value))
            return
        for at in range(len(self.variables) - 1, -1, -1):
            if self.variables[at][0] == name:
                self.variables[at] = (name, value)
                return
        raise problem(f"the variable {name} is not defined")

    def _command(self, command: Sequence[Operand], dot: object, final: object) -> object:
        first, *rest = command
        if isinstance(first, Name):
            return self._call(first.name, rest, dot, final)
        value = self._operand(first, dot, called=True)
        if not callable(value):
            if rest or final is not _NOTHING:
                raise problem(f"{values.text(value)} is given arguments and is no function")
            return value
        return _called(_shown(first), value, self._arguments(rest, dot, final))

    def _call(self, name: str, operands: Sequence[Operand], dot: object, final: object) -> object:
        if name in ("and", "or"):
            return self._logic(name, operands, dot, final)
        arguments = self._arguments(operands, dot, final)
        if self.headings and name in functions.OF_DOCKER and arguments:
            return arguments[0]
        return _called(name, functions.ALL[name], arguments)

    def _logic(self, name: str, operands: Sequence[Operand], dot: object, final: object) -> object:
        """The first value that settles it, else the last."""
        value: object = MISSING
        for operand in operands:
            value = self._operand(operand, dot)
            if truth(value) is (name == "or"):
                return value
        return value if final is _NOTHING else final

    def _arguments(self, operands: Sequence[Operand], dot: object, final: object) -> list[object]:
        found = [self._operand(operand, dot) for operand in operands]
        return found if final is _NOTHING else [*found, final]

    def _operand(self, operand: Operand, dot: object, *, called: bool = False) -> object:
        """``called``: a field that wants arguments may be given them."""
        match operand:
            case Literal(value):
                return value
            case Name(name):
                return self._call(name, (), dot, _NOTHING)
            case Path(root, fields):
                value = self._start(root, dot)
                for field in fields:
                    value = self._field(value, field)
                return value if called or not callable(value) else _called(_shown(operand), value, [])

    def _start(self, root: str | Pipeline, dot: object) -> object:
        if isinstance(root, Pipeline):
            return self._pipeline(root, dot)
        if not root:
            return dot
        for name, value in reversed(self.variables):
            if name == root:
                return value
        raise problem(f"the variable {root} is not defined")

    def _field(self, value: object, field: str) -> object:
        if not isinstance(value, Mapping):
            if value is None or value is MISSING:
                return MISSING
            raise problem(f"{values.text(value)} has no field {field}")
        if field in value or value is not self.root:
            return value.get(field, MISSING)
        from difflib import get_close_matches

        known = [str(name) for name in value]
        close = get_close_matches(field, known, n=1)
        hint = f"did you mean .{close[0]}?" if close else f"there are {', '.join(known)}"
        raise problem(f"there is no field {field}; {hint}")


def _elements(value: object) -> list[tuple[object, object]]:
    if isinstance(value, Mapping):
        return [(key, value[key]) for key in sorted(value, key=str)]
    if values.is_list(value):
        assert isinstance(value, Sequence)
        return list(enumerate(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return [(number, number) for number in range(value)]
    if value is None or value is MISSING:
        return []
    raise problem(f"range cannot go over {values.text(value)}")


def _called(name: str, function: Any, arguments: Sequence[object]) -> object:
    try:
        return function(*arguments)
    except TypeError:
        raise problem(f"{name} is called with the wrong number of values ({len(arguments)})") from None


def _shown(operand: Operand) -> str:
    return "." + ".".join(operand.fields) if isinstance(operand, Path) else "it"
