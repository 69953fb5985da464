"""A spec from a registry: the artifact that ``docker compose publish`` makes, fetched once and kept under its digest.

Reads the manifest, checks what each layer claims to be against its digest, and writes the spec and its env files into a
directory of the cache. Names in annotations become file names only when they are plain names: no separators, no dots
alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.errors import Where
from orchestrator.spec.registry import MANIFESTS, Registry, digest_of, parse
from orchestrator.spec.remote import RemoteUnavailable

ARTIFACT = "application/vnd.docker.compose.project"
EMPTY_CONFIG = "application/vnd.docker.compose.config.empty.v1+json"  # says the same in the older form of manifests
SPEC = "application/vnd.docker.compose.file+yaml"
ENV_FILE = "application/vnd.docker.compose.envfile"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\Z")
_MAIN = "compose.yaml"


def fetch(
    reference: str, cache: str, environment: Mapping[str, str], where: Where, insecure: Collection[str] = ()
) -> str:
    """The path of the spec that the artifact holds."""
    wanted = parse(reference, where, insecure)
    registry = Registry(wanted, environment, where)
    manifest_bytes = registry.get(f"/manifests/{wanted.version}", MANIFESTS)
    digest = digest_of(manifest_bytes).removeprefix("sha256:")
    if wanted.version.startswith("sha256:") and wanted.version != f"sha256:{digest}":
        raise RemoteUnavailable(f"oci://{reference} is not what its digest says", where=where)
    directory = os.path.join(cache, digest)
    if not os.path.isdir(directory):
        _write(_manifest(manifest_bytes, reference, where), registry, directory, where)
    return os.path.join(directory, _MAIN)


def _manifest(data: bytes, reference: str, where: Where) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
        kind = manifest.get("artifactType") or manifest.get("config", {}).get("mediaType")
    except (ValueError, AttributeError):
        raise RemoteUnavailable(f"oci://{reference} has no manifest that can be read", where=where) from None
    if kind not in (ARTIFACT, EMPTY_CONFIG) or not isinstance(manifest.get("layers"), list):
        raise RemoteUnavailable(f"oci://{reference} is not a published spec but {kind}", where=where)
    return dict(manifest)


def _write(manifest: dict[str, Any], registry: Registry, directory: str, where: Where) -> None:
    """Write the artifact's files, and show the directory only when it is complete."""
    temporary = tempfile.mkdtemp(dir=os.path.dirname(directory), prefix=".incoming-")
    try:
        for layer in manifest["layers"]:
            name = _file_name(layer, where)
            if name:
                data = registry.blob(str(layer.get("digest")))
                path = os.path.join(temporary, name)
                separator = b"\n---\n" if os.path.exists(path) and name == _MAIN else b""
                with open(path, "ab") as file:
                    file.write(separator + data)
        if not os.path.exists(os.path.join(temporary, _MAIN)):
            raise RemoteUnavailable("the artifact holds no spec", where=where)
        if not os.path.isdir(directory):
            os.rename(temporary, directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _file_name(layer: dict[str, Any], where: Where) -> str:
    """The file that a layer is; empty for a layer that is none of ours."""
    notes = layer.get("annotations") or {}
    kind = layer.get("mediaType")
    if kind == SPEC:
        name = (
            notes.get("com.docker.compose.file", _MAIN) if notes.get("com.docker.compose.extends") == "true" else _MAIN
        )
    elif kind == ENV_FILE:
        name = notes.get("com.docker.compose.envfile", "")
    else:
        return ""
    if not _NAME.match(str(name)):
        raise RemoteUnavailable(f"the artifact names a file {name!r}", where=where)
    return str(name)
