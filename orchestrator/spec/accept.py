"""A yes or a no to "does this value fit the schema", fast and without imports: what every valid file passes.

In comes a JSON Schema (the keywords that ours uses, no others), out goes a ``Shape`` whose ``fits`` walks a value. A
node of the schema becomes a table from the kind of a value to the check for it; tables are made when first met, so
that a small file pays for the keys it has. Only a "no" loads the real validator, which finds the reason
(``violations``). A test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Check = Callable[[Any], bool]
Table = dict[str, Check | None]

_KINDS: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
_ALL = frozenset(_KINDS.values())
_HANDLED = frozenset(
    (
        *(
            "$ref",
            "type",
            "enum",
            "pattern",
            "minimum",
            "maximum",
            "items",
            "uniqueItems",
            "required",
            "oneOf",
            "anyOf",
        ),
        *("properties", "patternProperties", "additionalProperties"),
    )
)
_NOTES = frozenset(("$schema", "$defs", "title", "description", "examples", "default", "deprecated"))


def kind(value: Any) -> str:
    """The JSON kind of a value: object, array, string, boolean, integer, number or null; "" for anything else."""
    known = _KINDS.get(value.__class__)
    if known is None:
        known = next((name for base, name in _KINDS.items() if isinstance(value, base)), "")
        _KINDS[value.__class__] = known
    return known


class Shape:
    """A node of a schema, ready to say whether a value fits."""

    __slots__ = ("_root", "_schema", "_table")

    def __init__(self, schema: Mapping[str, Any], root: dict[str, Shape] | None = None) -> None:
        self._schema = schema
        self._root = root if root is not None else _definitions(schema)
        self._table: Table | None = None

    def fits(self, value: Any) -> bool:
        """Whether ``value`` is valid."""
        table = self._table
        if table is None:
            table = self._table = self._compile()
        name = _KINDS.get(value.__class__) or kind(value)
        if name not in table:
            return False
        check = table[name]
        return check is None or check(value)

    def member(self, key: str) -> Shape | None:
        """The shape of what stands under ``key`` of an object, None where the schema says nothing of it."""
        schema = self._schema
        if key in schema.get("properties", {}):
            return self._sub(schema["properties"][key])
        for pattern, sub in schema.get("patternProperties", {}).items():
            if _matcher(pattern)(key):
                return self._sub(sub)
        return None

    def _sub(self, schema: Mapping[str, Any]) -> Shape:
        if "$ref" in schema:  # what may stand beside it are notes; `_compile` of the node itself has made sure
            return self._root[schema["$ref"]]
        return Shape(schema, self._root)

    def _compile(self) -> Table:
        schema = self._schema
        unknown = schema.keys() - _HANDLED - _NOTES
        if unknown:
            raise NotImplementedError(f"the schema uses {sorted(unknown)}, which the fast check does not know")
        if "$ref" in schema:
            target = self._root[schema["$ref"]]
            return target._table or target._compile()
        if "oneOf" in schema:
            return self._branches(schema["oneOf"])
        kinds = schema.get("type", _ALL)
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        if "number" in kinds:
            kinds.add("integer")
        table: Table = {name: self._check(name) for name in kinds}
        if "integer" in table and "number" not in table:
            table["number"] = lambda value: value.is_integer() and self.fits(int(value))
        return table

    def _branches(self, branches: list[Mapping[str, Any]]) -> Table:
        """The tables of alternatives in one. They differ in kind, so that at most one of them can fit."""
        table: Table = {}
        for branch in branches:
            for name, check in Shape(branch, self._root)._compile().items():
                if name != "number" or name not in table:
                    table[name] = check
        return table

    def _check(self, name: str) -> Check | None:
        checks = list(self._checks(name))
        if len(checks) < 2:
            return checks[0] if checks else None
        return lambda value: all(check(value) for check in checks)

    def _checks(self, name: str) -> Iterator[Check]:
        schema = self._schema
        if "enum" in schema:
            yield frozenset(schema["enum"]).__contains__
        if name == "string" and "pattern" in schema:
            yield _matcher(schema["pattern"])
        if name in ("integer", "number"):
            yield from _bounds(schema)
        if name == "array":
            yield from self._array()
        if name == "object":
            yield from self._object()

    def _array(self) -> Iterator[Check]:
        schema = self._schema
        if "items" in schema:
            item = self._sub(schema["items"]).fits
            yield lambda values: all(map(item, values))
        if schema.get("uniqueItems"):
            yield _all_different

    def _object(self) -> Iterator[Check]:
        schema = self._schema
        required = tuple(schema.get("required", ()))
        if required:
            yield lambda value: all(key in value for key in required)
        if "properties" in schema or "patternProperties" in schema:
            yield self._members(schema.get("additionalProperties", True))
        if "anyOf" in schema:
            choices = [tuple(choice["required"]) for choice in schema["anyOf"]]
            yield lambda value: any(all(key in value for key in choice) for choice in choices)

    def _members(self, others: bool) -> Check:
        schema = self._schema
        known = {key: self._sub(sub).fits for key, sub in schema.get("properties", {}).items()}
        patterns = [(_matcher(text), self._sub(sub).fits) for text, sub in schema.get("patternProperties", {}).items()]

        def check(value: Mapping[str, Any]) -> bool:
            for key, member in value.items():
                fits = known.get(key)
                if fits is None:
                    fits = next((fits for matches, fits in patterns if matches(key)), None)
                    if fits is None:
                        if others:
                            continue
                        return False
                if not fits(member):
                    return False
            return True

        return check


def _definitions(schema: Mapping[str, Any]) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for name, sub in schema.get("$defs", {}).items():
        shapes[f"#/$defs/{name}"] = Shape(sub, shapes)
    return shapes


def _matcher(pattern: str) -> Check:
    """Whether a text matches; ``$`` means the very end, as in JSON Schema and unlike in Python."""
    if pattern == "^x-":
        return lambda text: text.startswith("x-")
    if pattern in (".+", "^.+$"):
        return bool
    search = re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern).search
    return lambda text: search(text) is not None


def _bounds(schema: Mapping[str, Any]) -> Iterator[Check]:
    if "minimum" in schema:
        least = schema["minimum"]
        yield lambda value: bool(value >= least)
    if "maximum" in schema:
        most = schema["maximum"]
        yield lambda value: bool(value <= most)


def _all_different(values: list[Any]) -> bool:
    if len(values) < 2:
        return True
    try:
        distinct = len(set(values)) == len(values)
    except TypeError:  # mappings among them
        distinct = False
    # `1`, `1.0` and `True` are one to Python; only equals of one kind repeat each other.
    return distinct or next(repeated(values), None) is None


def repeated(values: list[Any]) -> Iterator[tuple[int, int]]:
    """Pairs of places that hold the same value, the later first."""
    seen: dict[str, int] = {}
    for index, value in enumerate(values):
        text = _canonical(value)
        if text in seen:
            yield index, seen[text]
        else:
            seen[text] = index


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{key!r}:{_canonical(member)}" for key, member in value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    return repr(str(value)) if isinstance(value, str) else repr(value)
