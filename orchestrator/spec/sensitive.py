"""What in a stack's files looks like a secret, or tells of this host: looked for before they are shown to others.

Texts go in, findings come out: what kind and where, never the value. It errs on the side of asking. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from orchestrator.records import dataclass
from orchestrator.spec.defaults import services_of
from orchestrator.spec.document import Map

_PATTERNS = (
    ("private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    ("AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})\b")),
    ("GitLab token", re.compile(r"\bglpat-[A-Za-z0-9_\-]{20,}\b")),
    ("Slack token", re.compile(r"\bxox[abprs]-[A-Za-z0-9\-]{10,}\b")),
    ("Stripe key", re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b")),
    ("JSON web token", re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}")),
    ("URL with a password", re.compile(r"[a-z][a-z0-9+.\-]*://[^\s:/@$]+:[^\s/@$]+@")),
)
_NAMES = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Finding:
    kind: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}"


def in_lines(text: str, file: str) -> list[Finding]:
    """Lines of an env file that look as if they held a secret."""
    found = _by_pattern(text, file)
    taken = {finding.line for finding in found}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if number not in taken and equals and not name.startswith("#"):
            found += _by_name(name.strip(), value, file, number)
    return sorted(found, key=lambda one: one.line)


def in_yaml(text: str, file: str, *, environments: bool = True) -> list[Finding]:
    """The same of a spec, wherever in it a name has a value; the names in services' ``environment`` only if asked."""
    found = _by_pattern(text, file)
    taken = {finding.line for finding in found}
    for name, value, line in (pair for root in _documents(text) for pair in _pairs(root, environments)):
        if line not in taken:
            found += _by_name(name, value, file, line)
    return sorted(found, key=lambda one: one.line)


def _by_pattern(text: str, file: str) -> list[Finding]:
    return [
        Finding(kind, file, number)
        for number, line in enumerate(text.splitlines(), 1)
        for kind, pattern in _PATTERNS
        if not line.lstrip().startswith("#") and pattern.search(line)
    ]


def _by_name(name: str, value: str, file: str, line: int) -> list[Finding]:
    telling = _NAMES.search(name) and not name.upper().endswith("_FILE")
    return [Finding(f"a value for {name}", file, line)] if telling and _is_literal(value.strip().strip("\"'")) else []


def _documents(text: str) -> list[Any]:
    try:
        return list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        return []  # who reads it will say so


def _pairs(node: Any, environments: bool) -> Iterator[tuple[str, str, int]]:
    """Every name with its value: of mappings, and of texts like ``NAME=value``; and the line where it stands."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "environment" and not environments:
                continue
            if isinstance(value, yaml.ScalarNode):
                yield str(key.value), str(value.value), value.start_mark.line + 1
            else:
                yield from _pairs(value, environments)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _pairs(item, environments)
    elif isinstance(node, yaml.ScalarNode):
        name, equals, value = str(node.value).partition("=")
        if equals:
            yield name, value, node.start_mark.line + 1


def _is_literal(value: str) -> bool:
    """Not a variable, a switch, a number, a path, or the beginning of a block."""
    return (
        len(value) > 3
        and value[0] not in "$/.{[&*|>"
        and "${" not in value
        and not value.isdigit()
        and " " not in value
    )


def bind_mounts(model: Map) -> dict[str, list[str]]:
    """The places of this host that services mount, as ``SOURCE:TARGET:ACCESS``."""
    found: dict[str, list[str]] = {}
    for name, service in services_of(model):
        binds = [_short(volume) for volume in service.get("volumes") or () if volume.get("type") == "bind"]
        if binds:
            found[name] = binds
    return found


def _short(volume: Map) -> str:
    return f"{volume.get('source', '')}:{volume.get('target', '')}:{'ro' if volume.get('read_only') else 'rw'}"


def environments(unread: Map) -> Iterator[str]:
    """What services get as variables and others will read: env files, and values that a name makes out as secret.

    ``unread`` is the model with its env files not read and its variables not filled in.
    """
    for name, service in services_of(unread):
        if service.get("env_file"):
            yield f'"{name}": env_file declared'
        for variable, value in _pairs_of(service.get("environment")):
            if _by_name(variable, value, "", 0):
                yield f'"{name}": literal value for "{variable}"'


def _pairs_of(environment: Any) -> Iterator[tuple[str, str]]:
    if isinstance(environment, Map):
        yield from ((str(name), str(value)) for name, value in environment.items() if value is not None)
    else:
        yield from ((name, value) for name, _, value in (str(each).partition("=") for each in environment or ()))


def literals(model: Map) -> Iterator[str]:
    """Contents that stand in the file itself, where others will read them."""
    for kind in ("configs", "secrets"):
        for name, resource in (model.get(kind) or {}).items():
            if isinstance(resource, Map) and resource.get("content"):
                yield f"the content of the {kind[:-1]} {name!r}"
