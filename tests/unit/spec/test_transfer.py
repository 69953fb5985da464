"""What another process loaded is, on this side, what loading here would have given: model, marks, warnings, errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import LimitExceeded, StackError
from orchestrator.spec import transfer
from orchestrator.spec.document import Map, Seq
from orchestrator.spec.load import Canonical, stack_of
from tests.support import spec_cases, spec_corpus
from tests.support.spec_cases import Case

CASES = spec_cases.all_cases()


def over(result: Canonical | StackError) -> Canonical | StackError:
    """The result after a way to another process."""
    said = {"error": transfer.packed_error(result)} if isinstance(result, StackError) else transfer.packed(result)
    try:
        return transfer.canonical_of(json.dumps(said).encode())
    except StackError as problem:
        return problem


def whole(value: Any) -> Any:
    """A model with all its marks and types, to compare."""
    if isinstance(value, Map):
        items = [(key, whole(item)) for key, item in value.items()]
        return ("map", items, value.mark, value.keys_at, value.values_at)
    if isinstance(value, Seq):
        return ("seq", [whole(item) for item in value], value.mark, value.items_at)
    return type(value), repr(value)


def same(one: Canonical | StackError, other: Canonical | StackError) -> None:
    if isinstance(one, StackError):
        assert isinstance(other, StackError)
        assert (str(one), one.ref, one.exit_code) == (str(other), other.ref, other.exit_code)
        assert [str(each) for each in getattr(one, "others", ())] == [
            str(each) for each in getattr(other, "others", ())
        ]
        return
    assert isinstance(other, Canonical)
    assert one == other
    assert whole(one.model) == whole(other.model)
    assert whole(one.disabled) == whole(other.disabled)
    assert list(one.environment) == list(other.environment)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_case_of_the_loader_survives_the_way(case: Case, tmp_path: Path) -> None:
    result = spec_cases.load(case, tmp_path)

    same(result, over(result))


def test_so_does_everything_generated_and_its_stack(tmp_path: Path) -> None:
    cases = [*spec_corpus.alone(), *spec_corpus.pairs(), *spec_corpus.realistic()]
    assert len(cases) > 300
    stacks = 0
    for number, case in enumerate(cases):
        result = spec_cases.load(case, tmp_path / str(number))
        again = over(result)
        same(result, again)
        if isinstance(result, Canonical) and isinstance(again, Canonical):
            stacks += _same_stack(result, again)
    assert stacks > 200


def _same_stack(one: Canonical, other: Canonical) -> bool:
    try:
        stack = stack_of(one, key=b"k", read_contents=False)
    except StackError as problem:
        with pytest.raises(type(problem), match=re.escape(str(problem))):
            stack_of(other, key=b"k", read_contents=False)
        return False
    again = stack_of(other, key=b"k", read_contents=False)
    assert stack == again
    assert dict(stack.places) == dict(again.places)
    return True


GOOD = json.dumps(
    {"model": ["m", -1, [], [], [], []], "disabled": ["m", -1, [], [], [], []], "name": "x", "working_dir": "/x"}
    | {"config_files": [], "environment_files": [], "environment": {}, "profiles": [], "warnings": []}
    | {"variables": {}, "interpolated": True, "sources": [], "marks": []}
).encode()
GARBAGE = {
    "nothing": b"",
    "no JSON": b"services: {}",
    "not UTF-8": b"\xff\xfe",
    "a number": b"7",
    "a list": b"[]",
    "empty": b"{}",
    "cut": GOOD[:-3],
    "twice": GOOD * 2,
    "deep": b"[" * 100_000,
    "deep model": GOOD.replace(b'["m", -1, [], [], [], []]', b'["l", [' * 300 + b"]]" * 300, 1),
    "a model that is none": GOOD.replace(b'["m", -1, [], [], [], []]', b"1", 1),
    "keys without values": GOOD.replace(b'["m", -1, [], [], [], []]', b'["m", -1, ["a"], [], [], []]', 1),
    "a key that is no text": GOOD.replace(b'["m", -1, [], [], [], []]', b'["m", -1, [1], [1], [-1], [-1]]', 1),
    "a mark that is not there": GOOD.replace(b"-1", b"5", 1),
    "a mark before all": GOOD.replace(b"-1", b"-2", 1),
    "marks of text": GOOD.replace(b'"marks": []', b'"marks": ["abc"]'),
    "an unknown kind": GOOD.replace(b'"m"', b'"z"', 1),
    "a mapping in between": GOOD.replace(b'["m", -1, [], [], [], []]', b'{"a": 1}', 1),
    "a name that is none": GOOD.replace(b'"x"', b"[1]", 1),
    "environment of lists": GOOD.replace(b'"environment": {}', b'"environment": {"a": []}'),
    "a number without end": b'{"error": ' + b"9" * 5000 + b"}",
    "an error of nothing": b'{"error": null}',
    "an error of errors": b'{"error": {"kinds": [["x"]]}}',
    "values without end": b"[" + b"[]," * 5_000_000 + b"1]",
}


def test_the_smallest_answer_is_one() -> None:
    assert transfer.canonical_of(GOOD).name == "x"


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_answer(name: str) -> None:
    with pytest.raises(transfer.Malformed):
        transfer.canonical_of(GARBAGE[name])


def test_an_error_is_only_ever_one_of_the_users_files() -> None:
    said = {"kinds": ["Interrupted", "KeyboardInterrupt"], "message": "m", "where": None, "hint": "", "reference": "r"}
    with pytest.raises(StackError) as caught:
        transfer.canonical_of(json.dumps({"error": {**said, "others": []}}).encode())

    assert (caught.value.exit_code, caught.value.ref) == (2, "r")


@pytest.mark.parametrize("text", [b'{"hosts": [1]}', b'{"hosts": "web1"}', b"[]", b"[" + b"[]," * 4_000_000 + b"[]]"])
def test_hosts_that_are_no_names_are_no_answer(text: bytes) -> None:
    assert ("web1", "db*") == transfer.hosts_of(b'{"hosts": ["web1", "db*"]}')
    with pytest.raises(transfer.Malformed):
        transfer.hosts_of(text)


def test_a_reference_is_a_word() -> None:
    said = {"kinds": [], "message": "m", "where": None, "hint": "", "reference": "\x1b[2J", "others": []}
    with pytest.raises(transfer.Malformed):
        transfer.canonical_of(json.dumps({"error": said}).encode())


def test_kinds_of_errors_stay() -> None:
    again = over(LimitExceeded("much", others=[LimitExceeded("more")]))

    assert isinstance(again, LimitExceeded)
    assert [other.message for other in again.others] == ["more"]
