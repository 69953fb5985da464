"""The ``git`` program, called so that nothing in a repository, and nothing of the user's own settings, can make it do more.

Fixed arguments; no prompts, hooks, filters, file monitors, submodules or large-file downloads; an empty home; only the
protocols that the source's URL needs; a time limit. Tokens and keys come from files and never stand in a URL, an argument
or the environment: git asks a little program of ours, which reads the file.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from orchestrator.errors import StackError
from orchestrator.records import dataclass

SECONDS = 60.0
_ASKPASS = (
    '#!/bin/sh\ncase "$1" in Username*) printf "%s\\n" "$STACK_GIT_USER" ;; *) cat "$STACK_GIT_TOKEN_FILE" ;; esac\n'
)
_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.untrackedCache=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.helper=",
    "http.followRedirects=false",
    "safe.bareRepository=all",
    "safe.directory=*",
)


class GitFailed(StackError):
    """The repository cannot be had now; what runs goes on, and it is tried again."""

    reference = "git-failed"
    retryable = True


class UrlRefused(StackError):
    """A URL that is not fetched from, ever."""

    reference = "git-url-refused"
    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a repository is reached: files with a token, or with a key and the known hosts. ``hosts`` limits where to, if any."""

    user: str = "git"
    token_file: str = ""
    key_file: str = ""
    known_hosts: str = ""
    ca_file: str = ""
    hosts: tuple[str, ...] = ()


def checked(url: str, access: Access) -> str:
    """``url``, if it is one that may be fetched from: https, ssh, or a path of this host. Raises UrlRefused."""
    if url.startswith("-") or any(letter.isspace() or ord(letter) < 32 for letter in url):
        raise UrlRefused(f"{url!r} is no URL of a repository")
    if os.path.isabs(url):
        return url
    host, protocol = _place(url)
    if protocol not in ("https", "ssh"):
        raise UrlRefused(
            f"{protocol or 'this'}: is not fetched from", hint="https://, ssh:// or the path of a local one"
        )
    if not host or host.startswith("-"):
        raise UrlRefused(f"{url!r} names no host")
    if access.hosts and host not in access.hosts:
        raise UrlRefused(f"{host} is not among the hosts that may be fetched from", hint=", ".join(access.hosts))
    parts = urlsplit(url) if "://" in url else None
    if parts is not None and (parts.password or (protocol == "https" and parts.username)):
        raise UrlRefused("credentials do not belong into a URL", hint="name a file with the token instead")
    return url


def _place(url: str) -> tuple[str, str]:
    """Host and protocol; ``git@host:path`` is ssh."""
    if "://" in url:
        parts = urlsplit(url)
        return parts.hostname or "", parts.scheme
    user_host, colon, path = url.partition(":")
    host = user_host.rpartition("@")[2]
    return (host, "ssh") if colon and path and "/" not in user_host and "::" not in url else ("", "")


class Git:
    """Calls git for one source. ``run`` answers with what it printed, or raises GitFailed."""

    def __init__(self, url: str, access: Access) -> None:
        self.url, self._access = checked(url, access), access

    def run(
        self, *words: str, directory: str = "", seconds: float = SECONDS, config: Iterable[str] = (), stdin: bytes = b""
    ) -> bytes:
        """``git WORDS`` in a repository's directory. ``config`` are further settings, ``name=value``."""
        with tempfile.TemporaryDirectory(prefix="stack-git-") as home:
            options = [part for setting in (*_SAFE, *config) for part in ("-c", setting)]
            place = ["-C", directory] if directory else []
            try:
                done = subprocess.run(
                    ["git", *options, *place, *words],
                    env=self._environment(home),
                    input=stdin,
                    capture_output=True,
                    timeout=seconds,
                    check=False,
                )
            except FileNotFoundError:
                raise GitFailed("git is not installed", hint="install git") from None
            except subprocess.TimeoutExpired:
                raise GitFailed(f"{self._shown} gave no answer in {seconds:g} s") from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise GitFailed(f"{self._shown}: {_reason(said)}")
        return done.stdout

    def text(self, *words: str, directory: str = "", seconds: float = SECONDS) -> str:
        return self.run(*words, directory=directory, seconds=seconds).decode(errors="replace").strip()

    @property
    def _shown(self) -> str:
        return self.url

    def _environment(self, home: str) -> Mapping[str, str]:
        access = self._access
        protocol = "file" if os.path.isabs(self.url) else _place(self.url)[1]
        environment = {
            "PATH": os.defpath + ":/usr/local/bin",
            "HOME": home,
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": protocol,
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_SSH_COMMAND": self._ssh(),
        }
        if access.ca_file:
            environment["GIT_SSL_CAINFO"] = access.ca_file
        if access.token_file:
            program = os.path.join(home, "askpass")
            with open(program, "w", encoding="ascii", opener=_executable) as file:
                file.write(_ASKPASS)
            environment |= {
                "GIT_ASKPASS": program,
                "STACK_GIT_USER": access.user,
                "STACK_GIT_TOKEN_FILE": access.token_file,
            }
        return environment

    def _ssh(self) -> str:
        access = self._access
        words = ["ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "IdentitiesOnly=yes"]
        words += ["-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={access.known_hosts or '/dev/null'}"]
        words += ["-o", "ConnectTimeout=10", *(("-i", access.key_file) if access.key_file else ())]
        return shlex.join(words)


def _executable(path: str, flags: int) -> int:
    return os.open(path, flags, 0o700)


def _reason(said: list[str]) -> str:
    """The line that says why, of all that git prints when it fails."""
    telling = [line for line in said if line.startswith(("fatal:", "error:", "remote:")) or "denied" in line.lower()]
    return (telling or said or ["git failed and said nothing"])[0].removeprefix("fatal: ").removeprefix("error: ")
