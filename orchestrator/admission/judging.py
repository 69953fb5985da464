"""The judge of one request: knows the stack and what it may, walks through objects, and keeps what breaks a rule.

A table says of an object which fields it may have and who looks at each; a field that no table knows may only be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.admission import reading
from orchestrator.admission.reading import Unreadable
from orchestrator.admission.rules import FIRM, Violation
from orchestrator.engines.gate import World
from orchestrator.model.admission import Admission
from orchestrator.records import dataclass

SHOWN = 80  # letters of a value in a message

Look = Callable[["Judge", str, Any], None]  # the judge, the field's name, its value
Table = Mapping[str, Look | None]  # None: whatever stands there is harmless


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One stack. ``roots``: folders that its files may be in. ``built``: images that it builds itself. ``trusted``: our own images.

    ``kept``: a folder of the host that holds its secrets in memory. ``sockets``: paths of sockets that nobody gets.
    ``others``: further stacks of the host, whose names it must not take. ``local``: the engine is on this host, so links can be
    resolved. ``verified``: signatures of where it comes from are.
    """

    stack: str
    grants: Admission
    roots: tuple[str, ...] = ()
    built: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()
    kept: str = ""
    sockets: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    local: bool = True
    verified: bool = True
    lent: frozenset[str] = frozenset()  # files of the host that its operator gives to the spec


class Judge:
    """``found`` is what breaks a rule."""

    def __init__(self, setting: Setting, world: World) -> None:
        self.setting, self.world = setting, world
        self.found: list[Violation] = []

    @property
    def grants(self) -> Admission:
        return self.setting.grants

    def permits(self, rule: str) -> bool:
        return rule in self.grants.allow and rule not in FIRM

    def refuse(self, rule: str, field: str, value: object, message: str) -> None:
        if not self.permits(rule):
            self.found.append(Violation(rule, field, str(value), message))

    def walk(self, table: Table, value: Any, prefix: str = "", *, speaking: frozenset[str] = frozenset()) -> None:
        """Look at an object of fields. ``speaking`` fields say something also when they are empty lists."""
        try:
            found = reading.fields(value)
        except Unreadable as problem:
            self.refuse("unreadable", prefix, "", str(problem))
            return
        known = _folded(table)
        for key, item in found.items():
            name, look = known.get(key, (key, _unknown))
            field = f"{prefix}.{name}" if prefix else name
            if item is None or (not item and name not in speaking):
                continue
            if look is not None:
                self.look(look, field, item)

    def look(self, look: Look, field: str, value: Any) -> None:
        try:
            look(self, field, value)
        except Unreadable as problem:
            self.refuse("unreadable", field, shown(value), str(problem))


def _unknown(judge: Judge, field: str, value: Any) -> None:
    judge.refuse("unknown-field", field, shown(value), "no rule knows this field")


_tables: dict[int, tuple[Table, dict[str, tuple[str, Look | None]]]] = {}


def _folded(table: Table) -> dict[str, tuple[str, Look | None]]:
    """A table by folded names; made once for each."""
    known = _tables.get(id(table))
    if known is None:
        known = (table, {reading.fold(name): (name, look) for name, look in table.items()})
        _tables[id(table)] = known
    return known[1]


def shown(value: object) -> str:
    """A value as messages show it: short, and of an object no more than that it is one."""
    if isinstance(value, list):
        return "..."
    text = str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def each(look: Look) -> Look:
    """Looks at every item of a list."""

    def through(judge: Judge, field: str, value: Any) -> None:
        for index, item in reading.items(value):
            judge.look(look, f"{field}[{index}]", item)

    return through


def table(inner: Table) -> Look:
    """Looks at an object of fields."""
    return lambda judge, field, value: judge.walk(inner, value, field)


def never(rule: str, message: str) -> Look:
    """Anything but an empty value breaks ``rule``."""
    return lambda judge, field, value: judge.refuse(rule, field, shown(value), message)


def one_of(rule: str, message: str, harmless: tuple[str, ...], granted: str = "") -> Look:
    """One of these texts, or of those that the policy names under ``granted``."""

    def look(judge: Judge, field: str, value: Any) -> None:
        said = reading.text(value)
        if said not in harmless and not (granted and said in getattr(judge.grants, granted)):
            judge.refuse(rule, field, said, message.format(shown(said)))

    return look
