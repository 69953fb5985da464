"""The ``git`` program, called so that nothing in a repository, and nothing of the user's own settings, can make it do more.

Fixed arguments; no prompts, hooks, filters, file monitors, submodules or large-file downloads; an empty home; only the
protocol that the source's URL needs; a time limit that ends all it has started; and confined to its mirror, the files of its
credentials and the URL's port. Tokens and keys come from files and never stand in a URL, an argument or the environment: git
asks a little program of ours, which reads the file.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from orchestrator.gitops import credentials
from orchestrator.gitops.call import Call, Slow
from orchestrator.gitops.confined import Confinement
from orchestrator.gitops.troubles import GitFailed, TooLarge, Unreachable, UrlRefused, trouble
from orchestrator.model.git_url import place, why_refused
from orchestrator.records import dataclass, field

__all__ = ["Access", "Caps", "Git", "GitFailed", "UrlRefused", "checked"]

_SETTINGS = "[safe]\n\tdirectory = *\n\tbareRepository = all\n"
_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.untrackedCache=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "fetch.unpackLimit=1",
    "fetch.writeCommitGraph=false",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.helper=",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
)
_NAMES = 53  # DNS, when an answer does not fit into a datagram
_MOST_SAID = 64 << 20  # bytes of an answer that is kept in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a repository is reached: files with a token, or with a key and the known hosts. ``hosts`` limits where to, if any.

    ``elsewhere`` holds the same for other hosts, by name (``host`` or ``host:port``), which submodules may be on.
    """

    user: str = "git"
    token_file: str = ""
    key_file: str = ""
    known_hosts: str = ""
    ca_file: str = ""
    hosts: tuple[str, ...] = ()
    elsewhere: Mapping[str, Access] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.token_file, self.key_file, self.known_hosts, self.ca_file)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What is taken of a repository at most. ``seconds`` is for everything from the question to the whole checkout."""

    seconds: float = 60.0
    pack: int = 200 << 20
    files: int = 20_000
    content: int = 200 << 20
    file: int = 16 << 20


def checked(url: str, access: Access) -> str:
    """``url``, if it is one that may be fetched from: https, ssh, or a path of this host. Raises UrlRefused."""
    problem, hint = why_refused(url)
    if problem:
        raise UrlRefused(problem, hint=hint)
    host = place(url)[0]
    if access.hosts and not os.path.isabs(url) and host not in access.hosts:
        raise UrlRefused(f"{host} is not among the hosts that may be fetched from", hint=", ".join(access.hosts))
    return url


class Git:
    """Calls git for one source. ``run`` answers with what it printed, or raises GitFailed.

    ``folder`` is all that it may write to. What talks to the other side says so (``away``); nothing else can reach a network.
    """

    def __init__(self, url: str, access: Access, *, folder: str = "", caps: Caps | None = None) -> None:
        self.url, self.access = checked(url, access), access
        self.caps = caps or Caps()
        self._folder = folder
        self._until: float | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All calls of the block together may take this long; a block around it that has less time left still holds."""
        before = self._until
        until = time.monotonic() + seconds
        self._until = until if before is None else min(before, until)
        try:
            yield
        finally:
            self._until = before

    def remaining(self) -> float:
        """Seconds left of the block. Raises Unreachable where there are none."""
        left = self.caps.seconds if self._until is None else self._until - time.monotonic()
        if left <= 0:
            raise self._slow()
        return left

    def run(
        self,
        *words: str,
        directory: str = "",
        config: Iterable[str] = (),
        stdin: bytes = b"",
        away: bool = False,
        readable: Iterable[str] = (),
        keep: Iterable[int] = (),
    ) -> bytes:
        """``git WORDS`` in a repository's directory. ``config`` are further settings, ``name=value``.

        ``readable`` are further files that it needs, ``keep`` descriptors that it and all it starts hold as long as they live.
        """
        with self.call(
            *words, directory=directory, config=config, away=away, readable=readable, keep=keep, stdin=stdin
        ) as call:
            said = call.read(_MOST_SAID + 1)
            if len(said) > _MOST_SAID:
                raise TooLarge(f"{self.url} answers with more than {_MOST_SAID >> 20} MiB")
        return said

    @contextmanager
    def call(
        self,
        *words: str,
        directory: str = "",
        config: Iterable[str] = (),
        away: bool = False,
        readable: Iterable[str] = (),
        keep: Iterable[int] = (),
        stdin: bytes | None = b"",
    ) -> Iterator[Call]:
        """The same while it runs, to read its answer piece by piece; without ``stdin`` it is asked piece by piece, too."""
        if away:
            self._check_credentials()
        options = [part for setting in (*_SAFE, *config) for part in ("-c", setting)]
        where = ["-C", directory] if directory else []
        call = Call(
            ["git", *options, *where, *words],
            self._environment,
            lambda home: self._confinement(home, away, readable),
            seconds=self.remaining(),
            stdin=stdin,
            keep=keep,
        )
        try:
            with call:
                yield call
        except Slow:
            raise self._slow() from None
        except FileNotFoundError:
            raise GitFailed("git is not installed", hint="install git") from None
        if call.code:
            raise trouble(self.url, place(self.url)[0], call.said, self.caps.pack)

    def text(self, *words: str, directory: str = "") -> str:
        return self.run(*words, directory=directory).decode(errors="replace").strip()

    def _slow(self) -> Unreachable:
        return Unreachable(
            f"{self.url} did not finish in {self.caps.seconds:g} s",
            hint="the server hangs, or the line is too slow for the repository",
        )

    @property
    def local(self) -> bool:
        return os.path.isabs(self.url)

    def _confinement(self, home: str, away: bool, readable: Iterable[str]) -> Confinement:
        """A repository on this host may lie in several places (worktrees, alternates), and is read from anywhere."""
        ports = (place(self.url)[2], _NAMES) if away and not self.local else ()
        credentials = (*self.access.files, *readable)
        return Confinement(
            readable=("/",) if away and self.local else credentials,
            writable=tuple(filter(None, (home, self._folder))),
            ports=ports,
            largest=self.caps.pack,
            seconds=max(1, round(2 * self.caps.seconds)),
        )

    def _environment(self, home: str) -> Mapping[str, str]:
        access = self.access
        settings = os.path.join(home, "settings")
        with open(settings, "x", encoding="ascii") as file:
            file.write(_SETTINGS)
        environment = {
            "PATH": os.defpath + ":/usr/local/bin",
            "HOME": home,
            "TMPDIR": home,
            "GIT_CEILING_DIRECTORIES": ":".join(filter(None, (os.path.dirname(home), self._folder))),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": settings,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "file" if self.local else place(self.url)[1],
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_SSH_COMMAND": self._ssh(),
        }
        if access.ca_file:
            environment["GIT_SSL_CAINFO"] = access.ca_file
        program = os.path.join(home, "askpass")
        with open(program, "w", encoding="ascii", opener=_executable) as file:
            file.write(credentials.ASKPASS)
        return environment | {
            "GIT_ASKPASS": program,
            "STACK_GIT_HOST": self.url.partition("://")[2].partition("/")[0],
            "STACK_GIT_USER": access.user,
            "STACK_GIT_TOKEN_FILE": access.token_file or "/dev/null",
        }

    def _check_credentials(self) -> None:
        """Raises AccessRefused for files that cannot be right: the other side would only say that they are wrong."""
        access, protocol = self.access, "" if self.local else place(self.url)[1]
        if access.token_file and protocol == "https":
            credentials.check_token(self.url, access.token_file, self.caps.file)
        if access.key_file and protocol == "ssh":
            credentials.check_key(self.url, access.key_file, self.caps.file)

    def _ssh(self) -> str:
        access = self.access
        words = ["ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "IdentitiesOnly=yes"]
        words += ["-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={access.known_hosts or '/dev/null'}"]
        words += ["-o", "GlobalKnownHostsFile=/dev/null", "-o", "IdentityAgent=none", "-o", "UpdateHostKeys=no"]
        words += ["-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3", "-o", "ConnectTimeout=10"]
        words += ["-o", "ClearAllForwardings=yes", *(("-i", access.key_file) if access.key_file else ())]
        return shlex.join(words)


def _executable(path: str, flags: int) -> int:
    return os.open(path, flags, 0o700)
