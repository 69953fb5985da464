"""Variables in text: ``$NAME``, ``${NAME}`` and the six operators, each once, from left to right.

Text and a lookup in, text out. What is put in is never looked at again, so a value that holds ``${...}`` stays as it
is. Defaults, alternatives and messages are themselves substituted, whether they are needed or not (as Compose does,
so that a mistake in them shows at once), down to a fixed depth. Knows nothing of files and places; ``interpolate``
adds them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from orchestrator.spec.limits import DEFAULTS, Limits

Lookup = Callable[[str], str | None]

_OPERATORS = (":?", ":-", ":+", "?", "-", "+")
_STARTS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_PARTS = _STARTS | frozenset("0123456789")


class Variable(NamedTuple):
    """A variable that a file reads, with what it says about it."""

    name: str
    required: bool = False
    default: str = ""
    alternate: str = ""


class BadFormat(ValueError):
    """A ``$`` form that is not one of the forms there are."""


class Missing(ValueError):
    """``${NAME:?reason}`` without a value."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self.name = name
        self.reason = reason


class TooDeep(ValueError):
    """More levels of ``${...}`` inside ``${...}`` than allowed."""


class TooLong(ValueError):
    """A text that grows beyond what is allowed."""


class Substitution:
    """Substitutes with one lookup; ``on_unset`` hears of unset variables, ``on_variable`` of every one read."""

    __slots__ = ("_depth", "_length", "_lookup", "_on_unset", "_on_variable")

    def __init__(
        self,
        lookup: Lookup,
        *,
        limits: Limits = DEFAULTS,
        on_unset: Callable[[str], None] | None = None,
        on_variable: Callable[[Variable], None] | None = None,
    ) -> None:
        self._lookup = lookup
        self._depth = limits.interpolation_depth
        self._length = limits.value_bytes
        self._on_unset = on_unset
        self._on_variable = on_variable

    def apply(self, text: str, depth: int = 0) -> str:
        """``text`` with every variable replaced by its value."""
        if depth > self._depth:
            raise TooDeep
        done: list[str] = []
        position, length = 0, 0
        while (dollar := text.find("$", position)) >= 0:
            done.append(text[position:dollar])
            value, position = self._form(text, dollar + 1, depth)
            done.append(value)
            length += len(value)
            if length > self._length:
                raise TooLong
        done.append(text[position:])
        return "".join(done)

    def _form(self, text: str, start: int, depth: int) -> tuple[str, int]:
        """The value of the form whose ``$`` stands before ``start``, and where the text goes on."""
        following = text[start : start + 1]
        if following == "$":
            return "$", start + 1
        if following == "{":
            return self._braced(text, start + 1, depth)
        if following not in _STARTS or not following:
            return "$", start
        end = _name_end(text, start)
        return self._plain(text[start:end]), end

    def _plain(self, name: str) -> str:
        self._note(Variable(name))
        value = self._lookup(name)
        if value is not None:
            return value
        if self._on_unset is not None:
            self._on_unset(name)
        return ""

    def _braced(self, text: str, start: int, depth: int) -> tuple[str, int]:
        name_end = _name_end(text, start)
        name = text[start:name_end]
        if not name or name[0] not in _STARTS:
            raise BadFormat
        if text[name_end : name_end + 1] == "}":
            return self._plain(name), name_end + 1
        operator = next((each for each in _OPERATORS if text.startswith(each, name_end)), "")
        if not operator:
            raise BadFormat
        close = _closing(text, name_end)
        argument = text[name_end + len(operator) : close]
        return self._operate(name, operator, argument, depth), close + 1

    def _operate(self, name: str, operator: str, argument: str, depth: int) -> str:
        self._note(_described(name, operator[-1], argument))
        substituted = self.apply(argument, depth + 1) if "$" in argument else argument
        value = self._lookup(name)
        present = value is not None and (value != "" or operator[0] != ":")
        if operator[-1] == "+":
            return substituted if present else value or ""
        if present:
            return value or ""
        if operator[-1] == "?":
            raise Missing(name, substituted)
        return substituted

    def _note(self, variable: Variable) -> None:
        if self._on_variable is not None:
            self._on_variable(variable)


def _described(name: str, kind: str, argument: str) -> Variable:
    if kind == "?":
        return Variable(name, required=True)
    return Variable(name, default=argument) if kind == "-" else Variable(name, alternate=argument)


def _name_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and text[end] in _PARTS:
        end += 1
    return end


def _closing(text: str, start: int) -> int:
    """Where the brace closes: the matching one, or the last of all where the braces between do not match."""
    level, position = 1, start
    while True:
        close = text.find("}", position)
        if close < 0:
            break
        level += text.count("{", position, close) - 1
        if level == 0:
            return close
        position = close + 1
    last = text.rfind("}", start)
    if last < 0:
        raise BadFormat
    return last
