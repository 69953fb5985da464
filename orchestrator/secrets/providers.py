"""How each kind of store is asked. A provider gets a path and a key, and answers with the secret or raises StoreFailed.

Paths and keys come from specs and are plain (``model.stored``); everything else is the operator's.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any, Protocol, assert_never

from orchestrator.beneath import Beneath, Outside
from orchestrator.model.host import SecretStore, StoreKind
from orchestrator.secrets.errors import StoreFailed

LARGEST = 1 << 20


class Provider(Protocol):
    def value(self, path: str, key: str) -> bytes:
        """The secret at ``path``: the entry ``key`` of it, or all of it. Raises StoreFailed."""
        ...


def provider(store: SecretStore, environment: Mapping[str, str]) -> Provider:
    match store.kind:
        case StoreKind.VAULT:
            from orchestrator.secrets.vault import Vault

            return Vault(store)
        case StoreKind.ENVIRONMENT:
            return Environment(store, environment)
        case StoreKind.FILES:
            return Files(store)
        case StoreKind.COMMAND:
            return Command(store, environment)
        case _:
            assert_never(store.kind)


class Environment:
    """Variables of the process whose names begin with the store's prefix."""

    def __init__(self, store: SecretStore, environment: Mapping[str, str]) -> None:
        self._prefix, self._environment = store.prefix, environment

    def value(self, path: str, key: str) -> bytes:
        name = self._prefix + path
        if name not in self._environment:
            raise StoreFailed(f"the environment has no {name}")
        return entry(self._environment[name].encode("utf-8", "surrogateescape"), key)


class Files:
    """Files below one folder; links do not lead out of it."""

    def __init__(self, store: SecretStore) -> None:
        self._folder = store.folder

    def value(self, path: str, key: str) -> bytes:
        place = os.path.join(self._folder, path)
        try:
            data = Beneath(self._folder).read(place, LARGEST + 1)
        except Outside as problem:
            raise StoreFailed(problem.message) from None
        except OSError as error:
            raise StoreFailed(f"{place} cannot be read: {error.strerror}") from None
        if len(data) > LARGEST:
            raise StoreFailed(f"{place} is larger than {LARGEST >> 20} MiB")
        return entry(data, key)


class Command:
    """A program of the host. It sees the path of programs and its home alone of the environment."""

    def __init__(self, store: SecretStore, environment: Mapping[str, str]) -> None:
        self._store = store
        self._environment = {name: environment[name] for name in ("PATH", "HOME", "LANG") if name in environment}

    def value(self, path: str, key: str) -> bytes:
        words = [word.replace("{path}", path).replace("{key}", key) for word in self._store.command]
        program = words[0]
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._store.timeout,
                check=False,
                env=self._environment,
            )
        except subprocess.TimeoutExpired:
            raise StoreFailed(f"{program} took longer than {self._store.timeout:g} s") from None
        except OSError as error:
            raise StoreFailed(f"{program} cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            raise StoreFailed(f"{program} ended with exit code {done.returncode}")
        if len(done.stdout) > LARGEST:
            raise StoreFailed(f"{program} wrote more than {LARGEST >> 20} MiB")
        data = done.stdout.removesuffix(b"\n")
        return data if any("{key}" in word for word in self._store.command) else entry(data, key)


def entry(data: bytes, key: str) -> bytes:
    """The entry ``key`` of a mapping in JSON; all of the data where no key is asked for."""
    if not key:
        return data
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise StoreFailed("a key is asked for, and what is there is no mapping in JSON") from None
    return entry_of(found, key)


def entry_of(found: Any, key: str) -> bytes:
    if not isinstance(found, dict) or key not in found:
        raise StoreFailed(f"what is there has no entry {key}")
    value = found[key]
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "surrogateescape")
