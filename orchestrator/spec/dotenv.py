"""Env files: the grammar of ``.env``, of service ``env_file``s and of label files, and the ``raw`` format beside it.

Text and a lookup in, a dictionary out, in the order of the file. Values without quotes and in double quotes are
substituted from the lookup first, then from earlier lines; single quotes keep everything as it is. A statement may span
lines inside quotes, so this reads characters, not lines.
"""

from __future__ import annotations

import re

from orchestrator.errors import SpecError, Where
from orchestrator.spec.limits import DEFAULTS, Limits, exceeded
from orchestrator.spec.substitute import Lookup, Missing, Substitution, TooDeep, TooLong

_BLANKS = "\t\v\f\r \x85\xa0"
_EXPORT = re.compile(r"export[ \t\n\v\f\r]+")
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_ESCAPED = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    "$": "$$",
}
_NAME_MARKS = frozenset("_.-[]")


class EnvFileProblem(SpecError):
    """An env file that cannot be read as one."""

    reference = "invalid-env-file"


def parse(
    text: str, file: str, lookup: Lookup, into: dict[str, str] | None = None, limits: Limits = DEFAULTS
) -> dict[str, str]:
    """The variables of an env file, added to ``into`` (whose own variables count as earlier lines)."""
    reader = _Reader(text, file, lookup, {} if into is None else into, limits)
    reader.run()
    return reader.out


def parse_raw(text: str, file: str, lookup: Lookup, into: dict[str, str] | None = None) -> dict[str, str]:
    """The ``raw`` format: one ``KEY=VALUE`` a line, no quotes, no variables; ``KEY`` alone is looked up."""
    out = {} if into is None else into
    for number, written in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = written.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        key, separator, value = line.partition("=")
        if not key or any(character.isspace() for character in key):
            raise EnvFileProblem(f"the variable name {key!r} is empty or holds a space", where=Where(file, number, 1))
        inherited = lookup(key) if not separator else value
        if inherited is not None:
            out[key] = inherited
    return out


class _Reader:
    def __init__(self, text: str, file: str, lookup: Lookup, out: dict[str, str], limits: Limits) -> None:
        self.text = text.removeprefix("\ufeff")
        self.file = file
        self.out = out
        self.lookup = lookup
        self.position = 0
        self.limits = limits
        self.size = 0
        self.substitution = Substitution(self._find, limits=limits)

    def _find(self, name: str) -> str | None:
        value = self.lookup(name)
        return value if value is not None else self.out.get(name)

    def run(self) -> None:
        while self._start_of_statement():
            key, inherited = self._key()
            if not inherited:
                self._put(key, self._value())
                continue
            value = self.lookup(key)
            if value is not None:
                self.out[key] = value

    def _put(self, key: str, value: str) -> None:
        self.out[key] = value
        self.size += len(value)
        if self.size > self.limits.expanded_bytes:
            raise exceeded("expanded_bytes", self.limits.expanded_bytes, self._where(self.position))

    def _start_of_statement(self) -> bool:
        """Go past blank space and comments; whether anything follows."""
        text, end = self.text, len(self.text)
        while True:
            while self.position < end and text[self.position].isspace():
                self.position += 1
            if self.position >= end:
                return False
            if text[self.position] != "#":
                return True
            newline = text.find("\n", self.position)
            self.position = end if newline < 0 else newline

    def _key(self) -> tuple[str, bool]:
        """The key, and whether it stands alone so that its value comes from elsewhere."""
        match = _EXPORT.match(self.text, self.position)
        start = self.position = match.end() if match else self.position
        end = start
        while end < len(self.text) and self._may_be_in_name(end):
            end += 1
        separator = self.text[end : end + 1]
        key = self.text[start:end].rstrip()
        if " " in key:
            raise self._problem("a variable name cannot contain a space", start)
        self.position = end + 1
        self._skip_blanks()
        return key, separator not in ("=", ":")

    def _may_be_in_name(self, position: int) -> bool:
        """Whether the character belongs to the name; raises for one that may not stand there at all."""
        character = self.text[position]
        if character in "=:\n":
            return False
        if character in _BLANKS or character in _NAME_MARKS or character.isalnum():
            return True
        raise self._problem(f"the character {character!r} cannot stand in a variable name", position)

    def _skip_blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position] in _BLANKS:
            self.position += 1

    def _value(self) -> str:
        quote = self.text[self.position : self.position + 1]
        if quote in ("'", '"') and quote:
            return self._quoted(quote)
        start = self.position
        newline = self.text.find("\n", start)
        end = len(self.text) if newline < 0 else newline
        self.position = end + 1
        value = self.text[start:end].partition(" #")[0].rstrip()
        return self._substitute(value, start)

    def _quoted(self, quote: str) -> str:
        start = self.position
        end = start + 1
        pieces: list[str] = []
        while end < len(self.text) and self.text[end] != quote:
            if self.text[end] == "\\" and end + 1 < len(self.text):
                following = self.text[end + 1]
                pieces.append(following if following == quote else "\\" + following)
                end += 2
                continue
            pieces.append(self.text[end])
            end += 1
        if end >= len(self.text):
            raise self._problem("a quoted value is not closed", start)
        self.position = end + 1
        value = "".join(pieces)
        return self._substitute(_ESCAPE.sub(_unescape, value), start) if quote == '"' else value

    def _substitute(self, value: str, start: int) -> str:
        if "$" not in value:
            return value
        try:
            return self.substitution.apply(value)
        except Missing as missing:
            reason = f": {missing.reason}" if missing.reason else ""
            raise self._problem(f"the required variable {missing.name} is missing a value{reason}", start) from None
        except TooDeep:
            raise exceeded("interpolation_depth", self.limits.interpolation_depth, self._where(start)) from None
        except TooLong:
            raise exceeded("value_bytes", self.limits.value_bytes, self._where(start)) from None
        except ValueError:
            raise self._problem(f"{value[:80]!r} is not a valid use of variables", start) from None

    def _problem(self, message: str, position: int) -> EnvFileProblem:
        return EnvFileProblem(message, where=self._where(position), hint="write KEY=VALUE, one on each line")

    def _where(self, position: int) -> Where:
        before = self.text[:position]
        return Where(self.file, before.count("\n") + 1, position - before.rfind("\n"))


def _unescape(match: re.Match[str]) -> str:
    code = match[0][1:]
    if code[0] != "0":
        return _ESCAPED.get(code, match[0])
    digits = code[1:]
    if len(digits) == 3 and digits < "400" and not set(digits) & {"8", "9"}:
        return chr(int(digits, 8))
    return "\\" + digits
