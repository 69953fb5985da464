"""What a host is to run: its stacks, each with the file it comes from and how far the controller may go for it.

Loaded from ``host.yml`` by ``spec.host``; read by the controller and the daemon. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from orchestrator.errors import Where
from orchestrator.model.admission import Permits
from orchestrator.records import dataclass, field


class Mode(StrEnum):
    """``enforce``: drift is mended; ``report``: it is only shown; ``suspended``: the stack is left alone."""

    ENFORCE = "enforce"
    REPORT = "report"
    SUSPENDED = "suspended"


DEFAULT_RESYNC = 30.0
DEFAULT_PASSES = 8
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Window:
    """When new versions may be brought about: ``days`` count from Monday 0, minutes from midnight, in the host's local time.

    A window whose end is not after its start reaches into the next day; it belongs to the day it begins on.
    """

    start: int
    end: int
    days: frozenset[int] = WEEK

    def contains(self, day: int, minute: int) -> bool:
        """Whether ``minute`` of weekday ``day`` lies in the window; its last minute is no longer part of it."""
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decryption:
    """The operator's keys for encrypted files: files with age identities, and a folder of gpg; absolute paths."""

    age_keys: tuple[str, ...] = ()
    gnupg_home: str = ""


class StoreKind(StrEnum):
    VAULT = "vault"
    ENVIRONMENT = "environment"
    FILES = "files"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretStore:
    """Where secrets are kept elsewhere. Paths of files are absolute; ``timeout`` and ``refresh`` are in seconds.

    Vault: ``address``, ``namespace``, ``ca_file``, and a token (``token_file``) or AppRole (``role_id_file`` and
    ``secret_id_file``, at ``mount``). Environment: variables that begin with ``prefix``. Files: below ``folder``. Command:
    ``command``, in which ``{path}`` and ``{key}`` stand for what is asked for; its standard output is the secret.
    """

    name: str
    kind: StoreKind
    address: str = ""
    namespace: str = ""
    ca_file: str = ""
    token_file: str = ""
    role_id_file: str = ""
    secret_id_file: str = ""
    mount: str = "approle"
    prefix: str = ""
    folder: str = ""
    command: tuple[str, ...] = ()
    timeout: float = 5.0
    refresh: float = 300.0
    where: Where = field(default=Where(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStack:
    """A stack of this host. ``files`` and the like are absolute paths; ``ignore`` are patterns of ``service.field``.

    ``heal``: whether what is unhealthy or loops is acted upon. ``prune``: whether containers of services that the file no
    longer has are removed.
    """

    name: str
    directory: str
    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = Mode.ENFORCE
    ignore: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    resync: float = DEFAULT_RESYNC
    heal: bool = True
    prune: bool = False
    source: str = ""  # the git source it comes from
    decryption: Decryption = Decryption()
    secret_stores: tuple[str, ...] | None = None  # those that its spec may name; None: all
    where: Where = field(default=Where(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Files by which a git host is reached; "" where there is none. Their contents are read by git alone."""

    user: str = ""
    token_file: str = ""
    key_file: str = ""
    known_hosts: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStack:
    """A stack whose ``folder`` in the repository the host file names itself."""

    folder: str
    settings: HostStack
    overlays: tuple[str, ...] = ()
    environment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHostSource:
    """A repository whose stacks this host runs: those in folders of ``path``, ``only`` those that match if anything is named,
    none that is ``excluded``, and those that are ``listed`` by name.

    ``environment`` chooses the files beside a spec that bear its name. ``host`` is what specs call this host.

    ``settings`` holds for each of its stacks. ``prune``: a stack that the repository no longer has is taken down, its volumes only
    with ``prune_volumes``. Paths of files are absolute. ``credentials`` are those of the host file, by git host; the source's own
    win. ``sparse`` are the only folders that are wanted, if any; ``approve``: each version
    waits for somebody's word; ``sync`` is ``automatic`` or ``manual``; ``timeout`` is in seconds.
    """

    name: str
    url: str
    branch: str = ""
    tag: str = ""
    semver: str = ""
    commit: str = ""
    path: str = "stacks"
    interval: float = 60.0
    only: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    environment: str = ""
    listed: Mapping[str, ListedStack] = field(default_factory=dict)
    host: str = ""
    overlays: tuple[str, ...] = ()
    own_credentials: Credentials = field(default_factory=Credentials)
    credentials: Mapping[str, Credentials] = field(default_factory=dict)
    submodules: bool = False
    lfs: bool = False
    sparse: tuple[str, ...] = ()
    timeout: float = 60.0
    verify: str = "off"
    keys: str = ""
    webhook: tuple[str, ...] = ()  # files with the secrets of its webhook, one while none is being changed
    allow_rollback: bool = False
    approve: bool = False
    sync: str = "automatic"
    prune: bool = False
    prune_volumes: bool = False
    settings: HostStack
    where: Where = field(default=Where(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """All that a daemon is to keep. ``engine`` is a DOCKER_HOST, "" for the engine of the environment. ``name`` is what specs
    call this host.

    ``permits`` is what stacks from elsewhere may ask of it, by the host file and the policy file together.
    """

    stacks: Mapping[str, HostStack] = field(default_factory=dict)
    sources: Mapping[str, GitHostSource] = field(default_factory=dict)
    secret_stores: Mapping[str, SecretStore] = field(default_factory=dict)
    engine: str = ""
    name: str = ""
    permits: Permits = field(default_factory=Permits)
    passes: int = DEFAULT_PASSES  # stacks that are worked on at the same time
    file: str = ""
