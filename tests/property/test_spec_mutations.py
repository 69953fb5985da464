"""Specs that went wrong in one or several places: answered with a stack or with an error for people, never otherwise.

Each input is an example of the schema with parts of it replaced, removed, repeated or renamed. ``STACK_FUZZ_INPUTS``
says how many are tried (2,000 otherwise).
"""

from __future__ import annotations

import copy
import json
import os
from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import StackError, Where
from orchestrator.model.stack import Stack
from orchestrator.spec import schema
from orchestrator.spec.accept import Shape
from orchestrator.spec.load import LoadRequest, load_stack
from orchestrator.spec.violations import anchored, violations
from tests.support import specs

INPUTS = int(os.environ.get("STACK_FUZZ_INPUTS", "2000"))


def _tried(inputs: int) -> settings:
    fixed = "STACK_FUZZ_INPUTS" not in os.environ
    return settings(max_examples=inputs, deadline=None, suppress_health_check=list(HealthCheck), derandomize=fixed)


THOROUGH, QUICK = _tried(INPUTS), _tried(INPUTS // 5)
SHAPE = Shape(schema.schema())
VALIDATOR = jsonschema.Draft202012Validator(anchored(schema.schema()))
EXAMPLES = [
    specs.around(definition, key, example)
    for definition, node in [("", schema.schema()), *schema.schema()["$defs"].items()]
    for key, said in node.get("properties", {}).items()
    for example in said["examples"]
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        [
            "0",
            "-1",
            "1e400",
            "9" * 400,
            "no",
            "22:22",
            "service:web",
            "a:b:c:d",
            "../..",
            "${X",
            "$$",
            "\u202e",
            "x\n",
            "99999-1:2",
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(["image", "x-a"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [(*path, key) for key, _ in below] + [
        found for key, value in below for found in _places(value, (*path, key))
    ]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """An example of the schema with up to three faults."""
    document = copy.deepcopy(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(0, 3))):
        places = _places(document)
        if places:
            _damage(document, draw(st.sampled_from(places)), draw)
    return document


def _damage(document: Any, path: tuple[Any, ...], draw: st.DrawFn) -> None:
    *before, last = path
    node = document
    for part in before:
        node = node[part]
    match draw(st.sampled_from(["replace", "remove", "repeat", "rename"])):
        case "remove":
            del node[last]
        case "repeat" if isinstance(node, list):
            node.append(node[last])
        case "rename" if isinstance(node, dict):
            node[draw(st.text(max_size=8) | st.just(f"{last}s"))] = node.pop(last)
        case _:
            node[last] = draw(VALUES)


@QUICK
@given(mutated())
def test_the_fast_check_and_the_validator_agree(document: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(document) == SHAPE.fits(document)


@QUICK
@given(mutated())
def test_what_does_not_fit_is_explained(document: dict[str, Any]) -> None:
    if not SHAPE.fits(document):
        found = violations(schema.schema(), specs.marked(document), document)

        assert found
        assert all(problem.message.isprintable() for problem in found)


@THOROUGH
@given(mutated())
def test_every_spec_gives_a_stack_or_an_error_for_people(document: dict[str, Any]) -> None:
    request = LoadRequest(
        files=("-",), stdin=json.dumps(document), environment={"API_TOKEN": "t"}, current_directory="/"
    )

    answer = _answer(request)

    if isinstance(answer, StackError):
        assert 2 == answer.exit_code
        assert answer.message
        assert answer.where is None or isinstance(answer.where, Where)
    else:
        assert answer.name


def _answer(request: LoadRequest) -> Stack | StackError:
    try:
        return load_stack(request, read_contents=False)
    except StackError as error:
        return error
