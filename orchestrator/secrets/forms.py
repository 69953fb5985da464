"""The shapes that SOPS files have: YAML, JSON, dotenv and binary.

Bytes in; a ``Sealed`` out: the metadata, every value with the keys that lead to it, in the file's order, and how to write the
file with other values. What is written keeps the lines of the encrypted file, so that an error in it names the right one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from orchestrator.errors import SpecError, Where
from orchestrator.records import dataclass
from orchestrator.secrets.errors import CannotDecrypt
from orchestrator.spec.leaves import layout
from orchestrator.spec.parse import parse

LARGEST = 16 * 1024 * 1024
_LIST = re.compile(r"(?P<name>[a-z_]+?)__list_(?P<index>\d{1,3})__map_(?P<key>[a-z_]+)")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What a decrypted value is: its text, and whether it was text (rather than a number or a boolean)."""

    text: str
    is_text: bool


@dataclass(frozen=True, slots=True)
class Sealed:
    """``render`` gets one entry for each leaf: None where the leaf stays as it is."""

    metadata: dict[str, Any]
    leaves: Sequence[tuple[Path, Any]]
    render: Callable[[Sequence[Value | bytes | None]], bytes]


def read(data: bytes, file: str) -> Sealed:
    """The shape of a SOPS file. Raises CannotDecrypt where it has none that is known."""
    try:
        text = data.decode("utf-8-sig")
        if len(data) > LARGEST:
            raise ValueError("it is too large")
        if text.lstrip().startswith("{"):
            return _json(text, named_json=file.endswith(".json"))
        if re.search(r"(?m)^sops_mac=", text):
            return _dotenv(text)
        return _yaml(text, file)
    except SpecError as error:
        raise CannotDecrypt(f"an encrypted file cannot be read: {error.message}", where=error.where) from None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise CannotDecrypt("this looks like a SOPS file, and its form is broken", where=Where(file)) from None


def _yaml(text: str, file: str) -> Sealed:
    found = layout(text, file)
    metadata = next(document.root["sops"] for document in parse(text.encode(), file) if "sops" in document.root)
    leaves = [leaf for leaf in found.leaves if leaf.path[:1] != ("sops",)]
    cuts = [(start, end) for key, start, end in found.sections if key == "sops"]

    def render(values: Sequence[Value | bytes | None]) -> bytes:
        changes = [(start, end, "\n" * text.count("\n", start, end)) for start, end in cuts]
        for leaf, value in zip(leaves, values, strict=True):
            if value is not None:
                assert isinstance(value, Value)
                changes.append((leaf.start, leaf.end, _written(value)))
        made = text
        for start, end, new in sorted(changes, reverse=True):
            made = made[:start] + new + made[end:]
        return made.encode()

    return Sealed(metadata, [(leaf.path, leaf.value) for leaf in leaves], render)


def _written(value: Value) -> str:
    """A value as it stands in YAML: text in quotes whatever it looks like."""
    if not value.is_text:
        return value.text
    text = json.dumps(value.text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _json(text: str, *, named_json: bool) -> Sealed:
    root = json.loads(text)
    metadata = root["sops"]
    if root.keys() == {"data", "sops"} and not named_json:
        return Sealed(metadata, [(("data",), root["data"])], lambda values: _raw(values[0], root["data"]))
    leaves: list[tuple[Path, Any]] = []
    places: list[tuple[Any, Any]] = []

    def walk(node: Any, holder: Any, key: Any, path: Path) -> None:
        if isinstance(node, dict):
            for name, below in node.items():
                walk(below, node, name, (*path, name))
        elif isinstance(node, list):
            for index, below in enumerate(node):
                walk(below, node, index, path)
        else:
            leaves.append((path, node))
            places.append((holder, key))

    plain = {key: value for key, value in root.items() if key != "sops"}
    for name, below in plain.items():
        walk(below, plain, name, (name,))

    def render(values: Sequence[Value | bytes | None]) -> bytes:
        for (holder, key), value in zip(places, values, strict=True):
            if isinstance(value, Value):
                holder[key] = value.text if value.is_text else json.loads(value.text)
        return (json.dumps(plain, indent="\t", ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")

    return Sealed(metadata, leaves, render)


def _raw(value: Value | bytes | None, given: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value.text if value is not None else str(given)).encode("utf-8", "surrogateescape")


def _dotenv(text: str) -> Sealed:
    lines = text.splitlines()
    flat: dict[str, str] = {}
    leaves: list[tuple[Path, Any]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines):
        key, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        if key.startswith("sops_"):
            flat[key.removeprefix("sops_")] = value.replace("\\n", "\n")
        else:
            leaves.append(((key,), value.replace("\\n", "\n")))
            numbers.append(number)

    def render(values: Sequence[Value | bytes | None]) -> bytes:
        made = ["" if line.startswith(("sops_", "#ENC[")) else line for line in lines]
        for number, ((key,), _), value in zip(numbers, leaves, values, strict=True):
            if isinstance(value, Value):
                made[number] = f"{key}={value.text}".replace("\n", "\\n")
        return ("\n".join(made).rstrip("\n") + "\n").encode("utf-8", "surrogateescape")

    return Sealed(_unflattened(flat), leaves, render)


def _unflattened(flat: dict[str, str]) -> dict[str, Any]:
    """``age__list_0__map_enc`` as an entry of a list; what has another form stands as it is."""
    made: dict[str, Any] = {}
    lists: dict[str, dict[int, dict[str, str]]] = {}
    for key, value in flat.items():
        found = _LIST.fullmatch(key)
        if found:
            lists.setdefault(found["name"], {}).setdefault(int(found["index"]), {})[found["key"]] = value
        else:
            made[key] = value == "true" if key == "mac_only_encrypted" else value
    return made | {name: [entries[index] for index in sorted(entries)] for name, entries in lists.items()}
