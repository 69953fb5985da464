"""A registry as a place for specs: its parts are read, and new ones put there, by the registry's own HTTP protocol.

Everything read is checked against its digest by who asks for it. Credentials come from the docker configuration, or from
whoever makes the ``Registry``; only loopback registries, and those named as insecure, are spoken to without TLS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping
from typing import BinaryIO

from orchestrator.errors import Where
from orchestrator.records import dataclass
from orchestrator.spec.remote import RemoteUnavailable

MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
INDEXES = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
LARGEST = 4 * 1024 * 1024
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reference:
    """``HOST/NAME:TAG`` or ``HOST/NAME@DIGEST``."""

    host: str
    name: str
    version: str
    insecure: bool = False

    @property
    def base(self) -> str:
        """The URL below which the parts are."""
        loopback = self.host.partition(":")[0] in ("localhost", "127.0.0.1") or self.host.startswith("[::1]")
        return f"{'http' if loopback or self.insecure else 'https'}://{self.host}/v2/{self.name}"

    def __str__(self) -> str:
        return f"{self.host}/{self.name}{'@' if ':' in self.version else ':'}{self.version}"


def parse(reference: str, where: Where, insecure: Collection[str] = ()) -> Reference:
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
    known = "registry-1.docker.io" if host == "docker.io" else host
    return Reference(known, name, digest or tag or "latest", insecure=host in insecure)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Registry:
    """A registry, asked with whatever it wants to be asked with. ``login`` is what HTTP's Basic wants, if known already."""

    def __init__(
        self, wanted: Reference, environment: Mapping[str, str], where: Where, *, login: str = "", scope: str = "pull"
    ) -> None:
        self.wanted = wanted
        self.where = where
        self.scope = scope
        self.login = login or _login(wanted.host, environment)
        self.authorization = ""

    def get(self, path: str, accept: str) -> bytes:
        """The content at ``path``; larger than ``LARGEST`` is refused."""
        return self._ask("GET", self.wanted.base + path, {"Accept": accept})[0]

    def blob(self, digest: str) -> bytes:
        """The bytes under a digest, checked against it."""
        data = self.get(f"/blobs/{digest}", "*/*") if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) else b""
        if digest_of(data) != digest:
            raise RemoteUnavailable("a part of the artifact is not what its digest says", where=self.where)
        return data

    def save_blob(self, digest: str, file: BinaryIO) -> None:
        """A blob of any size into a file, checked."""
        found = hashlib.sha256()
        url = f"{self.wanted.base}/blobs/{digest}"
        self._authorized("HEAD", url)
        try:
            with urllib.request.urlopen(self._request("GET", url, {}), timeout=_SECONDS) as answer:
                while piece := answer.read(LARGEST):
                    found.update(piece)
                    file.write(piece)
        except (urllib.error.URLError, OSError) as error:
            raise self._problem(str(error)) from None
        if f"sha256:{found.hexdigest()}" != digest:
            raise RemoteUnavailable(f"{digest} is not what its digest says", where=self.where)

    def has_blob(self, digest: str) -> bool:
        try:
            self._ask("HEAD", f"{self.wanted.base}/blobs/{digest}", {})
        except _Absent:
            return False
        return True

    def put_blob(self, digest: str, data: bytes | BinaryIO, size: int, *, mount: str = "") -> None:
        """Put a blob there unless it is there; ``mount`` names a repository of the same registry that may have it."""
        if self.has_blob(digest):
            return
        query = f"?{urllib.parse.urlencode({'mount': digest, 'from': mount})}" if mount else ""
        _, headers, status = self._answer("POST", f"{self.wanted.base}/blobs/uploads/{query}", {}, b"")
        if status == 201:
            return  # mounted
        place = urllib.parse.urljoin(self.wanted.base, headers.get("Location") or "")
        joint = "&" if "?" in place else "?"
        about = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._answer("PUT", f"{place}{joint}digest={urllib.parse.quote(digest, safe='')}", about, data)

    def put_manifest(self, version: str, data: bytes, kind: str) -> None:
        self._answer("PUT", f"{self.wanted.base}/manifests/{version}", {"Content-Type": kind}, data)

    def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str], int]:
        return self._answer(method, url, headers, None)

    def _authorized(self, method: str, url: str) -> None:
        self._ask(method, url, {})

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | BinaryIO | None
    ) -> tuple[bytes, Mapping[str, str], int]:
        try:
            return self._open(method, url, headers, data)
        except urllib.error.HTTPError as refused:
            if refused.code != 401 or self.authorization:
                raise self._refused(refused) from None
            self._authorize(refused.headers.get("WWW-Authenticate", ""))
            try:
                return self._open(method, url, headers, data)
            except urllib.error.HTTPError as again:
                raise self._refused(again) from None
            except (urllib.error.URLError, OSError, ValueError) as error:
                raise self._problem(str(error)) from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise self._problem(str(error)) from None

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | BinaryIO | None = None
    ) -> urllib.request.Request:
        request = urllib.request.Request(url, data=data, headers={"User-Agent": "stack", **headers}, method=method)
        if self.authorization:
            # Unredirected: what a registry redirects to must not see the credentials.
            request.add_unredirected_header("Authorization", self.authorization)
        return request

    def _open(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | BinaryIO | None
    ) -> tuple[bytes, Mapping[str, str], int]:
        try:
            with urllib.request.urlopen(self._request(method, url, headers, data), timeout=_SECONDS) as answer:
                found = bytes(answer.read(LARGEST + 1))
                told, status = dict(answer.headers.items()), int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()  # the error is also the answer, and holds its connection
            raise
        if len(found) > LARGEST:
            raise ValueError(f"larger than {LARGEST} bytes")
        return found, told, status

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
        asked["scope"] = f"repository:{self.wanted.name}:{self.scope}"
        self.authorization = basic
        question = f"{realm}?{urllib.parse.urlencode(asked)}"
        answer = json.loads(self._open("GET", question, {"Accept": "application/json"}, None)[0])
        self.authorization = f"Bearer {answer.get('token') or answer.get('access_token', '')}"

    def _refused(self, refused: urllib.error.HTTPError) -> RemoteUnavailable:
        problem = self._problem(f"{refused.code} {refused.reason}")
        return _Absent(problem.message, where=self.where, hint=problem.hint) if refused.code == 404 else problem

    def _problem(self, reason: str) -> RemoteUnavailable:
        done = "fetched" if self.scope == "pull" else "published"
        return RemoteUnavailable(
            f"oci://{self.wanted.host}/{self.wanted.name} cannot be {done}: {reason}",
            where=self.where,
            hint="check the name, and log in with `stack login` if it is private",
        )


class _Absent(RemoteUnavailable):
    """The registry has no such thing."""


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
