"""From a source of ``host.yml`` to a repository: its URL, what of it is wanted, how it is reached, and how long that may take."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.gitops.git import Access, Caps, place
from orchestrator.gitops.repository import Extent, Repository
from orchestrator.model.host import Credentials, GitHostSource
from orchestrator.records import replace


def repository(source: GitHostSource, directory: str) -> Repository:
    """The repository of ``source``, kept below ``directory``. Raises UrlRefused."""
    return Repository(
        source.url,
        directory,
        access(source.url, source.own_credentials, source.credentials),
        caps=Caps(seconds=source.timeout),
        extent=Extent(submodules=source.submodules, lfs=source.lfs, sparse=source.sparse),
    )


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
