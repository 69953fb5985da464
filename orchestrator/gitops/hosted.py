"""From a source of ``host.yml`` to a repository: its URL, what of it is wanted, how it is reached, and how long that may take; and
to its stacks, for whoever only looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from orchestrator.admission.guard import Admitting
from orchestrator.gitops.folder import Folder
from orchestrator.gitops.follower import Followed
from orchestrator.gitops.git import Access, Caps
from orchestrator.gitops.repository import Extent, Repository
from orchestrator.gitops.selection import Chosen
from orchestrator.gitops.source import GitSource
from orchestrator.gitops.visit import Visit
from orchestrator.model.git_url import place
from orchestrator.model.host import Credentials, GitHostSource
from orchestrator.records import replace
from orchestrator.secrets.stores import Stores

R = TypeVar("R", bound=Repository)


def repository(source: GitHostSource, directory: str) -> Repository:
    """The repository of ``source``, kept below ``directory``. Raises UrlRefused."""
    return _made(Repository, source, directory)


def visit(source: GitHostSource, directory: str) -> Visit:
    """A look at another commit of it."""
    return _made(Visit, source, directory)


def _made(kind: type[R], source: GitHostSource, directory: str) -> R:
    return kind(
        source.url,
        directory,
        access(source.url, source.own_credentials, source.credentials),
        caps=Caps(seconds=source.timeout),
        extent=Extent(submodules=source.submodules, lfs=source.lfs, sparse=source.sparse),
    )


def git_source(
    chosen: Chosen, followed: Followed, key: Callable[[], bytes], *, stores: Stores, admitting: Admitting
) -> GitSource:
    """A stack of a source, to be looked at: nothing of it is remembered."""
    return GitSource(folder(chosen, followed, key, stores=stores, admitting=admitting), remembers=False)


def folder(
    chosen: Chosen, followed: Followed, key: Callable[[], bytes], *, stores: Stores, admitting: Admitting
) -> Folder:
    """Where a stack of a source lies, with what this host gives it."""
    return Folder(chosen, followed, key, stores=stores.granted(chosen.entry.secret_stores), admitting=admitting)


def access(url: str, own: Credentials, by_host: Mapping[str, Credentials]) -> Access:
    """How ``url`` is reached: by the source's own credentials, each of them else by those that the host has for the URL's host."""
    host, _, port = place(url)
    shared = by_host.get(f"{host}:{port}") or by_host.get(host) or Credentials()
    elsewhere = {name: _access(one) for name, one in by_host.items()}
    return replace(_access(own, shared), elsewhere=elsewhere)


def _access(own: Credentials, shared: Credentials | None = None) -> Access:
    shared = shared or Credentials()
    return Access(
        user=own.user or shared.user or "git",
        token_file=own.token_file or shared.token_file,
        key_file=own.key_file or shared.key_file,
        known_hosts=own.known_hosts or shared.known_hosts,
        ca_file=own.ca_file or shared.ca_file,
    )
