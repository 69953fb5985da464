"""Whether a document has the structure that the Kubernetes API wants: known keys, right types, nothing required missing.

The models are those of the official client, which is generated from the API's own description.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubernetes import client

PLAIN = {"str": str, "int": int, "bool": bool, "float": float, "object": object}


def problems(document: dict[str, Any]) -> list[str]:
    """What is wrong with a whole object; empty where nothing is."""
    return list(_of_model(document, f"V1{document['kind']}", document["kind"]))


def _of(value: Any, kind: str, where: str) -> Iterator[str]:
    if kind.startswith("list["):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for number, item in enumerate(value):
            yield from _of(item, kind[5:-1], f"{where}[{number}]")
    elif kind.startswith("dict("):
        if not isinstance(value, dict):
            yield f"{where} is no mapping"
            return
        for key, item in value.items():
            yield from _of(item, kind[5:-1].partition(", ")[2], f"{where}.{key}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (kind == "int" and isinstance(value, bool)):
            yield f"{where} is {value!r}, no {kind}"
    else:
        yield from _of_model(value, kind, where)


def _of_model(value: Any, kind: str, where: str) -> Iterator[str]:
    model = getattr(client, kind)
    if not isinstance(value, dict):
        yield f"{where} is no {kind}"
        return
    known = {spelled: (name, model.openapi_types[name]) for name, spelled in model.attribute_map.items()}
    for key, item in value.items():
        if key not in known:
            yield f"{where}.{key} is unknown"
        else:
            yield from _of(item, known[key][1], f"{where}.{key}")
    try:
        model(**{known[key][0]: item for key, item in value.items() if key in known})
    except ValueError as missing:
        yield f"{where}: {missing}"
