"""Versions among tags, and ranges of them: ``1.x``, ``^1.2``, ``~1.2.3``, ``>=1.2 <2``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.gitops.troubles import RefMissing


def newest_version(tags: Iterable[str], wanted: str) -> str | None:
    """The tag with the highest version in a range: ``1.x``, ``^1.2``, ``~1.2.3``, ``>=1.2 <2``; pre-releases if asked for."""
    bounds = _bounds(wanted)
    found = [(version, tag) for tag in tags if (version := _version(tag)) is not None]
    fitting = [
        (version, tag) for version, tag in found if all(_holds(version[:3], how, bound) for how, bound in bounds)
    ]
    stable = [one for one in fitting if not one[0][3]] if "-" not in wanted else fitting
    return max(stable)[1] if stable else None


_Version = tuple[int, int, int, str]
_NUMBERS = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")
_BOUND = re.compile(r"(>=|<=|>|<|=|\^|~)?v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-[0-9A-Za-z.-]+)?")


def _version(tag: str) -> _Version | None:
    found = _NUMBERS.fullmatch(tag)
    return (int(found[1]), int(found[2]), int(found[3]), found[4] or "") if found else None


def _bounds(wanted: str) -> list[tuple[str, tuple[int, int, int]]]:
    bounds: list[tuple[str, tuple[int, int, int]]] = []
    for part in re.sub(r"(>=|<=|>|<|=|\^|~)\s+", r"\1", wanted).replace(",", " ").split():
        found = _BOUND.fullmatch(part)
        if found is None:
            raise RefMissing(f"{part!r} is no range of versions", hint="for instance ^1.2, ~1.2.3, >=1.2 <2, 1.x")
        bounds += _bound(found[1] or "", [number for number in found.groups()[1:] if number])
    return bounds


def _bound(how: str, numbers: list[str]) -> list[tuple[str, tuple[int, int, int]]]:
    given = [int(number) for number in numbers if number.isdigit()]
    major, minor, patch = (*given, 0, 0, 0)[:3]
    least = (major, minor, patch)
    if not given:
        return []
    if how == "^":
        first = next((index for index, number in enumerate(least) if number), 0)
        return [(">=", least), ("<", _raised(least, first))]
    if how == "~":
        return [(">=", least), ("<", _raised(least, min(len(given) - 1, 1)))]
    if how in ("", "=") and len(given) < 3:
        return [(">=", least), ("<", _raised(least, len(given) - 1))]
    return [(how or "=", least)]


def _raised(version: tuple[int, int, int], index: int) -> tuple[int, int, int]:
    numbers = [number if place <= index else 0 for place, number in enumerate(version)]
    numbers[index] += 1
    return numbers[0], numbers[1], numbers[2]


def _holds(version: tuple[int, ...], how: str, bound: tuple[int, int, int]) -> bool:
    return {
        ">=": version >= bound,
        "<=": version <= bound,
        ">": version > bound,
        "<": version < bound,
        "=": version == bound,
    }[how]
