"""What `orchestrator.records` promises: the meaning of the standard library's dataclasses, without their cost."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from orchestrator import records


def _declared(maker: Any, field: Any) -> list[type]:
    """The same three classes, made by ``maker``."""

    @maker(frozen=True, slots=True)
    class Point:
        kind: ClassVar[str] = "point"
        x: int
        y: int = 2
        tags: dict[str, str] = field(default_factory=dict, compare=False)
        secret: str = field(default="s", repr=False)

    @maker(frozen=True, slots=True, kw_only=True)
    class Base:
        name: str
        size: int = 1

    @maker(frozen=True, slots=True, kw_only=True)
    class Derived(Base):  # type: ignore[misc, valid-type]
        extra: str = ""

    return [Point, Derived]


POINTS = [_declared(dataclasses.dataclass, dataclasses.field), _declared(records.dataclass, records.field)]
USES: dict[str, Callable[[Any, Any], object]] = {
    "by position": lambda point, _: point(1, 3).y,
    "by name": lambda point, _: point(x=1).y,
    "as text": lambda point, _: repr(point(1)),
    "inherited fields as text": lambda _, derived: repr(derived(name="a", extra="b")),
    "equal": lambda point, _: point(1, tags={"a": "b"}) == point(1),
    "unequal": lambda point, _: point(1) == point(2),
    "unequal to another kind": lambda point, derived: point(1) == derived(name="a"),
    "one of a set": lambda _, derived: len({derived(name="a"), derived(name="a"), derived(name="b")}),
    "missing": lambda point, _: point(),
    "unknown": lambda point, _: point(1, z=1),
    "twice": lambda point, _: point(1, x=1),
    "too many": lambda point, _: point(1, 2, {}, "s", 5),
    "by position though by name alone": lambda _, derived: derived("a"),
    "changed": lambda point, _: setattr(point(1), "x", 2),
    "given another attribute": lambda point, _: setattr(point(1), "z", 2),
    "attribute deleted": lambda point, _: delattr(point(1), "x"),
    "own factory value each": lambda point, _: point(1).tags is point(1).tags,
    "a class variable": lambda point, _: point(1).kind,
    "copied": lambda point, _: copy.deepcopy(point(1)) == point(1),
    "matched": lambda point, derived: (point.__match_args__, derived.__match_args__),
    "replaced": lambda point, _: repr(dataclasses.replace(point(1), y=5)),
    "field names": lambda _, derived: [one.name for one in dataclasses.fields(derived)],
    "as a dictionary": lambda point, _: dataclasses.asdict(point(1)),
}


def _outcome(use: Callable[[Any, Any], object], classes: list[type]) -> object:
    try:
        return use(*classes)
    except (TypeError, AttributeError) as problem:
        return "refused" if isinstance(problem, (TypeError, dataclasses.FrozenInstanceError)) else problem


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_they_behave_as_the_standard_library_s_own(use: Callable[[Any, Any], object]) -> None:
    standard, ours = POINTS

    assert _outcome(use, standard) == _outcome(use, ours)


def test_our_replace_fields_and_is_dataclass_agree_with_the_standard_library() -> None:
    point = POINTS[1][0]

    assert records.replace(point(1), y=7) == dataclasses.replace(point(1), y=7)
    assert [one.name for one in records.fields(point)] == [one.name for one in dataclasses.fields(point)]
    assert records.is_dataclass(point(1))
    assert dataclasses.is_dataclass(point(1))
    assert not records.is_dataclass(1)


def test_our_replace_fields_and_is_dataclass_work_on_the_standard_library_s_own() -> None:
    point, _ = POINTS[0]

    assert records.replace(point(1), y=7) == point(1, 7)
    assert records.is_dataclass(point)
    assert [(one.name, one.default) for one in records.fields(point)] == [
        (one.name, one.default) for one in records.fields(POINTS[1][0])
    ]


@records.dataclass(frozen=True, slots=True)
class Kept:
    value: tuple[int, ...] = ()


@records.dataclass(slots=True)
class Counter:
    start: int
    seen: list[int] = records.field(default_factory=list)
    end: int = records.field(init=False)

    def __post_init__(self) -> None:
        self.end = self.start + 1


def test_they_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Kept((1, 2)))) == Kept((1, 2))


def test_what_is_not_frozen_can_change_and_cannot_be_a_key() -> None:
    counter = Counter(1)
    counter.seen.append(5)
    counter.start = 3

    assert "Counter(start=3, seen=[5], end=2)" == repr(counter)
    with pytest.raises(TypeError):
        hash(counter)


def test_a_default_that_instances_would_share_is_refused() -> None:
    with pytest.raises(TypeError, match="default_factory"):

        @records.dataclass
        class _Shared:
            names: list[str] = []  # noqa: RUF012 this is what is refused
