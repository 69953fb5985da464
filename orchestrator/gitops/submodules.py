"""Submodules, for sources that ask for them: which there are, and from where they may be fetched.

What ``.gitmodules`` says is a stranger's wish. A submodule may lie on the repository's own host, or on one that the operator has
given credentials for; a relative URL is taken from the repository's own and may not climb out of the host; paths of this host are
only for repositories that lie on it, and only beside themselves.
"""

from __future__ import annotations

import os
import posixpath

from orchestrator.gitops.git import Access, Git, checked
from orchestrator.gitops.layout import Entry
from orchestrator.gitops.troubles import TooLarge, UrlRefused
from orchestrator.model.git_url import place
from orchestrator.records import dataclass, replace

DEEPEST = 4
MOST = 50
_LARGEST = 256 << 10
_FILE = ".gitmodules"


@dataclass(frozen=True, slots=True)
class Module:
    """A submodule: its folder in the repository, its commit, and where it is fetched from, how."""

    folder: str
    commit: str
    url: str
    access: Access


def modules(git: Git, mirror: str, entries: list[Entry], depth: int) -> list[Module]:
    """The submodules among the entries of a commit. Raises TooLarge and UrlRefused, naming the submodule."""
    wanted = {entry.name: entry.object for entry in entries if entry.is_module}
    described = next((entry for entry in entries if entry.name == _FILE and not entry.is_module), None)
    if not wanted or described is None:
        return []
    if depth >= DEEPEST or len(wanted) > MOST or described.size > _LARGEST:
        raise TooLarge(f"there are more submodules, or deeper ones, than are taken ({MOST}, {DEEPEST} deep)")
    urls = _urls(git, mirror, described.object)
    return [_module(git, folder, commit, urls[folder]) for folder, commit in wanted.items() if folder in urls]


def _urls(git: Git, mirror: str, blob: str) -> dict[str, str]:
    """Folder to URL."""
    listed = git.run("config", "--blob", blob, "--no-includes", "-z", "--list", directory=mirror)
    said: dict[str, dict[str, str]] = {}
    for setting in os.fsdecode(listed).split("\0"):
        key, _, value = setting.partition("\n")
        name, _, what = key.removeprefix("submodule.").rpartition(".")
        if key.startswith("submodule.") and what in ("path", "url"):
            said.setdefault(name, {})[what] = value
    return {one["path"]: one["url"] for one in said.values() if len(one) == 2}


def _module(git: Git, folder: str, commit: str, url: str) -> Module:
    try:
        found = resolved(git.url, url)
        return Module(folder, commit, found, access_for(git.url, git.access, found))
    except UrlRefused as problem:
        raise UrlRefused(
            f"the submodule {folder}: {problem.message}",
            hint="submodules are fetched from the repository's own host, and from those in `credentials`",
        ) from None


def resolved(base: str, url: str) -> str:
    """``url`` as it is meant in a repository at ``base``. Raises UrlRefused."""
    if not url.startswith(("./", "../")):
        if os.path.isabs(url):
            raise UrlRefused(f"{url} is a path of this host")
        return url
    front, path = _split(base)
    found = posixpath.normpath(posixpath.join(path, url))
    if found.startswith(("..", "/..")) or found in (".", "/", ""):
        raise UrlRefused(f"{url} leads nowhere")
    if not front and not found.startswith(posixpath.dirname(path.rstrip("/")).rstrip("/") + "/"):
        raise UrlRefused(f"{url} does not lie beside the repository")
    return front + found


def _split(url: str) -> tuple[str, str]:
    """What stays, and the path."""
    if os.path.isabs(url):
        return "", url
    if "://" in url:
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        return f"{scheme}://{authority}", slash + path
    front, colon, path = url.partition(":")
    return front + colon, path


def access_for(base: str, access: Access, url: str) -> Access:
    """How ``url`` is reached from a repository at ``base``. Raises UrlRefused where it may not be."""
    if os.path.isabs(url):
        return access
    host, protocol, port = place(checked(url, Access()))
    for name in (f"{host}:{port}", host):
        if name in access.elsewhere:
            return replace(access.elsewhere[name], elsewhere=access.elsewhere)
    if not os.path.isabs(base) and (host, protocol, port) == place(base):
        return access
    raise UrlRefused(f"{host} is another host")
