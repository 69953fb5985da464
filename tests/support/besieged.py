"""A daemon that follows repositories of many stacks, all of which are attacked at the same time; and what became of the host."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.controller.sources import Newer
from orchestrator.controller.status import Happening, Phase, StackStatus
from orchestrator.gitops import loading
from orchestrator.records import dataclass

from .following import Followed
from .gitrepos import Repo
from .hostile_specs import GOOD, SPEC, Attack
from .memory import Peak
from .projects import unique_name
from .waiting import eventually

QUIET_SECONDS = 90
Containers = Mapping[str, str]  # by name: id, and when it was started


@dataclass(frozen=True, slots=True, kw_only=True)
class Siege:
    """What became of the ``commit``. ``before`` and ``after`` are the containers of each attack's stack, ``mended`` how often the
    neighbour was, ``peak`` the daemon's additional MiB at the worst moment, ``told`` what it said.
    """

    commit: str
    statuses: Mapping[str, StackStatus]
    before: Mapping[str, Containers]
    after: Mapping[str, Containers]
    mended: int
    alive: bool
    peak: float
    told: tuple[Happening, ...]

    def status(self, attack: str) -> StackStatus:
        return self.statuses[attack]

    def newer(self, attack: str) -> Newer | None:
        return self.statuses[attack].newer


class Besieged:
    """The sources of ``counts`` have so many stacks each; ``neighbour`` is a stack of the host itself, ``peaceful`` one of another
    repository.
    """

    def __init__(self, one: Followed, folder: Path, counts: Mapping[str, int]) -> None:
        self.one, self._engine, self._daemon = one, one.engine, one.host.daemon
        self.neighbour, self.peaceful = unique_name("neighbour"), unique_name("peaceful")
        self._names = {
            source: [unique_name(f"{source}-{number:02}") for number in range(count)]
            for source, count in counts.items()
        }
        self._repos = {source: Repo(folder / source) for source in counts}
        self._others = Repo(folder / "others")
        self._seconds = 100_000
        self._folder = folder

    def begin(self) -> None:
        """Have all of it kept, and wait until all is well."""
        folder = self._folder
        (folder / "neighbour").mkdir()
        (folder / "neighbour" / SPEC).write_text(GOOD)
        self.change_peaceful()
        for source in self._repos:
            self._write(source, [])
        known = (folder / "host.yml").read_text().rstrip().removesuffix("}")
        repos = {**self._repos, "others": self._others}
        more = ", ".join(f"{name}: {{url: {repo.folder}, interval: 1h}}" for name, repo in repos.items())
        (folder / "host.yml").write_text(
            f"{known}, {more}}}\nstacks: {{{self.neighbour}: {{path: {folder}/neighbour}}}}\n"
        )
        self._daemon.reload()
        self.one.host.settles(self.neighbour)
        self._taken(self._others.git("rev-parse", "HEAD"), [self.peaceful])
        for source, repo in self._repos.items():
            self._taken(repo.git("rev-parse", "HEAD"), self._names[source])

    def clean(self) -> None:
        names = [self.neighbour, self.peaceful, *(name for names in self._names.values() for name in names)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._engine.remove_project, names))

    def well(self, source: str) -> None:
        """All stacks of a source have what is good, in a commit of its own."""
        self._taken(self.push(source, []), self._names[source])

    def _taken(self, commit: str, names: Iterable[str]) -> None:

        def taken() -> bool:
            return all(
                status is not None and status.phase is Phase.CONVERGED and status.version == commit
                for status in map(self._daemon.board.of, names)
            )

        eventually(taken, within=150, what="the good commit is taken")

    def push(self, source: str, attacks: Iterable[Attack]) -> str:
        """A commit with each attack on a stack of its own, and the others as they should be."""
        commit = self._write(source, attacks)
        self._daemon.repositories.poke(source)
        return commit

    def _write(self, source: str, attacks: Iterable[Attack]) -> str:
        repo, names = self._repos[source], self._names[source]
        wanted = dict(zip(names, attacks, strict=False))
        for name in names:
            folder = repo.folder / "stacks" / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._write_attack(folder, wanted[name] if name in wanted else Attack(name="", files={SPEC: GOOD}, said=""))
        return repo.commit()

    def _write_attack(self, folder: Path, attack: Attack) -> None:
        for name, text in attack.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(
                (text.encode() if isinstance(text, str) else text).replace(b"NEIGHBOUR", self.neighbour.encode())
            )
        for name, leads_to in attack.links.items():
            (folder / name).symlink_to(leads_to)

    def attacked_by(self, source: str, attacks: Iterable[Attack]) -> Siege:
        attacks = list(attacks)
        names = dict(zip((attack.name for attack in attacks), self._names[source][: len(attacks)], strict=True))
        board = self._daemon.board
        number = max(one.number for one in board.happenings())
        before = {attack: self._containers(name) for attack, name in names.items()}
        mended = 0
        with Peak() as peak:
            commit = self.push(source, attacks)
            for _ in self._until_told(names.values(), commit):
                self.mend()
                mended += 1
        return Siege(
            commit=commit,
            statuses={attack: self._status(name) for attack, name in names.items()},
            before=before,
            after={attack: self._containers(name) for attack, name in names.items()},
            mended=mended,
            alive=self.one.host.ask("/healthz").status == 200,
            peak=peak.mebibytes,
            told=board.happenings(number),
        )

    def _until_told(self, names: Iterable[str], commit: str) -> Iterator[None]:
        """Again and again, until something is said of this commit for each of the stacks, or nothing new for long."""
        left, ends = set(names), time.monotonic() + QUIET_SECONDS
        while left and time.monotonic() < ends:
            yield
            said = {name for name in left if _is_about(self._status(name), commit)}
            left -= said
            ends = time.monotonic() + QUIET_SECONDS if said else ends

    def names(self, source: str) -> list[str]:
        return self._names[source]

    def mend(self, name: str = "") -> None:
        """A container of a stack, the neighbour's if of none, is killed and removed, and is there again."""
        name = name or self.neighbour
        (before,) = self._engine.containers(name)
        self._engine.api.delete(f"/containers/{before['Id']}", force=True)

        def back() -> bool:
            found = self._engine.containers(name)
            return len(found) == 1 and found[0]["Id"] != before["Id"] and bool(found[0]["State"]["Running"])

        eventually(back, within=20, what=f"{name} is mended")

    def change_peaceful(self) -> str:
        """Another good commit in the other repository."""
        self._seconds += 1
        self._others.write(f"stacks/{self.peaceful}/{SPEC}", GOOD.replace("100000", str(self._seconds)))
        commit = self._others.commit()
        self._daemon.repositories.poke("others")
        return commit

    def suspend(self, source: str) -> None:
        for name in self._names[source]:
            self._daemon.suspend(name)

    def resume(self, source: str) -> None:
        """The stacks of a source are kept again; of what was read of them nothing is known but what is noted on the disk."""
        for name in self._names[source]:
            self._daemon.resume(name)

    def fetch(self, source: str, commit: str) -> None:
        """The commit is here."""

        def fetched() -> bool:
            return any(
                shown.source.name == source and shown.follower.head is not None and shown.follower.head.commit == commit
                for shown in self._daemon.repositories.shown()
            )

        eventually(fetched, what="the commit is fetched")

    def is_reading(self) -> bool:
        """Whether a process reads a spec now."""
        children = [text for path in Path("/proc/self/task").glob("*/children") for text in path.read_text().split()]
        return any(loading.CHILD.encode() in _command(child) for child in children)

    def refused(self, source: str) -> list[str]:
        return [name for name in self._names[source] if self._status(name).newer is not None]

    def version(self, name: str) -> str:
        return self._status(name).version

    def _status(self, name: str) -> StackStatus:
        found = self._daemon.board.of(name)
        assert found is not None
        return found

    def _containers(self, name: str) -> Containers:
        return {one["Name"]: one["Id"] + one["State"]["StartedAt"] for one in self._engine.containers(name)}


def _is_about(status: StackStatus, commit: str) -> bool:
    if status.newer is None:
        return status.version == commit
    return status.newer.version == commit and status.phase is Phase.INVALID  # which a pass says at its end


def _command(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
