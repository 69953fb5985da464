"""References to files elsewhere: git repositories and OCI artifacts, for ``-f``, ``include`` and ``extends``."""

from __future__ import annotations

from orchestrator.errors import SpecError, Where


class RemoteNotAllowed(SpecError):
    """A remote reference where fetching was not asked for."""

    reference = "remote-not-allowed"


def is_remote(reference: str) -> bool:
    """Whether ``reference`` names something that must be fetched first."""
    return reference.startswith("oci://")


def not_allowed(reference: str, where: Where) -> RemoteNotAllowed:
    return RemoteNotAllowed(
        f"{reference} is somewhere else, and fetching is off", where=where, hint="allow it with --allow-remote"
    )
