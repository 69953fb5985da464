"""References to files elsewhere: git repositories and OCI artifacts, for ``-f``, ``include`` and ``extends``.

Says which references those are, and makes the ``Fetch`` that brings them here, into a cache keyed by commit or
digest. Off unless a request carries a ``Fetch``: a spec from a repository must not make this machine fetch more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping

from orchestrator.errors import SpecError, Where

Fetch = Callable[[str, Where], str]
"""Brings a remote reference to this machine and says the path of the file."""

_OCI = "oci://"
_GIT_SCHEMES = ("git://", "ssh://")
_WEB_SCHEMES = ("https://", "http://")


class RemoteNotAllowed(SpecError):
    """A remote reference where fetching was not asked for."""

    reference = "remote-not-allowed"


class RemoteUnavailable(SpecError):
    """A remote reference that cannot be fetched, or does not hold a spec."""

    reference = "remote-unavailable"


def is_remote(reference: str) -> bool:
    """Whether ``reference`` names something that must be fetched first."""
    return is_oci(reference) or is_git(reference)


def is_oci(reference: str) -> bool:
    return reference.startswith(_OCI)


def is_git(reference: str) -> bool:
    """``https://.../NAME.git``, ``ssh://``, ``git://``, ``git@HOST:PATH``, ``github.com/``; with ``#REF:DIRECTORY``."""
    if reference.startswith(_WEB_SCHEMES):
        return reference.partition("#")[0].endswith(".git")
    if reference.startswith(("github.com/", *_GIT_SCHEMES)):
        return True
    user, at, rest = reference.partition("@")
    host, colon, path = rest.partition(":")
    return bool(at and colon and path and user and host) and not set(user + host) & set("/ \\")


def not_allowed(reference: str, where: Where) -> RemoteNotAllowed:
    return RemoteNotAllowed(
        f"{reference} is somewhere else, and this spec may not fetch",
        where=where,
        hint="copy the file beside this one, or load the spec yourself from the command line",
    )


def cache_directory(environment: Mapping[str, str]) -> str:
    """Where fetched specs are kept: below XDG_CACHE_HOME, else in ~/.cache."""
    base = environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME") or "/root", ".cache")
    return os.path.join(base, "stack", "remote")


def fetcher(environment: Mapping[str, str], insecure: Collection[str] = ()) -> Fetch:
    """A ``Fetch`` with the user's own git and registry credentials. Compose's switches against remotes are honoured.

    Registries in ``insecure`` are spoken to without TLS.
    """

    def fetch(reference: str, where: Where) -> str:
        kind = "OCI" if is_oci(reference) else "GIT"
        switch = environment.get(f"COMPOSE_EXPERIMENTAL_{kind}_REMOTE", "true")
        if switch.strip().lower() not in ("1", "t", "true", "y"):
            raise not_allowed(reference, where)
        cache = os.path.join(cache_directory(environment), kind.lower())
        os.makedirs(cache, mode=0o700, exist_ok=True)
        # Rarely used, and heavy to import: each brings in a part of the standard library of its own.
        if kind == "OCI":
            from orchestrator.spec import remote_oci

            return remote_oci.fetch(reference.removeprefix(_OCI), cache, environment, where, insecure)
        from orchestrator.spec import remote_git

        return remote_git.fetch(reference, cache, environment, where)

    return fetch
