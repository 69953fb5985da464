"""What a template consists of, once read."""

from __future__ import annotations

from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    value: object


@dataclass(frozen=True, slots=True)
class Name:
    """A function."""

    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """Fields below a start: the current value (``root`` ""), a variable (``$x``) or a pipeline in parentheses."""

    root: str | Pipeline
    fields: tuple[str, ...] = ()


Operand = Literal | Name | Path


@dataclass(frozen=True, slots=True)
class Pipeline:
    """``commands`` feed each other their results. ``names`` are variables that take it, new ones if ``declares``."""

    commands: tuple[tuple[Operand, ...], ...]
    names: tuple[str, ...] = ()
    declares: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Show:
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """``if``, ``with`` (the value becomes the current one) and ``range`` (each of its elements does)."""

    word: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Jump:
    """``break`` or ``continue``."""

    word: str


Node = Text | Show | Branch | Jump
