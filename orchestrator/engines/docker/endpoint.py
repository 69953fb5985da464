"""Which engine to talk to, and how: from the environment and Docker contexts to one frozen ``Endpoint``.

It follows the Docker command line: an explicit host or context, then ``DOCKER_HOST``, ``DOCKER_CONTEXT``, the current
context of ``config.json``, and the usual Unix socket. Nothing is opened here, and contexts are read as the JSON
files they are: the Docker SDK would cost more time than most commands have.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker import config
from orchestrator.errors import UsageError, Where
from orchestrator.records import dataclass, replace

DEFAULT_HOST = "unix:///var/run/docker.sock"
OLDEST_API = (1, 41)
NEWEST_API = (1, 51)

ApiVersion = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for a TLS connection; an empty path means "not given"."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine listens. ``address`` is a path for ``unix`` and a host name for ``tcp`` and ``ssh``."""

    scheme: str
    address: str
    port: int = 0
    user: str = ""
    path: str = ""
    tls: Tls | None = None
    source: str = "the default"
    api_version: ApiVersion | None = None
    context: str = ""

    @property
    def local(self) -> bool:
        """Whether paths are taken to mean the same here and there; over a network they are not."""
        return self.scheme == "unix"

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.address}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{host}{f':{self.port}' if self.port else ''}{self.path}"


def resolve(environment: Mapping[str, str], *, host: str = "", context: str = "") -> Endpoint:
    """The endpoint the user means; ``host`` and ``context`` are explicit wishes and win over the environment."""
    pinned = parse_version(environment.get("DOCKER_API_VERSION", ""))
    if host:
        return _from_host(host, environment, "the command line", pinned)
    if not context and environment.get("DOCKER_HOST"):
        return _from_host(environment["DOCKER_HOST"], environment, "DOCKER_HOST", pinned)
    name, source = _context_name(environment, context)
    if name and name != "default":
        return _from_context(name, source, environment, pinned)
    return _from_host(DEFAULT_HOST, environment, "the default", pinned)


def parse_version(text: str) -> ApiVersion | None:
    """``1.43`` as a pair, None for an empty text; refused below what the project supports."""
    if not text:
        return None
    major, dot, minor = text.strip().removeprefix("v").partition(".")
    if not (dot and major.isdigit() and minor.isdigit()):
        raise UsageError(f"DOCKER_API_VERSION is {text!r}, which is no version", hint="write it like 1.43, or unset it")
    version = (int(major), int(minor))
    if version < OLDEST_API:
        raise UsageError(
            f"DOCKER_API_VERSION asks for {text}, older than the oldest supported {OLDEST_API[0]}.{OLDEST_API[1]}",
            hint="unset it: the version is negotiated with the engine",
        )
    return version


def parse_host(text: str, *, tls: Tls | None = None, source: str = "", pinned: ApiVersion | None = None) -> Endpoint:
    """An endpoint from a Docker host URL: ``unix://``, ``tcp://``, ``http(s)://``, ``ssh://`` or ``host:port``."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "tcp", text
    if scheme == "unix":
        return Endpoint("unix", rest or "/var/run/docker.sock", source=source, api_version=pinned)
    if scheme in ("tcp", "http", "https"):
        secured = (tls or Tls()) if scheme == "https" else tls
        user, host, port, path = _split_authority(rest, text, source)
        return Endpoint(
            "tcp", host or "127.0.0.1", port or (2376 if secured else 2375), "", path, secured, source, pinned
        )
    if scheme == "ssh":
        user, host, port, path = _split_authority(rest, text, source)
        if not host or host.startswith("-") or user.startswith("-"):
            raise _bad_host(text, source, "an ssh host looks like ssh://user@host")
        return Endpoint("ssh", host, port, user, path, None, source, pinned)
    raise _bad_host(text, source, _unsupported_hint(scheme))


def _from_host(text: str, environment: Mapping[str, str], source: str, pinned: ApiVersion | None) -> Endpoint:
    return parse_host(text.strip(), tls=_tls_of_environment(environment), source=source, pinned=pinned)


def _split_authority(rest: str, text: str, source: str) -> tuple[str, str, int, str]:
    authority, slash, path = rest.partition("/")
    user, _, place = authority.rpartition("@")
    if ":" in user:
        raise _bad_host(text.replace(user, "..."), source, "a password does not belong into the engine's address")
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    if port and not port.isdigit():
        raise _bad_host(text, source, "the port is a number")
    return user, host, int(port or 0), (slash + path).rstrip("/")


def _bad_host(text: str, source: str, hint: str) -> UsageError:
    return UsageError(f"{source or 'the engine address'} is {text!r}, which cannot be used", hint=hint)


def _unsupported_hint(scheme: str) -> str:
    if scheme == "npipe":
        return "named pipes belong to Windows; use unix:///path, tcp://host:port or ssh://user@host"
    return "use unix:///path, tcp://host:port or ssh://user@host"


def _tls_of_environment(environment: Mapping[str, str]) -> Tls | None:
    """As the Docker command line: TLS is on by ``DOCKER_TLS_VERIFY`` (verified) or ``DOCKER_TLS`` (not verified)."""
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    if not verify and not environment.get("DOCKER_TLS"):
        return None
    folder = environment.get("DOCKER_CERT_PATH") or config.directory(environment)
    return _tls_files(folder, verify)


def _tls_files(folder: str, verify: bool) -> Tls:
    def present(name: str) -> str:
        path = os.path.join(folder, name)
        return path if os.path.exists(path) else ""

    return Tls(ca=present("ca.pem"), certificate=present("cert.pem"), key=present("key.pem"), verify=verify)


def _context_name(environment: Mapping[str, str], explicit: str) -> tuple[str, str]:
    if explicit:
        return explicit, "the command line"
    if environment.get("DOCKER_CONTEXT"):
        return environment["DOCKER_CONTEXT"], "DOCKER_CONTEXT"
    current = config.load(environment).get("currentContext")
    return (current, "the current context of config.json") if isinstance(current, str) else ("", "")


def _from_context(name: str, source: str, environment: Mapping[str, str], pinned: ApiVersion | None) -> Endpoint:
    import hashlib

    digest = hashlib.sha256(name.encode()).hexdigest()
    store = os.path.join(config.directory(environment), "contexts")
    file = os.path.join(store, "meta", digest, "meta.json")
    content = config.read_object(file)
    if content is None:
        raise UsageError(
            f"the Docker context {name!r} (from {source}) does not exist",
            where=Where(file=file),
            hint="`docker context ls` lists them; `docker context use default` goes back to the local engine",
        )
    docker = _docker_endpoint(content, name, file)
    files = os.path.join(store, "tls", digest, "docker")
    tls = _tls_files(files, not docker.get("SkipTLSVerify")) if os.path.isdir(files) else None
    found = parse_host(str(docker["Host"]), tls=tls, source=f"the Docker context {name!r}", pinned=pinned)
    return replace(found, context=name)


def _docker_endpoint(content: Mapping[str, Any], name: str, file: str) -> Mapping[str, Any]:
    endpoints = content.get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    if not isinstance(docker, dict) or not docker.get("Host"):
        raise UsageError(f"the Docker context {name!r} names no Docker engine", where=Where(file=file))
    return docker
