"""Variables in a document: every text value substituted once, in place, and cast where a number or boolean belongs.

A document and an environment in; the same document out, plus what there is to tell: warnings about unset variables
and old booleans, and the variables that were read. Keys are left alone. Text without ``$`` costs one look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from orchestrator.errors import InterpolationError, LimitExceeded, Where
from orchestrator.spec import casts, substitute
from orchestrator.spec.document import Map, Mark, Seq, format_path, where
from orchestrator.spec.limits import DEFAULTS, Limits, exceeded
from orchestrator.spec.patterns import Rules
from orchestrator.spec.substitute import Variable

Path = tuple[str | int, ...]


class SpecWarning(NamedTuple):
    """Something the user should know about a place in the files."""

    text: str
    where: Where


class Findings:
    """What steps of the loader have to tell beside the model: warnings, once each, and the variables read."""

    def __init__(self) -> None:
        self._warnings: dict[SpecWarning, None] = {}
        self._expanded = 0
        self.variables: dict[str, Variable] = {}

    def warn(self, text: str, where: Where) -> None:
        self._warnings[SpecWarning(text, where)] = None

    def advise(self, model: Map, advice: Iterable[tuple[Path, str, str]]) -> None:
        """Warn of what was found in a model: path, message and hint of each."""
        for path, message, hint in advice:
            self.warn(f"{message}; {hint}" if hint else message, where(model, path))

    @property
    def warnings(self) -> tuple[SpecWarning, ...]:
        return tuple(self._warnings)

    def account_expanded(self, size: int, limits: Limits, where: Where) -> None:
        """Count what variables made of a text: a line in a file can stand for much, many times over."""
        self._expanded += size
        if self._expanded > limits.expanded_bytes:
            raise exceeded("expanded_bytes", limits.expanded_bytes, where)

    def read(self, variable: Variable) -> None:
        """Remember a variable; what says more about it wins."""
        known = self.variables.get(variable.name)
        if known is None or known[1:] == (False, "", ""):
            self.variables[variable.name] = variable


def interpolate(
    root: Map, environment: Mapping[str, str], findings: Findings, *, limits: Limits = DEFAULTS, replace: bool = True
) -> None:
    """Substitute every text of ``root`` in place; without ``replace`` only find out which variables it reads."""
    _Interpolator(environment, findings, limits, replace).mapping(root, casts.CASTS if replace else None, ())


class _Interpolator:
    def __init__(self, environment: Mapping[str, str], findings: Findings, limits: Limits, replace: bool) -> None:
        self._environment = environment
        self._findings = findings
        self._limits = limits
        self._replace = replace
        self._unset: list[str] = []
        self._substitution = substitute.Substitution(
            environment.get, limits=limits, on_unset=self._unset.append, on_variable=findings.read
        )

    def mapping(self, node: Map, rules: Rules[casts.Cast] | None, path: Path) -> None:
        for key, value in node.items():
            below = None if rules is None else rules.below(key)
            kind = type(value)
            if kind is str:
                if "$" in value or (below is not None and below.rule is not None):
                    node[key] = self._text(value, below, (*path, key), node.values_at.get(key, node.mark))
            elif kind is Map:
                self.mapping(value, below, (*path, key))
            elif kind is Seq:
                self.sequence(value, below, (*path, key))

    def sequence(self, node: Seq, rules: Rules[casts.Cast] | None, path: Path) -> None:
        below = None if rules is None else rules.item
        for index, value in enumerate(node):
            kind = type(value)
            if kind is str:
                if "$" in value or (below is not None and below.rule is not None):
                    node[index] = self._text(value, below, (*path, index), node.mark_of(index))
            elif kind is Map:
                self.mapping(value, below, (*path, index))
            elif kind is Seq:
                self.sequence(value, below, (*path, index))

    def _text(self, text: str, rules: Rules[casts.Cast] | None, path: Path, mark: Mark) -> Any:
        where = Where(*mark, format_path(path))
        if not self._replace:
            self._only_read(text)
            return text
        value = self._substituted(text, where) if "$" in text else text
        if rules is None or rules.rule is None:
            return value
        return self._cast(rules.rule, value, text, where)

    def _only_read(self, text: str) -> None:
        try:
            self._substitution.apply(text)
        except ValueError:
            return

    def _substituted(self, text: str, where: Where) -> str:
        try:
            value = self._substitution.apply(text)
        except ValueError as problem:
            raise explain(problem, text, where, self._limits) from None
        self._findings.account_expanded(len(value), self._limits, where)
        for name in self._unset:
            self._findings.warn(f"the variable {name} is not set; an empty text stands in its place", where)
        self._unset.clear()
        return value

    def _cast(self, cast: casts.Cast, value: str, text: str, where: Where) -> Any:
        try:
            result = cast(value)
        except ValueError as problem:
            origin = f" (from {text!r})" if value != text else ""
            raise InterpolationError(f"{problem}{origin}", where=where, reference="wrong-type") from None
        if cast is casts.boolean and casts.is_old_boolean(value):
            word = "true" if result else "false"
            self._findings.warn(f"{value!r} for a boolean is not YAML 1.2; write {word}", where)
        return result


def explain(problem: ValueError, text: str, where: Where, limits: Limits) -> InterpolationError | LimitExceeded:
    """What is wrong with the variables in ``text``, for the person who wrote it."""
    match problem:
        case substitute.Missing(name=name, reason=reason):
            return InterpolationError(
                f"the required variable {name} is missing a value" + (f": {reason}" if reason else ""),
                where=where,
                hint=f"set {name} in the environment or in an env file",
                reference="missing-variable",
            )
        case substitute.TooDeep():
            return exceeded("interpolation_depth", limits.interpolation_depth, where)
        case substitute.TooLong():
            return exceeded("value_bytes", limits.value_bytes, where)
        case _:
            pass
    shown = text if len(text) <= 80 else text[:77] + "..."
    return InterpolationError(
        f"{shown!r} is not a valid use of variables", where=where, hint="write $$ for a $ that is meant as it is"
    )
