"""Rules of merging that hold whatever the files say."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec import merge, parse, unique
from orchestrator.spec.document import Map

KEY = st.sampled_from(("a", "b", "c", "x-d"))
SCALAR = st.integers(0, 9) | st.sampled_from(("x", "y", True))


def tree(depth: int) -> st.SearchStrategy[Any]:
    """Mappings in which the same key always holds the same kind of value, as in files of one schema."""
    if depth == 0:
        return st.fixed_dictionaries({}, optional={"a": SCALAR, "b": SCALAR})
    return st.fixed_dictionaries({}, optional={"a": SCALAR, "b": st.lists(SCALAR, max_size=3), "c": tree(depth - 1)})


def load(value: Any) -> Map:
    root = parse.parse(json.dumps(value).encode(), "x.json")[0].root
    assert isinstance(root, Map)
    return root


def merged(*values: Any) -> Map:
    model = load(values[0])
    for value in values[1:]:
        model = merge.merge(model, load(value))
    return model


@given(tree(2))
def test_nothing_changes_nothing(value: Any) -> None:
    assert value == merged(value, {})
    assert value == merged({}, value)


@given(tree(2), tree(2), tree(2))
def test_grouping_does_not_matter(first: Any, second: Any, third: Any) -> None:
    right = merge.merge(load(second), load(third))

    assert merged(first, second, third) == merge.merge(load(first), right)


@given(tree(2), tree(2))
def test_every_key_of_both_is_there(first: Any, second: Any) -> None:
    assert first.keys() | second.keys() == merged(first, second).keys()


@given(tree(1), tree(1))
def test_every_value_has_a_place(first: Any, second: Any) -> None:
    model = merged(first, second)

    assert model.keys() == model.keys_at.keys() == model.values_at.keys()


ENVIRONMENT = st.dictionaries(st.sampled_from("ABCD"), st.sampled_from(("1", "2", "")), max_size=4)


@given(ENVIRONMENT, ENVIRONMENT, st.booleans(), st.booleans())
def test_environment_merges_by_key_in_every_form(
    first: Any, second: Any, first_listed: bool, second_listed: bool
) -> None:
    def document(variables: dict[str, str], listed: bool) -> Any:
        form = [f"{key}={value}" for key, value in variables.items()] if listed else variables
        return {"services": {"web": {"environment": form}}}

    model = merged(document(first, first_listed), document(second, second_listed))
    unique.enforce(model)
    items = merge.as_list(model["services"]["web"]["environment"])

    assert {**first, **second} == dict(item.split("=", 1) for item in items)
