"""Why a document does not fit the schema, in words for the person who wrote it.

In come the schema, the document (for positions) and the part of it that fails; out come ``SchemaViolation``s in the
order of the file. The findings are those of ``jsonschema``, whose one door this is; where a value may have several
forms, the form that its writer seems to have meant decides what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from orchestrator.errors import SchemaViolation
from orchestrator.spec.accept import kind, repeated
from orchestrator.spec.document import Map, where
from orchestrator.spec.hints import did_you_mean, listing, quoted

_A = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}
_GOT = {
    **_A,
    "null": "empty",
    "integer": "the number",
    "number": "the number",
    "boolean": "the truth value",
    "string": "the text",
}
Problem = tuple[list[str | int], bool, str, str]  # path, whether its key is meant, message, hint


def violations(schema: dict[str, Any], document: Map, failing: Any) -> list[SchemaViolation]:
    """Every problem of ``failing``, a part of ``document``."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(anchored(schema))
    problems = [
        problem for error in validator.iter_errors(failing) for part in _meant(error) for problem in _explain(part)
    ]
    found = [
        SchemaViolation(message, where=where(document, path, at_key=at_key), hint=hint)
        for path, at_key, message, hint in problems
    ]
    return sorted(found, key=lambda item: (item.where.line, item.where.column) if item.where else (0, 0))


def anchored(schema: Any) -> Any:
    """The schema with ``\\Z`` for ``$`` in patterns: to Python, ``$`` also matches before a last line break."""
    if isinstance(schema, dict):
        return {
            (key[:-1] + r"\Z" if key.endswith("$") else key): (
                value[:-1] + r"\Z" if key == "pattern" and value.endswith("$") else anchored(value)
            )
            for key, value in schema.items()
        }
    return [anchored(item) for item in schema] if isinstance(schema, list) else schema


def _meant(error: Any) -> Iterator[Any]:
    """The error, or those of the alternative that the value's form points to."""
    if error.validator != "oneOf" or not error.context:
        yield error
        return
    branches: dict[int, list[Any]] = {}
    for part in error.context:
        branches.setdefault(part.schema_path[0], []).append(part)
    fitting = [
        parts
        for parts in branches.values()
        if not any(part.validator in ("type", "oneOf") and not part.relative_path for part in parts)
    ]
    nested = [part for parts in branches.values() for part in parts if part.validator == "oneOf"]
    for part in fitting[0] if fitting else ():
        yield from _meant(part)
    if not fitting:
        inside = [part for part in nested if part.relative_path]
        yield from _meant(inside[0]) if inside else [error]


def _explain(error: Any) -> Iterator[Problem]:
    explain = _EXPLANATIONS.get(error.validator, _anything)
    yield from explain(error, list(error.absolute_path))


def _unknown_keys(error: Any, path: list[str | int]) -> Iterator[Problem]:
    known = sorted(error.schema.get("properties", {}))
    named = error.schema.get("patternProperties", {})
    for key in error.instance:
        if key in known or any(_matches(pattern, key) for pattern in named):
            continue
        if known:
            yield [*path, key], True, f"unknown key {quoted(key)} in {_subject(path)}", _key_hint(key, known)
        else:
            message = f"{quoted(key)} is not a name that can stand in {_subject(path)}"
            yield [*path, key], True, message, _NAME_HINTS.get(next(iter(named), ""), _NAME_HINT)


_NAME_HINT = "names are made of letters, digits, `.`, `_` and `-`"
_NAME_HINTS = {
    r"^[a-z]+\Z": "write it in lower case and without RLIMIT_: nofile, nproc, memlock",
    ".+": "a name cannot be empty",
    r"^.+\Z": "a name cannot be empty",
}


def _key_hint(key: str, known: list[str]) -> str:
    meant = did_you_mean(key, known)
    if meant:
        return meant
    if len(known) <= 12:
        return f"known here: {listing(known)}"
    return f"`stack explain` lists the keys; one of your own begins with `x-`, such as `x-{key}`"


def _wrong_type(error: Any, path: list[str | int]) -> Iterator[Problem]:
    value, expected = error.instance, _expected(error)
    says = "is empty" if value is None else f"is {_GOT.get(kind(value), 'of an unknown kind')}{_shown(value)}"
    wants = listing([_A[name] for name in expected], "or")
    yield path, False, f"{_subject(path)} {says}; it must be {wants}", _form_hint(path, value, expected)


def _expected(error: Any) -> list[str]:
    """The kinds that would have been right, from the schema or, for alternatives, from each of them."""
    if error.validator == "type":
        names = error.validator_value
        return [names] if isinstance(names, str) else list(names)
    kinds: list[str] = []
    for part in error.context:
        if part.validator in ("type", "oneOf") and not part.relative_path:
            kinds += [name for name in _expected(part) if name not in kinds]
    return kinds


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return ""
    return f" {quoted(_plain(value))}"


def _plain(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _form_hint(path: list[str | int], value: Any, expected: Iterable[str]) -> str:
    key = str(path[-1]) if path and not isinstance(path[-1], int) else ""
    scalar = not isinstance(value, (dict, list)) and value is not None
    if value is None:
        return "give it a value, or remove the key"
    if scalar and key in _BETTER:
        return _BETTER[key](value)
    if isinstance(value, float) and "integer" in expected:
        return "write it without a fraction"
    if scalar and "string" in expected:
        return f'write it in quotes: {key}: "{_plain(value)}"' if key else f'write it in quotes: "{_plain(value)}"'
    if isinstance(value, str) and "integer" in expected and _is_whole(value):
        return f"write it without quotes: {value}"
    if scalar and "array" in expected:
        return f"write it as a list: [{value}]"
    if scalar and "object" in expected:
        return "write it as a mapping, with `KEY: VALUE` on lines of their own below it"
    if isinstance(value, dict) and "array" in expected:
        return "begin each item with `- ` on a line of its own"
    if isinstance(value, list) and "object" in expected:
        return "write `KEY: VALUE` lines without a `-` before them"
    if isinstance(value, dict) and len(value) == 1 and "string" in expected:
        return "write it as one text: " + "".join(f"{name}={_plain(item)}" for name, item in value.items())
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], (dict, list)):
        return f"write it without the brackets or the dash: {value[0]}"
    return ""


# Fields where quotes alone would not make a good value of a number or a truth value.
_DURATIONS = (
    *("interval", "timeout", "start_period", "start_interval"),
    *("stop_grace_period", "delay", "monitor", "window"),
)
_BETTER: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(_DURATIONS, lambda value: f"add a unit: {value}s for seconds, {value}m for minutes"),
    "memory": lambda value: f'write bytes in quotes: "{value}", or add a unit: {value}m',
    "restart": lambda value: "write restart: always" if value is True else 'write restart: "no"',
}


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


def _missing(error: Any, path: list[str | int]) -> Iterator[Problem]:
    for key in error.validator_value:
        if key not in error.instance:
            choices = error.schema.get("properties", {}).get(key, {}).get("enum")
            hint = f"add `{key}: {choices[0]}`, or {listing(choices[1:], 'or')}" if choices else f"add `{key}: ...`"
            yield path, False, f"{_subject(path)} has no `{key}`", hint


def _missing_choice(error: Any, path: list[str | int]) -> Iterator[Problem]:
    keys = [f"`{choice['required'][0]}`" for choice in error.validator_value]
    yield path, False, f"{_subject(path)} has neither {' nor '.join(keys)}", f"add {' or '.join(keys)}"


def _not_listed(error: Any, path: list[str | int]) -> Iterator[Problem]:
    choices = [str(choice) for choice in error.validator_value]
    hint = did_you_mean(str(error.instance), choices)
    yield path, False, f"{_subject(path)} is {quoted(str(error.instance))}; it must be {listing(choices, 'or')}", hint


def _wrong_text(error: Any, path: list[str | int]) -> Iterator[Problem]:
    hint = str(error.schema.get("description", "")) or _NAME_HINT
    yield path, False, f"{_subject(path)} cannot be {quoted(error.instance)}", _PATTERN_HINTS.get(str(path[-1]), hint)


_PATTERN_HINTS = {
    "pull_policy": "write always, never, missing, build, daily, weekly or every_12h",
    "container_name": "write two or more letters, digits, `_`, `.` and `-`, the first a letter or a digit",
}


def _out_of_range(error: Any, path: list[str | int]) -> Iterator[Problem]:
    least, most = error.schema.get("minimum"), error.schema.get("maximum")
    span = (
        f"from {least} to {most}"
        if None not in (least, most)
        else f"{least} or more"
        if most is None
        else f"at most {most}"
    )
    yield path, False, f"{_subject(path)} is {error.instance}; it must be {span}", f"write a number that is {span}"


def _repeats(error: Any, path: list[str | int]) -> Iterator[Problem]:
    for later, earlier in repeated(error.instance):
        hint = f"remove one of them; the other is {_subject([*path, earlier])}"
        yield [*path, later], False, f"{_subject([*path, later])} is there twice", hint


def _anything(error: Any, path: list[str | int]) -> Iterator[Problem]:
    yield path, False, f"{_subject(path)} is not valid", str(error.schema.get("description", ""))


_EXPLANATIONS: dict[str, Callable[[Any, list[str | int]], Iterator[Problem]]] = {
    "additionalProperties": _unknown_keys,
    "type": _wrong_type,
    "oneOf": _wrong_type,
    "required": _missing,
    "anyOf": _missing_choice,
    "enum": _not_listed,
    "pattern": _wrong_text,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "uniqueItems": _repeats,
}


def _subject(path: list[str | int]) -> str:
    """What is spoken of: ``service `web```, `` `ports[0]` ``, the file."""
    if not path:
        return "the file"
    if len(path) == 2 and path[0] in _SINGULAR:
        return f"{_SINGULAR[str(path[0])]} {quoted(str(path[1]))}"
    last = path[-1]
    if isinstance(last, int):
        return f"{_subject(path[:-1])[:-1]}[{last}]`" if len(path) > 1 else f"item {last}"
    return quoted(str(last))


_SINGULAR = {
    "services": "service",
    "networks": "network",
    "volumes": "volume",
    "configs": "config",
    "secrets": "secret",
    "models": "model",
}


def _matches(pattern: str, key: str) -> bool:
    import re

    return re.search(pattern, key) is not None
