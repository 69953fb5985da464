"""What a file of the command line is, when somebody names a host file where a spec is meant, or the other way round.

Looked at are the keys at its top and nothing else: whether all that is in it fits is for whoever reads it as what it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from enum import Enum
from typing import Any

from orchestrator.errors import SpecError
from orchestrator.resources import schema_path
from orchestrator.spec.document import Map
from orchestrator.spec.limits import DEFAULTS
from orchestrator.spec.parse import parse


class Kind(Enum):
    HOST = "host"
    POLICY = "policy"
    OTHER = "other"


def kind_of(path: str) -> Kind:
    """OTHER also for what is not there, or cannot be read: that is told by whoever opens it as a spec."""
    keys = _keys(path)
    if not keys or isinstance(keys.get("services"), Mapping):
        return Kind.OTHER
    with open(schema_path("host"), encoding="utf-8") as file:
        schema = json.load(file)
    if keys.keys() <= schema["$defs"]["policyfile"]["properties"].keys() and not _follows(keys):
        return Kind.POLICY
    return Kind.HOST if keys.keys() & (schema["properties"].keys() - _OF_SPECS) else Kind.OTHER


_OF_SPECS = frozenset(("secret_stores",))  # it may be misplaced in a spec


def _follows(keys: Mapping[str, Any]) -> bool:
    """Whether its sources are repositories, and not only what they may do."""
    sources = keys.get("sources")
    return isinstance(sources, Mapping) and any(isinstance(one, Mapping) and "url" in one for one in sources.values())


def _keys(path: str) -> Mapping[str, Any]:
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, "rb") as file:
            documents = parse(file.read(DEFAULTS.file_bytes + 1), path, DEFAULTS)
    except (OSError, SpecError):
        return {}
    root = documents[0].root if len(documents) == 1 else None
    return root if isinstance(root, Map) else {}
