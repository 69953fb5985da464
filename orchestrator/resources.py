"""The one place that knows where the shipped ``schemas/`` and ``stacks/`` folders are.

In a source tree and in an editable install they lie beside the package; in a wheel they were copied to
``orchestrator/_shipped``. Paths are plain strings made without ``pathlib``, because every command starts through here.
"""

from __future__ import annotations

import os

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_PLACES = (os.path.join(_PACKAGE, "_shipped"), os.path.dirname(_PACKAGE))


def schema_path(name: str) -> str:
    """The file of a shipped schema: ``schema_path("stack.schema.json")``, or ``schema_path("stack")`` for short."""
    return _find("schemas", name if name.endswith(".json") else f"{name}.schema.json")


def stacks_path() -> str:
    """The folder of the ready-to-run stacks."""
    return _find("stacks")


def _find(*parts: str) -> str:
    for place in _PLACES:
        path = os.path.join(place, *parts)
        if os.path.exists(path):
            return path
    # An installation without its own files is broken, not the user's fault: no StackError, and no hint to follow.
    raise FileNotFoundError(f"{os.path.join(*parts)} is missing from this installation; looked in {', '.join(_PLACES)}")
