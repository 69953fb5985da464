"""What configs and secrets hold, read once for all services that use them, and the grants made of it.

A file that is given as it is stays where it is and is mounted; one with an owner or mode of its own, and everything
that comes from the environment, the spec or the host's store, is content to be copied. Digests are keyed; the texts of secrets are
remembered for masking.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from orchestrator.beneath import Outside
from orchestrator.model import fingerprint
from orchestrator.model.stored import KEY, NAME, PATH, Stored
from orchestrator.model.values import FileGrant, FileKind
from orchestrator.records import dataclass, field, replace
from orchestrator.spec import reading, values
from orchestrator.spec import store as host_store
from orchestrator.spec.document import Map
from orchestrator.spec.hints import quoted
from orchestrator.spec.reading import DISK, Files
from orchestrator.spec.records import Row, attributes, rows
from orchestrator.spec.values import BadValue

LARGEST_FILE = 16 * 1024 * 1024
GRANTED = (FileKind.CONFIG, FileKind.SECRET)
_ROOTS = {FileKind.CONFIG: "/", FileKind.SECRET: "/run/secrets/"}


def _owner(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) < 20) or int(text) >= 1 << 32:
        raise BadValue(f"{quoted(text)} is no numeric id", "write a number: names differ between images")
    return text


GRANT = {**rows(_owner, "uid gid"), "mode": Row("mode", values.file_mode)}


@dataclass(frozen=True, slots=True)
class Content:
    """A config or secret: the file it is (``path``) and, unless that is a directory, what it holds. ``in_memory``: it was
    encrypted, so it must not come to lie on a disk.
    """

    path: str = ""
    data: bytes | None = field(default=None, repr=False)
    digest: str = ""
    in_memory: bool = False


class Contents:
    """The configs and secrets that services of ``model`` use."""

    def __init__(
        self,
        model: Map,
        key: bytes,
        *,
        read: bool = True,
        store: str = "",
        in_memory: bool = False,
        disk: Files = DISK,
    ) -> None:
        self._key, self._read, self._store, self._in_memory = key, read, store or host_store.FOLDER, in_memory
        self._disk = disk
        self._without_key: dict[str, None] = {}
        self.were_encrypted: dict[str, None] = {}
        self.stored: dict[str, None] = {}
        self.secret_values: set[str] = set()
        problems: list[Any] = []
        self._found: dict[tuple[FileKind, str], Content] = {}
        for kind, name in _used(model):
            try:
                self._found[kind, name] = self._content(kind, name, (model.get(f"{kind.value}s") or {}).get(name) or {})
            except BadValue as bad:
                problems += [((f"{kind.value}s", name, *path), *words) for path, *words in bad.problems]
        if problems:
            raise BadValue(problems=problems)
        if self._without_key:
            raise reading.encrypted(self._without_key)

    def grant(self, kind: FileKind, node: Mapping[str, Any]) -> FileGrant:
        """What a service's entry gives it."""
        name = node["source"]
        content = self._found[kind, name]
        owner = attributes(node, GRANT)
        target = os.path.join(_ROOTS[kind], node.get("target") or name)
        if content.in_memory or (kind is FileKind.SECRET and self._in_memory and self._read):
            if content.data is None:
                raise BadValue(f"the secret {quoted(name)} is a folder: only files are kept in memory", "name a file")
            return FileGrant(kind, name, target, content=content.data, digest=content.digest, in_memory=True, **owner)
        # An owner or mode cannot be given to a mounted file, so such a file is copied.
        if content.path and (not owner or content.data is None):
            return FileGrant(kind, name, target, source=content.path, digest=content.digest, **owner)
        return FileGrant(kind, name, target, content=content.data, digest=content.digest, **owner)

    def profile(self, path: str) -> str:
        """What a seccomp profile says, as compact JSON; its path when contents are not to be read."""
        if not self._read:
            return path
        try:
            return json.dumps(json.loads(self._disk.read(path, LARGEST_FILE)), separators=(",", ":"))
        except Outside as problem:
            raise BadValue(problems=[((), problem.message, problem.hint)]) from None
        except (OSError, ValueError) as error:
            reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be used: {error}"
            message, hint = f"the seccomp profile {quoted(path)} {reason}", "name a JSON profile, or `unconfined`"
            raise BadValue(problems=[((), message, hint)]) from None

    def _content(self, kind: FileKind, name: str, resource: Mapping[str, Any]) -> Content:
        where = in_store(resource)
        if where is not None:
            return self._stored(kind, where)
        if resource.get("external"):
            return self._kept(kind, self.external(kind, resource.get("name") or name))
        for key in ("driver", "template_driver"):
            if resource.get(key):
                raise BadValue(problems=[((key,), f"a {kind.value} cannot have a `{key}` here", f"remove `{key}`")])
        path = resource.get("file", "")
        return self._kept(kind, self._file(path) if path else _text(resource) if self._read else b"", path)

    def _kept(self, kind: FileKind, data: bytes | None, path: str = "") -> Content:
        in_memory = path in self.were_encrypted
        if (kind is FileKind.SECRET or in_memory) and data:
            self.secret_values.add(data.decode("utf-8", "replace").strip())
        return Content(path, data, fingerprint.digest(self._key, data) if data is not None else "", in_memory)

    def _stored(self, kind: FileKind, where: str) -> Content:
        data = self.from_store(where)
        if data is None:
            self._without_key[where] = None
            return Content()
        return replace(self._kept(kind, data), in_memory=self._read)

    def from_store(self, where: str) -> bytes | None:
        """The secret that lies in a store, b"" where nothing is to be read; None where it was not given."""
        if not self._read:
            return b""
        self.stored[where] = None
        data = self._disk.plain.get(where)
        if data:
            self.secret_values.add(data.decode("utf-8", "replace").strip())
        return data

    def decrypted(self, path: str) -> bytes | None:
        """The plain text of a file that is encrypted; None for any other."""
        if path in self._disk.plain:
            self.were_encrypted[path] = None
            return self._disk.plain[path]
        if self._read and self._disk.is_encrypted(path):
            raise reading.encrypted((path,))
        return None

    def external(self, kind: FileKind, name: str) -> bytes:
        """What the host's store holds under ``name``."""
        if not self._read:
            return b""
        try:
            data = host_store.read(self._store, kind, name, LARGEST_FILE)
        except BadValue as bad:
            raise BadValue(problems=bad.below("external")) from None
        if kind is FileKind.SECRET:
            self.secret_values.add(data.decode("utf-8", "replace").strip())
        return data

    def _file(self, path: str) -> bytes | None:
        try:
            if not self._read or self._disk.is_folder(path):
                return None
            data = self._disk.read(path, LARGEST_FILE + 1)
            if path in self._disk.plain:
                self.were_encrypted[path] = None
        except reading.Encrypted:
            self._without_key[path] = None
            return None
        except Outside as problem:
            raise BadValue(problems=[(("file",), problem.message, problem.hint)]) from None
        except (OSError, ValueError) as error:
            reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
            message, hint = f"the file {quoted(path)} {reason}", "create it, or mend the path"
            raise BadValue(problems=[(("file",), message, hint)]) from None
        if len(data) > LARGEST_FILE:
            hint = f"keep it below {LARGEST_FILE // 1024 // 1024} MiB, or mount it as a volume"
            raise BadValue(problems=[(("file",), f"the file {quoted(path)} is too large", hint)])
        return data


def in_store(resource: Mapping[str, Any]) -> str | None:
    """The reference to where an external resource is kept; None where it is in the host's own store, or not external."""
    own = resource.get("x-stack") or {}
    if not own.keys() & {"store", "path", "key"}:
        return None
    if not resource.get("external"):
        raise BadValue(problems=[(("x-stack",), "only what is external is in a store", "add `external: true`")])
    parts = {name: str(own.get(name) or "") for name in ("store", "path", "key")}
    for name, form in (("store", NAME), ("path", PATH), ("key", KEY)):
        if (parts[name] or name != "key") and not form.fullmatch(parts[name]):
            message = f"{quoted(parts[name])} cannot be the {name} of a secret in a store"
            raise BadValue(problems=[(("x-stack", name), message, "letters, digits, _ . - and, in a path, /")])
    return str(Stored(**parts))


def _text(resource: Mapping[str, Any]) -> bytes:
    text = resource.get("x-#value", resource.get("content"))
    if text is None:
        variable = str(resource.get("environment", ""))
        message = f"the environment variable {quoted(variable)} is not set"
        raise BadValue(problems=[(("environment",), message, f"set it: export {variable}=..., or in the .env file")])
    return str(text).encode("utf-8", "surrogateescape")


def _used(model: Map) -> list[tuple[FileKind, str]]:
    found: dict[tuple[FileKind, str], None] = {}
    for service in (model.get("services") or {}).values():
        for kind in GRANTED:
            for grant in service.get(f"{kind.value}s") or ():
                found[kind, grant["source"]] = None
    return list(found)
