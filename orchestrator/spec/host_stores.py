"""The ``secret_stores`` of a host file: what a store of a name is, and who may name it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import RuleViolation, Where
from orchestrator.model.host import SecretStore, StoreKind
from orchestrator.model.values import SECOND
from orchestrator.spec import document, values
from orchestrator.spec.document import Map

_FILES = ("ca_file", "token_file", "role_id_file", "secret_id_file", "folder")
_PLAIN = ("address", "namespace", "mount", "prefix")
_OF_KIND: Mapping[StoreKind, tuple[frozenset[str], frozenset[str]]] = {  # what it must have, what it may have
    StoreKind.VAULT: (
        frozenset(("address",)),
        frozenset(("namespace", "ca_file", "token_file", "role_id_file", "secret_id_file", "mount")),
    ),
    StoreKind.ENVIRONMENT: (frozenset(("prefix",)), frozenset()),
    StoreKind.FILES: (frozenset(("folder",)), frozenset()),
    StoreKind.COMMAND: (frozenset(("command",)), frozenset()),
}
_ALWAYS = frozenset(("kind", "timeout", "refresh"))
_LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")


def secret_stores(root: Map, directory: str) -> dict[str, SecretStore]:
    """The stores by name. Raises RuleViolation with the place of what does not go together."""
    return {name: _store(root, name, node, directory) for name, node in (root.get("secret_stores") or {}).items()}


def granted(root: Map, where: Where, names: list[str] | None) -> tuple[str, ...] | None:
    """The stores that somebody may name; None for all."""
    if names is None:
        return None
    unknown = [name for name in names if name not in (root.get("secret_stores") or {})]
    if unknown:
        raise RuleViolation(
            f"there is no secret store {unknown[0]}", where=where, hint="describe it under `secret_stores`"
        )
    return tuple(names)


def _store(root: Map, name: str, node: Mapping[str, Any], directory: str) -> SecretStore:
    where = document.where(root, ("secret_stores", name), at_key=True)
    kind = StoreKind(node["kind"])
    needed, allowed = _OF_KIND[kind]
    for key in sorted(needed - node.keys()):
        raise RuleViolation(f"a store of kind {kind} needs `{key}`", where=where)
    for key in sorted(node.keys() - needed - allowed - _ALWAYS):
        raise RuleViolation(f"a store of kind {kind} has no `{key}`", where=where)
    if kind is StoreKind.VAULT:
        _check_vault(node, where)
    seconds: dict[str, Any] = {
        key: values.duration(node[key]) / SECOND for key in ("timeout", "refresh") if key in node
    }
    paths: dict[str, Any] = {key: os.path.normpath(os.path.join(directory, node[key])) for key in _FILES if key in node}
    plain: dict[str, Any] = {key: node[key] for key in _PLAIN if key in node}
    return SecretStore(
        name=name, kind=kind, command=tuple(node.get("command") or ()), where=where, **seconds, **paths, **plain
    )


def _check_vault(node: Mapping[str, Any], where: Where) -> None:
    role = {"role_id_file", "secret_id_file"}
    if ("token_file" in node) == bool(role & node.keys()) or (role & node.keys() and role - node.keys()):
        raise RuleViolation(
            "Vault is asked with `token_file`, or with both `role_id_file` and `secret_id_file`", where=where
        )
    address = node["address"]
    if not address.startswith(("https://", *_LOOPBACK)) or "@" in address:
        raise RuleViolation("the address of Vault is https://HOST:PORT, without a user", where=where)
