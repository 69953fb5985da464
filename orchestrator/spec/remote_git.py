"""A spec from a git repository: the commit a reference names, fetched once and kept under its hash.

The ``git`` program is called with fixed arguments: no prompts, no hooks, no file monitors, no protocol but the four
that a reference can have, and nothing of the user's that begins with a dash. A checkout is made in a temporary
directory and moved into place whole, so that what exists is complete; what it names must lie inside it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping

from orchestrator.errors import Where
from orchestrator.records import dataclass
from orchestrator.spec import files
from orchestrator.spec.remote import RemoteUnavailable

_SECONDS = 120
_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never"),
    *("-c", "core.symlinks=true", "-c", "advice.detachedHead=false", "-c", "submodule.recurse=false"),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository's URL, what to check out (a branch, tag or commit; "" for the default) and where to look in it."""

    url: str
    revision: str
    directory: str


def parse(reference: str) -> Reference:
    """``URL#revision:directory`` in its parts."""
    url, _, fragment = reference.partition("#")
    revision, _, directory = fragment.partition(":")
    return Reference(f"https://{url}" if url.startswith("github.com/") else url, revision, directory)


def fetch(reference: str, cache: str, environment: Mapping[str, str], where: Where) -> str:
    """The path of the spec that ``reference`` names, in a checkout of its commit."""
    wanted = parse(reference)
    if wanted.url.startswith("-") or wanted.revision.startswith("-"):
        raise RemoteUnavailable(f"{reference} is not a git reference", where=where)
    commit = _commit(wanted, environment, where)
    key = hashlib.sha256(wanted.url.encode()).hexdigest()[:16]
    checkout = os.path.join(cache, key, commit)
    if not os.path.isdir(checkout):
        _check_out(wanted, commit, checkout, environment, where)
    return _spec_in(checkout, wanted, reference, where)


def _commit(wanted: Reference, environment: Mapping[str, str], where: Where) -> str:
    """The hash that the revision stands for now; asked of the repository each time, unless it is a hash itself."""
    if len(wanted.revision) == 40 and not set(wanted.revision) - set("0123456789abcdef"):
        return wanted.revision
    name = wanted.revision or "HEAD"
    lines = _git(["ls-remote", "--exit-code", "--", wanted.url, name, f"{name}^{{}}"], environment, where).splitlines()
    found = {line.partition("\t")[2]: line.partition("\t")[0] for line in lines}
    # An annotated tag is followed to its commit; a tag wins over a branch of the same name, as in git.
    for candidate in (f"refs/tags/{name}^{{}}", f"refs/tags/{name}", f"refs/heads/{name}", name):
        if candidate in found:
            return found[candidate]
    raise RemoteUnavailable(f"{wanted.url} has no {name!r}", where=where)


def _check_out(wanted: Reference, commit: str, checkout: str, environment: Mapping[str, str], where: Where) -> None:
    parent = os.path.dirname(checkout)
    os.makedirs(parent, mode=0o700, exist_ok=True)
    temporary = tempfile.mkdtemp(dir=parent, prefix=".incoming-")
    try:
        _git(["init", "--quiet", temporary], environment, where)
        _git(
            ["-C", temporary, "fetch", "--quiet", "--depth=1", "--no-tags", "--", wanted.url, commit],
            environment,
            where,
        )
        _git(["-C", temporary, "checkout", "--quiet", "--detach", commit], environment, where)
        if not os.path.isdir(checkout):
            os.rename(temporary, checkout)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _spec_in(checkout: str, wanted: Reference, reference: str, where: Where) -> str:
    path = os.path.normpath(os.path.join(checkout, wanted.directory.lstrip("/")))
    if not _inside(path, checkout):
        raise RemoteUnavailable(f"{reference} points outside of its repository", where=where)
    if os.path.isdir(path):
        named = next((each for each in (os.path.join(path, name) for name in files.NAMES) if os.path.isfile(each)), "")
        if not named:
            raise RemoteUnavailable(
                f"{reference} holds no spec", where=where, hint=f"it needs one of {files.NAMES[0]} ..."
            )
        path = named
    if not os.path.isfile(path):
        raise RemoteUnavailable(f"{reference} does not exist in its repository", where=where)
    if not _inside(path, checkout):
        raise RemoteUnavailable(f"{reference} points outside of its repository", where=where)
    return path


def _inside(path: str, directory: str) -> bool:
    """Whether ``path``, its symbolic links followed, lies in ``directory``."""
    return os.path.commonpath([os.path.realpath(path), os.path.realpath(directory)]) == os.path.realpath(directory)


def _git(arguments: list[str], environment: Mapping[str, str], where: Where) -> str:
    settings = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": "ssh -o ControlMaster=no -o BatchMode=yes",
        "PATH": os.defpath,
        **environment,
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        settings.pop(name, None)
    try:
        done = subprocess.run(
            ["git", *_SAFE, *arguments], env=settings, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise RemoteUnavailable("git is not installed", where=where, hint="install git") from None
    except subprocess.TimeoutExpired:
        raise RemoteUnavailable(f"git gave no answer in {_SECONDS} s", where=where) from None
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or [f"git failed with code {done.returncode}"]
        raise RemoteUnavailable(f"the repository cannot be fetched: {reason[0]}", where=where)
    return done.stdout
