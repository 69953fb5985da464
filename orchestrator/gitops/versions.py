"""Versions among tags, and ranges of them: ``1.x``, ``^1.2``, ``~1.2.3``, ``>=1.2 <2``.

They are ordered as https://semver.org says: a pre-release comes before its release, and ``rc.10`` after ``rc.9``. Pre-releases are
taken only where a range names one (``>=1.2.0-0`` for any of them).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.gitops.troubles import RefMissing

_Numbers = tuple[int, int, int]
_Stage = tuple[bool, tuple[tuple[bool, int, str], ...]]  # the release itself (true, nothing) comes last
_Version = tuple[_Numbers, _Stage]

_RELEASE: _Stage = (True, ())
_BEFORE_ALL: _Stage = (False, ())  # of its numbers, every pre-release is later
_NUMBERS = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")
_BOUND = re.compile(r"(>=|<=|>|<|=|\^|~)?v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z.-]+))?")


def newest_version(tags: Iterable[str], wanted: str) -> str | None:
    """The tag with the highest version in a range: ``1.x``, ``^1.2``, ``~1.2.3``, ``>=1.2 <2``; pre-releases if asked for."""
    bounds = _bounds(wanted)
    found = [(version, tag) for tag in tags if (version := _version(tag)) is not None]
    fitting = [one for one in found if all(_holds(one[0], how, bound) for how, bound in bounds)]
    wished = fitting if "-" in wanted else [one for one in fitting if one[0][1] == _RELEASE]
    return max(wished)[1] if wished else None


def _version(tag: str) -> _Version | None:
    found = _NUMBERS.fullmatch(tag)
    return ((int(found[1]), int(found[2]), int(found[3])), _stage(found[4])) if found else None


def _stage(text: str | None) -> _Stage:
    if text is None:
        return _RELEASE
    parts = text.split(".")
    return False, tuple((False, int(part), "") if part.isdigit() else (True, 0, part) for part in parts)


def _bounds(wanted: str) -> list[tuple[str, _Version]]:
    bounds: list[tuple[str, _Version]] = []
    for part in re.sub(r"(>=|<=|>|<|=|\^|~)\s+", r"\1", wanted).replace(",", " ").split():
        found = _BOUND.fullmatch(part)
        if found is None:
            raise RefMissing(f"{part!r} is no range of versions", hint="for instance ^1.2, ~1.2.3, >=1.2 <2, 1.x")
        numbers = [int(number) for number in found.groups()[1:4] if number and number.isdigit()]
        bounds += _bound(found[1] or "=", numbers, _stage(found[5]))
    return bounds


def _bound(how: str, given: list[int], stage: _Stage) -> list[tuple[str, _Version]]:
    """What a part of a range means, in words that ``_holds`` knows. A version with fewer numbers is all that begin with them."""
    if not given:
        return []
    major, minor, patch = (*given, 0, 0, 0)[:3]
    least: _Version = ((major, minor, patch), stage)
    last = len(given) - 1
    if how == "^":
        return [(">=", least), ("<", _after(least, next((at for at, number in enumerate(given) if number), last)))]
    if how == "~":
        return [(">=", least), ("<", _after(least, min(last, 1)))]
    if last == 2 or how in (">=", "<"):
        return [(how, least if how != "<" or stage != _RELEASE else (least[0], _BEFORE_ALL))]
    beyond = _after(least, last)
    return {"=": [(">=", least), ("<", beyond)], "<=": [("<", beyond)], ">": [(">=", (beyond[0], _RELEASE))]}[how]


def _after(version: _Version, index: int) -> _Version:
    """Where the next version begins that differs in this number: its pre-releases are beyond as well."""
    numbers = [number if place <= index else 0 for place, number in enumerate(version[0])]
    numbers[index] += 1
    return (numbers[0], numbers[1], numbers[2]), _BEFORE_ALL


def _holds(version: _Version, how: str, bound: _Version) -> bool:
    return {
        ">=": version >= bound,
        "<=": version <= bound,
        ">": version > bound,
        "<": version < bound,
        "=": version == bound,
    }[how]
