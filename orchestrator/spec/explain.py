"""What a key of the spec means: description, forms and examples, out of the schema, for `stack explain PATH`.

``explain("services.web.ports[0].target")`` walks the schema as a document would; names of the user's choosing may be
any word or ``*``, and a path may also begin inside of a service (``deploy.update_config``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.records import dataclass
from orchestrator.spec import silences
from orchestrator.spec.hints import did_you_mean, listing, quoted
from orchestrator.spec.schema import schema

_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that the schema says about one place in a spec."""

    path: str
    description: str
    forms: tuple[str, ...]
    examples: tuple[Any, ...]
    keys: Mapping[str, str]
    deprecated: bool = False
    key: str = ""  # what the examples stand under
    compose: str = ""  # what Compose passes over, and
    here: str = ""  # what becomes of it here


def explain(path: str) -> Explanation:
    """The explanation of ``path``; ``UsageError`` with a hint for a path that leads nowhere."""
    parts = [part for part in re.split(r"[.\[\]]+", path) if part]
    starts = [schema()] if not parts or parts[0] in schema()["properties"] else [schema()["$defs"]["service"], schema()]
    failure: UsageError | None = None
    for start in starts:
        try:
            return _told(path, _walk(start, parts), parts, start is starts[0] and len(starts) > 1)
        except UsageError as error:
            failure = failure or error
    raise failure or UsageError(f"there is no {quoted(path)} in a spec")


def _walk(node: Mapping[str, Any], parts: list[str]) -> Mapping[str, Any]:
    for number, part in enumerate(parts):
        found = _below(node, part)
        if found is None:
            known = _keys(node)
            hint = did_you_mean(part, known) or (f"known there: {listing(list(known))}" if known else "")
            place = f" below {quoted('.'.join(parts[:number]))}" if number else ""
            raise UsageError(f"there is no {quoted(part)}{place}", hint=hint, reference="unknown-path")
        node = found
    return node


def _below(node: Mapping[str, Any], part: str) -> Mapping[str, Any] | None:
    """What stands under a key, an item or a name, in whichever form of ``node`` has it."""
    for form in _forms(node):
        if part in form.get("properties", {}):
            below: Mapping[str, Any] = form["properties"][part]
            return below
    for form in _forms(node):
        if "items" in form and (part.isdigit() or part == "*"):
            item: Mapping[str, Any] = form["items"]
            return item
        for pattern, named in form.get("patternProperties", {}).items():
            if pattern != "^x-" and (part == "*" or re.search(pattern, part)):
                named_node: Mapping[str, Any] = named
                return named_node
    # `ports.target`: an item's key without the item.
    for form in _forms(node):
        if "items" in form:
            return _below(form["items"], part)
    return None


def _forms(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alternatives of a node, with references followed."""
    resolved = _resolved(node)
    if "oneOf" not in resolved:
        return [resolved]
    return [form for branch in resolved["oneOf"] for form in _forms(branch)]


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    target: Mapping[str, Any] = schema()["$defs"][node["$ref"].rpartition("/")[2]]
    return {**_resolved(target), **{key: value for key, value in node.items() if key != "$ref"}}


def _keys(node: Mapping[str, Any]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for form in _forms(node):
        properties = form.get("properties") or _forms(form.get("items", {}))[-1].get("properties", {})
        keys |= {key: str(_resolved(below).get("description", "")) for key, below in properties.items()}
    return keys


def _told(path: str, node: Mapping[str, Any], parts: list[str], in_service: bool) -> Explanation:
    resolved = _resolved(node)
    compose, here = silences.of(("services", "*", *parts) if in_service else tuple(parts))
    return Explanation(
        path=path,
        description=str(resolved.get("description", "")),
        forms=tuple(dict.fromkeys(words for form in _forms(node) for words in _form(form))),
        examples=tuple(resolved.get("examples", ())),
        keys=_keys(node),
        deprecated=bool(resolved.get("deprecated", False)),
        key=parts[-1] if parts and not parts[-1].isdigit() and parts[-1] != "*" else "",
        compose=compose,
        here=here,
    )


def _form(form: Mapping[str, Any]) -> list[str]:
    if "enum" in form:
        return [f"one of {listing([str(choice) for choice in form['enum']])}"]
    kinds = form.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return [_described(kind, form) for kind in kinds]


def _described(kind: str, form: Mapping[str, Any]) -> str:
    words = _WORDS[kind]
    if kind == "array" and "items" in form:
        items = [text for item in _forms(form["items"]) for text in _form(item)]
        return f"{words}; each item is {listing(list(dict.fromkeys(items)), 'or')}"
    if kind in ("integer", "number") and "minimum" in form:
        return f"{words} from {form['minimum']}" + (f" to {form['maximum']}" if "maximum" in form else "")
    return words
