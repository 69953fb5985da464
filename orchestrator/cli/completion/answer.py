"""What may stand at the cursor: the words typed so far and the index of commands come in, an ``Answer`` goes out.

The grammar is the reader's: global options before and after the command, a command's own meaning of a letter first, and
everything behind a foreign command (``exec web ls``) its own business.
"""

from __future__ import annotations

import os

from orchestrator.cli.completion import index as indices
from orchestrator.cli.completion import names
from orchestrator.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from orchestrator.cli.completion.index import Index

    Parameter = Mapping[str, Any]
    Pairs = list[tuple[str, str]]

WORDS, FILES, FOLDERS, GLUED = "words", "files", "dirs", "nospace"


@dataclass(frozen=True, slots=True)
class Answer:
    """``directive``: these words; files or folders, which the shell knows; words after which no blank follows."""

    directive: str
    choices: Pairs


class Line:
    """The words in front of the cursor, understood as far as they go."""

    def __init__(self, index: Index, words: Sequence[str]) -> None:
        self.index = index
        self.command: str = ""
        self.group: str = ""
        self.given: dict[str, Any] = {}
        self.own: dict[str, Any] = {}
        self.expects: Parameter | None = None
        self.positionals = 0
        self.ended = False  # behind --
        for word in words:
            self._read(word)

    @property
    def parameters(self) -> list[Parameter]:
        own = self.index["commands"][self.command]["parameters"] if self.command else []
        return [*own, *self.index["shared"]]

    @property
    def foreign(self) -> bool:
        """Whether the words are another program's by now."""
        rest = next((number for number, one in enumerate(self._arguments()) if one["rest"]), None)
        return rest is not None and self.positionals > rest

    def argument(self) -> Parameter | None:
        """The argument that stands at the cursor."""
        for number, one in enumerate(self._arguments()):
            if number == self.positionals or (one["many"] and number <= self.positionals):
                return one
        return None

    def _arguments(self) -> list[Parameter]:
        return [one for one in self.parameters if one["kind"] == "positional"] if self.command else []

    def _read(self, word: str) -> None:
        if self.expects is not None:
            self._keep(self.expects, word)
            self.expects = None
        elif self.foreign:
            self.positionals += 1
        elif word == "--":
            self.ended = True
        elif word.startswith("-") and word != "-" and not self.ended:
            self._option(word)
        elif self.command:
            self.positionals += 1
        else:
            self._command(word)

    def _option(self, word: str) -> None:
        name, equals, value = word.partition("=")
        known = self.find(name)
        if known is None or known["kind"] == "flag":
            return  # joined letters (-it) are flags, or carry their value with them
        if equals:
            self._keep(known, value)
        else:
            self.expects = known

    def find(self, name: str) -> Parameter | None:
        return next((one for one in self.parameters if name in one["names"]), None)

    def _keep(self, known: Parameter, value: str) -> None:
        kept = self.given if known in self.index["shared"] else self.own
        if known["many"]:
            kept.setdefault(known["attribute"], []).append(value)
        else:
            kept[known["attribute"]] = value

    def _command(self, word: str) -> None:
        name = f"{self.group} {word}" if self.group else word
        if name in self.index["commands"]:
            self.command = name
        elif any(known.startswith(f"{name} ") for known in self.index["commands"]):
            self.group = name


def answer(index: Index, environment: Mapping[str, str], words: Sequence[str], current: str) -> Answer:
    """What may stand in the place of ``current`` behind ``words``."""
    line = Line(index, words)
    if line.foreign:
        return Answer(FILES, [])
    if line.expects is not None:
        return _value(line, environment, line.expects, current, "")
    if current.startswith("-") and not line.ended:
        name, equals, value = current.partition("=")
        known = line.find(name) if equals else None
        if known is not None:
            return _value(line, environment, known, value, f"{name}=")
        return _starting(current, indices.visible(line.parameters))
    if not line.command:
        return _starting(current, _commands(line))
    known = line.argument()
    return Answer(WORDS, []) if known is None else _value(line, environment, known, current, "")


def _commands(line: Line) -> Pairs:
    """The next word of every command's name, behind the words that are there."""
    front = f"{line.group} " if line.group else ""
    found: dict[str, str] = {}
    for name, known in line.index["commands"].items():
        if name.startswith(front):
            word, more, _ = name.removeprefix(front).partition(" ")
            found.setdefault(word, line.index["groups"].get(word, "") if more else known["summary"])
    return [*found.items(), *([] if front else [("help", "Show a command's page")])]


def _value(line: Line, environment: Mapping[str, str], known: Parameter, current: str, front: str) -> Answer:
    """Values of an option, or of an argument; ``front`` is what stands before them in the same word."""
    if known["choices"]:
        return _starting(front + current, [(front + choice, "") for choice in known["choices"]])
    what = known["metavar"].strip("[].")
    if what in ("FILE", "FILE|-", "PATH", "SRC", "SRC_PATH", "DEST"):
        return Answer(FILES, [])
    if what == "DIR":
        return Answer(FOLDERS, [])
    if ":" in what:
        return _of_container(line, environment, current)
    found = _names(line, environment, known, what)
    glue = "=" if what.startswith("SERVICE=") else ""
    chosen = _starting(front + current, [(f"{front}{name}{glue}", "") for name in found])
    return Answer(GLUED, chosen.choices) if glue else chosen


def _of_container(line: Line, environment: Mapping[str, str], current: str) -> Answer:
    """``SERVICE:PATH`` or a path here: services, and the shell's files once it looks like one."""
    if "/" in current or current.startswith(".") or ":" in current:
        return Answer(FILES, [])
    services = names.of_file(environment, line.given, "services")
    found = _starting(current, [(f"{name}:", "") for name in services])
    return Answer(GLUED, found.choices) if found.choices else Answer(FILES, [])


def _names(line: Line, environment: Mapping[str, str], known: Parameter, what: str) -> Iterable[str]:
    attribute = known["attribute"]
    if attribute == "profiles":
        return names.of_file(environment, line.given, "profiles")
    if attribute == "context":
        return names.contexts(environment)
    if attribute == "project_name":
        return names.of_engine(environment, line.given, "stacks")
    if what.startswith("CONTAINER"):
        return names.of_engine(environment, line.given, "containers")
    kind = {"network": "networks", "volume": "volumes"}.get(str(line.own.get("type", "")), "services")
    if what.startswith("SERVICE") or (what == "NAME" and line.command == "inspect"):
        return names.of_file(environment, line.given, kind)
    if what.startswith("VOLUME") or (line.command == "volumes" and what == "NAME"):
        return names.of_file(environment, line.given, "volumes")
    return ()


def _starting(current: str, pairs: Pairs) -> Answer:
    return Answer(WORDS, [pair for pair in pairs if pair[0].startswith(current)])


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """``SHELL LINE BREAKS`` for bash, which cuts words at its own breaks; ``SHELL -- WORDS...`` for the others.

    The answer: the directive, then a line for each choice with its help behind a tab.
    """
    shell, *rest = arguments or ("",)
    if shell == "bash":
        words, current = _split(rest[0] if rest else "")
        breaks = rest[1] if len(rest) > 1 else ""
    else:
        words = list(rest[1:] if rest[:1] == ["--"] else rest)
        current = words.pop() if words else ""
        breaks = ""
    found = answer(indices.read(environment), environment, words[1:], current)
    cut = max((current.rfind(char) + 1 for char in ":=" if char in breaks), default=0)
    lines = [found.directive]
    lines += [f"{word[cut:]}\t{_brief(about)}" for word, about in found.choices]
    return "\n".join(lines) + "\n"


def _brief(about: str) -> str:
    return about.partition("; ")[0].partition("\n")[0].rstrip(".")


def _split(line: str) -> tuple[list[str], str]:
    """The words of a line up to the cursor, quotes taken off; the last one may be unfinished or not begun."""
    words: list[str] = []
    current: str | None = None
    quote = ""
    characters = iter(line)
    for char in characters:
        if quote:
            if char == quote:
                quote = ""
            else:
                current = (current or "") + char
        elif char in "'\"":
            quote, current = char, current or ""
        elif char == "\\":
            current = (current or "") + next(characters, "")
        elif char in " \t":
            if current is not None:
                words.append(current)
            current = None
        else:
            current = (current or "") + char
    return words, current or ""


def program(arguments: Sequence[str]) -> str:
    """What is printed for this process's environment; nothing rather than an error, because it would garble the prompt."""
    try:
        return main(arguments, os.environ)
    except Exception:  # whatever it is, Tab must not print it into the line that is being typed
        if os.environ.get("STACK_DEBUG_COMPLETION"):
            raise
        return f"{WORDS}\n"
