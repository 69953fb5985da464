"""From the arguments behind ``stack`` to values: the grammar that ``docker compose`` users have in their fingers.

In: argument lists and declarations. Out: filled-in declarations, or a ``UsageError`` with a "did you mean". Global
options are understood before and after the sub-command; where a command declares the same letter itself, its
meaning wins there. Switches take ``=true`` and ``=false``; single letters may be joined (``-it``, ``-fapp.yml``);
``--`` ends the options.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from orchestrator.cli.declare import FLAG, NUMBER, POSITIONAL, Parameter, parameters
from orchestrator.errors import UsageError

Declared = TypeVar("Declared")
Given = dict[str, Any]

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True", "y", "yes"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False", "n", "no"})


class HelpWanted(Exception):
    """``--help`` was among the options."""


class Grammar:
    """The options known at one point of the command line, and where their values go."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.options: dict[str, tuple[Parameter, Given]] = {}
        self.positionals: list[Parameter] = []
        self.given: Given = {}

    def learn(self, known: Iterable[Parameter], given: Given) -> None:
        """Add options whose values go to ``given``; names that are already known keep their meaning."""
        for parameter in known:
            if parameter.kind == POSITIONAL:
                self.positionals.append(parameter)
            for name in parameter.names:
                self.options.setdefault(name, (parameter, given))

    @property
    def interspersed(self) -> bool:
        return not any(parameter.rest for parameter in self.positionals)


def before_command(argv: Sequence[str], shared: type, given: Given) -> list[str]:
    """Read the options in front of the sub-command into ``given``; returns the sub-command's name and all behind it."""
    grammar = Grammar("")
    grammar.learn(parameters(shared), given)
    return _options(grammar, list(argv), stop_at_word=True)


def after_command(
    command: str, argv: Sequence[str], declaration: type[Declared], shared: type, given: Given
) -> Declared:
    """Read everything behind the sub-command: its own options and arguments, and shared options into ``given``."""
    grammar = Grammar(command)
    grammar.learn(parameters(declaration), grammar.given)
    grammar.learn(parameters(shared), given)
    words = _options(grammar, list(argv), stop_at_word=not grammar.interspersed)
    _positionals(grammar, words)
    return declaration(**_settled(grammar.given))


def filled(shared: type[Declared], given: Given) -> Declared:
    """The shared options as their declaration, once the whole command line is read."""
    return shared(**_settled(given))


def _settled(given: Given) -> Given:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _options(grammar: Grammar, argv: list[str], *, stop_at_word: bool) -> list[str]:
    """Consume the options of ``argv``; returns its other words."""
    words: list[str] = []
    position = 0
    while position < len(argv):
        word = argv[position]
        position += 1
        if word == "--":
            return words + argv[position:]
        if word.startswith("--"):
            position = _long(grammar, argv, position, word)
        elif word.startswith("-") and word != "-":
            position = _letters(grammar, argv, position, word)
        elif stop_at_word:
            return words + argv[position - 1 :]
        else:
            words.append(word)
    return words


def _long(grammar: Grammar, argv: list[str], position: int, word: str) -> int:
    name, equals, value = word.partition("=")
    parameter, given = _lookup(grammar, name)
    if parameter.kind == FLAG:
        given[parameter.attribute] = _truth(grammar, name, value) if equals else True
        return position
    if not equals:
        value, position = _next(grammar, argv, position, name)
    _store(grammar, parameter, given, name, value)
    return position


def _letters(grammar: Grammar, argv: list[str], position: int, word: str) -> int:
    """``-it``, ``-f app.yml``, ``-fapp.yml``, ``-t=5``."""
    rest = word[1:]
    while rest:
        name, rest = "-" + rest[0], rest[1:]
        parameter, given = _lookup(grammar, name, word)
        if parameter.kind != FLAG:
            value = rest.removeprefix("=")
            if not rest:
                value, position = _next(grammar, argv, position, name)
            _store(grammar, parameter, given, name, value)
            return position
        if rest.startswith("="):
            given[parameter.attribute] = _truth(grammar, name, rest[1:])
            return position
        given[parameter.attribute] = True
    return position


def _lookup(grammar: Grammar, name: str, word: str = "") -> tuple[Parameter, Given]:
    if name in grammar.options:
        found = grammar.options[name]
        if found[0].later:
            raise _refused(grammar, name)
        return found
    if name in ("--help", "-h"):
        raise HelpWanted
    known = [name for name, (parameter, _) in grammar.options.items() if not (parameter.hidden or parameter.later)]
    shown = f"{name} (in {word})" if word not in ("", name) else name
    raise UsageError(f"unknown option {shown}{_for(grammar)}", hint=_suggestion(grammar, name, known))


def _refused(grammar: Grammar, name: str) -> UsageError:
    return UsageError(
        f"option {name}{_for(grammar)} is not supported yet",
        hint="leave it out; nothing was done, because ignoring it would do something else than you asked for",
        reference="not-supported-yet",
    )


def _suggestion(grammar: Grammar, name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=2) if name.startswith("--") else []
    page = f"`stack {grammar.command} --help`" if grammar.command else "`stack --help`"
    return f"did you mean {' or '.join(close)}?" if close else f"{page} lists the options"


def _next(grammar: Grammar, argv: list[str], position: int, name: str) -> tuple[str, int]:
    if position >= len(argv):
        raise UsageError(f"option {name}{_for(grammar)} needs a value")
    return argv[position], position + 1


def _store(grammar: Grammar, parameter: Parameter, given: Given, name: str, value: str) -> None:
    if parameter.choices and value not in parameter.choices:
        raise UsageError(
            f"{value!r} is no value of option {name}{_for(grammar)}",
            hint=f"one of {', '.join(filter(None, parameter.choices))}",
        )
    if parameter.many:
        given.setdefault(parameter.attribute, []).append(value)
    elif parameter.kind == NUMBER:
        given[parameter.attribute] = _integer(grammar, name, value)
    else:
        given[parameter.attribute] = value


def _integer(grammar: Grammar, name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"option {name}{_for(grammar)} needs a whole number, not {value!r}") from None


def _truth(grammar: Grammar, name: str, value: str) -> bool:
    if value not in TRUE | FALSE:
        raise UsageError(f"option {name}{_for(grammar)} takes true or false, not {value!r}")
    return value in TRUE


def _for(grammar: Grammar) -> str:
    return f" of `stack {grammar.command}`" if grammar.command else ""


def _positionals(grammar: Grammar, words: list[str]) -> None:
    for parameter in grammar.positionals:
        if parameter.required and not words:
            raise UsageError(
                f"`stack {grammar.command}` needs {parameter.metavar}",
                hint=f"`stack {grammar.command} --help` shows how it is called",
            )
        if parameter.many:
            grammar.given[parameter.attribute] = tuple(words)
            words = []
        elif words:
            grammar.given[parameter.attribute] = words.pop(0)
    if words:
        raise UsageError(
            f"`stack {grammar.command}` does not take the argument {words[0]!r}",
            hint=f"`stack {grammar.command} --help` shows how it is called",
        )
