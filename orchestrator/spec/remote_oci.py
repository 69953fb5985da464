"""A spec from a registry: the artifact that ``docker compose publish`` makes, fetched once and kept under its digest.

Reads the manifest, checks what each layer claims to be against its digest, and writes the spec and its env files into a
directory of the cache. Names in annotations become file names only when they are plain names: no separators, no dots
alone. Credentials come from the docker configuration; only loopback registries are spoken to without TLS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import Where
from orchestrator.records import dataclass
from orchestrator.spec.remote import RemoteUnavailable

_MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
_ARTIFACT = "application/vnd.docker.compose.project"
_SPEC = "application/vnd.docker.compose.file+yaml"
_ENV_FILE = "application/vnd.docker.compose.envfile"
_LARGEST = 4 * 1024 * 1024
_SECONDS = 60
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\Z")
_MAIN = "compose.yaml"


@dataclass(frozen=True, slots=True)
class Reference:
    """``HOST/NAME:TAG`` or ``HOST/NAME@DIGEST``."""

    host: str
    name: str
    version: str

    @property
    def base(self) -> str:
        """The URL below which the artifact's parts are."""
        loopback = self.host.partition(":")[0] in ("localhost", "127.0.0.1") or self.host.startswith("[::1]")
        return f"{'http' if loopback else 'https'}://{self.host}/v2/{self.name}"


def parse(reference: str, where: Where) -> Reference:
    """A reference in its parts; without a host it means the public registry, without a tag ``latest``."""
    rest, at, digest = reference.partition("@")
    first, slash, remainder = rest.partition("/")
    hosted = slash and ("." in first or ":" in first or first == "localhost")
    host, path = (first, remainder) if hosted else ("registry-1.docker.io", rest if slash else f"library/{rest}")
    name, _, tag = path.partition(":")
    if not re.fullmatch(r"[a-z0-9]+(?:[._/\-]+[a-z0-9]+)*", name) or (
        at and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    ):
        raise RemoteUnavailable(f"oci://{reference} is not the name of an artifact", where=where)
    return Reference("registry-1.docker.io" if host == "docker.io" else host, name, digest or tag or "latest")


def fetch(reference: str, cache: str, environment: Mapping[str, str], where: Where) -> str:
    """The path of the spec that the artifact holds."""
    wanted = parse(reference, where)
    registry = _Registry(wanted, environment, where)
    manifest_bytes = registry.get(f"/manifests/{wanted.version}", _MANIFESTS)
    digest = hashlib.sha256(manifest_bytes).hexdigest()
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
    if kind != _ARTIFACT or not isinstance(manifest.get("layers"), list):
        raise RemoteUnavailable(f"oci://{reference} is not a published spec but {kind}", where=where)
    return dict(manifest)


def _write(manifest: dict[str, Any], registry: _Registry, directory: str, where: Where) -> None:
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
    if kind == _SPEC:
        name = (
            notes.get("com.docker.compose.file", _MAIN) if notes.get("com.docker.compose.extends") == "true" else _MAIN
        )
    elif kind == _ENV_FILE:
        name = notes.get("com.docker.compose.envfile", "")
    else:
        return ""
    if not _NAME.match(str(name)):
        raise RemoteUnavailable(f"the artifact names a file {name!r}", where=where)
    return str(name)


class _Registry:
    """A registry, asked with whatever it wants to be asked with."""

    def __init__(self, wanted: Reference, environment: Mapping[str, str], where: Where) -> None:
        self.wanted = wanted
        self.where = where
        self.login = _login(wanted.host, environment)
        self.authorization = ""

    def blob(self, digest: str) -> bytes:
        """The bytes under a digest, checked against it."""
        data = self.get(f"/blobs/{digest}", "*/*") if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) else b""
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise RemoteUnavailable("a part of the artifact is not what its digest says", where=self.where)
        return data

    def get(self, path: str, accept: str) -> bytes:
        try:
            return self._open(self.wanted.base + path, accept)
        except urllib.error.HTTPError as refused:
            if refused.code != 401 or self.authorization:
                raise self._problem(f"{refused.code} {refused.reason}") from None
            self._authorize(refused.headers.get("WWW-Authenticate", ""))
            try:
                return self._open(self.wanted.base + path, accept)
            except (urllib.error.URLError, OSError, ValueError) as error:
                raise self._problem(str(error)) from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise self._problem(str(error)) from None

    def _open(self, url: str, accept: str) -> bytes:
        headers = {"Accept": accept, "User-Agent": "stack"}
        request = urllib.request.Request(url, headers=headers)
        if self.authorization:
            # Unredirected: what a registry redirects to must not see the credentials.
            request.add_unredirected_header("Authorization", self.authorization)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                data = bytes(answer.read(_LARGEST + 1))
        except urllib.error.HTTPError as refused:
            refused.close()  # the error is also the answer, and holds its connection
            raise
        if len(data) > _LARGEST:
            raise ValueError(f"larger than {_LARGEST} bytes")
        return data

    def _authorize(self, challenge: str) -> None:
        """Answer the registry's question for credentials: with them, or with a token that they (or nobody) get."""
        kind, _, rest = challenge.partition(" ")
        basic = f"Basic {self.login}" if self.login else ""
        if kind.lower() != "bearer":
            self.authorization = basic
            return
        asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = asked.pop("realm", "")
        if not realm.startswith("https://") and not self.wanted.base.startswith("http://"):
            raise self._problem("the registry wants credentials sent without TLS")
        asked.setdefault("scope", f"repository:{self.wanted.name}:pull")
        self.authorization = basic
        answer = json.loads(self._open(f"{realm}?{urllib.parse.urlencode(asked)}", "application/json"))
        self.authorization = f"Bearer {answer.get('token') or answer.get('access_token', '')}"

    def _problem(self, reason: str) -> RemoteUnavailable:
        return RemoteUnavailable(
            f"oci://{self.wanted.host}/{self.wanted.name} cannot be fetched: {reason}",
            where=self.where,
            hint="check the name, and log in with `stack login` if it is private",
        )


def _login(host: str, environment: Mapping[str, str]) -> str:
    """The login for a host in the docker configuration, as HTTP wants it; empty when there is none."""
    home = environment.get("HOME") or "/root"
    path = os.path.join(environment.get("DOCKER_CONFIG") or os.path.join(home, ".docker"), "config.json")
    try:
        with open(path, encoding="utf-8") as file:
            logins = json.load(file).get("auths", {})
    except (OSError, ValueError, AttributeError):
        return ""
    names = ("https://index.docker.io/v1/",) if host == "registry-1.docker.io" else (host, f"https://{host}")
    for name in names:
        entry = logins.get(name) if isinstance(logins, dict) else None
        if isinstance(entry, dict) and entry.get("auth"):
            return str(entry["auth"])
        if isinstance(entry, dict) and entry.get("username"):
            return base64.b64encode(f"{entry['username']}:{entry.get('password', '')}".encode()).decode()
    return ""
