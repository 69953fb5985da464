"""A commit touches exactly the stacks that depend on what it changes: one kind of dependency after the other, with real git."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.gitops import loading
from orchestrator.gitops.folder import Folder
from orchestrator.gitops.follower import Follower
from orchestrator.gitops.repository import Extent, Ref, Repository
from orchestrator.gitops.selection import selected
from orchestrator.gitops.source import GitSource
from orchestrator.model.host import GitHostSource, HostStack
from orchestrator.spec.load import load_canonical
from tests.support.gitrepos import Repo

FILES = {
    "stacks/spec/app.yml": """
        include: [{path: ../../shared/include.yml, env_file: ../../shared/include.env}]
        services:
          web:
            extends: {file: ../../shared/base.yml, service: base}
            image: "web:${TAG}"
            env_file: [web.env, {path: optional.env, required: false}]
            label_file: web.labels
    """,
    "stacks/spec/.env": "TAG=1\nUNUSED=1\n",
    "stacks/spec/app.production.yml": "services: {web: {environment: {LEVEL: production}}}\n",
    "stacks/spec/.env.production": "TAG=2\n",
    "stacks/spec/app.staging.yml": "services: {web: {environment: {LEVEL: staging}}}\n",
    "stacks/spec/web.env": "A=1\n",
    "stacks/spec/web.labels": "a=1\n",
    "shared/include.yml": "services: {included: {image: 'included:${FROM_ENV}'}}\n",
    "shared/include.env": "FROM_ENV=1\n",
    "shared/base.yml": "services: {base: {environment: {BASE: '1'}}, other: {image: x}}\n",
    "stacks/mounts/app.yml": """
        services:
          web:
            image: web:1
            volumes: ["./file.txt:/file.txt:ro", "./folder:/folder:ro", "./link:/link:ro", "../../shared/both:/both:ro"]
            configs: [c]
            secrets: [s]
            security_opt: ["seccomp:profile.json"]
        configs: {c: {file: ./config.txt}}
        secrets: {s: {file: ./secret.txt}}
    """,
    "stacks/mounts/file.txt": "1",
    "stacks/mounts/folder/deep/a.txt": "1",
    "stacks/mounts/folder/old.txt": "1",
    "stacks/mounts/one.txt": "1",
    "stacks/mounts/two.txt": "1",
    "stacks/mounts/config.txt": "1",
    "stacks/mounts/secret.txt": "1",
    "stacks/mounts/profile.json": '{"defaultAction": "SCMP_ACT_ALLOW"}',
    "shared/both/a.txt": "1",
    "stacks/build/app.yml": """
        services:
          web:
            build:
              context: context
              dockerfile: ../../../shared/Dockerfile
              additional_contexts: {more: ../../shared/more, base: "service:base"}
          base: {build: ../../shared/both}
    """,
    "stacks/build/context/a.txt": "1",
    "stacks/build/context/ignored/b.txt": "1",
    "stacks/build/context/ignored/kept.txt": "1",
    "stacks/build/context/.dockerignore": "ignored\n!ignored/kept.txt\n",
    "stacks/build/beside.txt": "1",
    "shared/Dockerfile": "FROM scratch\n",
    "shared/more/a.txt": "1",
    "shared/both/Dockerfile": "FROM scratch\n",
    "stacks/watch/app.yml": """
        services:
          web:
            image: web:1
            develop: {watch: [{path: ./src, action: sync, target: /src}]}
    """,
    "stacks/watch/src/a.txt": "1",
    "stacks/module/app.yml": "services: {web: {image: 'web:1', volumes: ['./module:/module:ro']}}\n",
    "stacks/quiet/app.yml": "services: {web: {image: 'web:1'}}\n",
    "README.md": "about\n",
}


class World:
    """``touched`` are the stacks that the newest commit is a new version of; they are taken then."""

    def __init__(self, folder: Path) -> None:
        self.repo, self.module = Repo(folder / "infra"), Repo(folder / "module")
        self.module.write("a.txt", "1")
        self.module.commit()
        for name, text in FILES.items():
            self.repo.write(name, text)
        (self.repo.folder / "stacks/mounts/link").symlink_to("one.txt")
        self.repo.git(
            "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../module", "stacks/module/module"
        )
        self.repo.commit()
        repository = Repository(self.repo.url, str(folder / "state"), extent=Extent(submodules=True))
        self._follower = Follower(repository, Ref(), interval=0.0, changed=lambda: None, chance=random.random)
        self._sources: dict[str, GitSource] = {}
        self.touched()

    def touched(self) -> set[str]:
        self._follower.fetch()
        assert self._follower.trouble is None, self._follower.trouble
        assert self._follower.head is not None
        settings = HostStack(name="", directory="")
        said = GitHostSource(name="infra", url=self.repo.url, environment="production", settings=settings)
        for name, chosen in selected(self._follower.head.place, said).stacks.items():
            if name not in self._sources:
                self._sources[name] = GitSource(Folder(chosen, self._follower, lambda: b"k" * 32))
        found = set()
        for name, source in self._sources.items():
            candidate, newer = source.candidate(), source.newer()
            assert newer is None, newer
            if candidate is not None:
                source.take(candidate)
                found.add(name)
        return found

    def append(self, *names: str) -> None:
        for name in names:
            path = self.repo.folder / name
            path.write_text(path.read_text() + _MORE.get(os.path.splitext(name)[1] or os.path.basename(name), "\n2"))

    def change(self, name: str, before: str, after: str) -> None:
        path = self.repo.folder / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))


_MORE = {
    ".production": "TAG=9\n",
    ".env": "MORE=2\n",
    ".labels": "more=2\n",
    "Dockerfile": "LABEL a=1\n",
    ".json": "\n",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all changes, since each is a commit more. Specs are read within this process, by the readers of the one that else does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "canonical", lambda request, **_: load_canonical(request))
        yield World(tmp_path_factory.mktemp("dependencies"))


def appended(*names: str) -> Callable[[World], None]:
    return lambda world: world.append(*names)


def changed(name: str, before: str, after: str) -> Callable[[World], None]:
    return lambda world: world.change(name, before, after)


def written(name: str) -> Callable[[World], None]:
    return lambda world: world.repo.write(name, "2")


def removed(name: str) -> Callable[[World], None]:
    return lambda world: (world.repo.folder / name).unlink()


def after(before: Callable[[World], None], change: Callable[[World], None]) -> Callable[[World], None]:
    """A change of what another one has left, so that each test stands alone."""

    def made(world: World) -> None:
        before(world)
        world.repo.commit()
        world.touched()
        change(world)

    return made


def executable(name: str) -> Callable[[World], None]:
    return lambda world: (world.repo.folder / name).chmod(0o755)


def linked(name: str, to: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        (world.repo.folder / name).unlink()
        (world.repo.folder / name).symlink_to(to)

    return change


def renamed(name: str, to: str) -> Callable[[World], None]:
    return lambda world: (world.repo.folder / name).rename(world.repo.folder / to) and None


def module_moved(world: World) -> None:
    world.module.write("a.txt", "2")
    commit = world.module.commit()
    world.repo.git("-C", "stacks/module/module", "fetch", "--quiet", world.module.url, commit)
    world.repo.git("-C", "stacks/module/module", "checkout", "--quiet", commit)


CHANGES: dict[str, tuple[Callable[[World], None], set[str]]] = {
    "a spec": (changed("stacks/quiet/app.yml", "web:1", "web:2"), {"quiet"}),
    "a comment in a spec": (changed("stacks/quiet/app.yml", "services:", "# why\nservices:"), set()),
    "the overlay of its environment": (changed("stacks/spec/app.production.yml", "LEVEL", "DEPTH"), {"spec"}),
    "the overlay of another environment": (changed("stacks/spec/app.staging.yml", "LEVEL", "DEPTH"), set()),
    "a new overlay of its environment": (
        lambda world: world.repo.write("stacks/quiet/app.production.yml", "services: {web: {user: '1'}}\n"),
        {"quiet"},
    ),
    "a variable in .env that later files replace": (changed("stacks/spec/.env", "TAG=1", "TAG=5"), set()),
    "a variable in .env that nobody uses": (changed("stacks/spec/.env", "UNUSED=1", "UNUSED=2"), set()),
    "a variable in .env.production": (changed("stacks/spec/.env.production", "TAG=2", "TAG=3"), {"spec"}),
    "an env file": (appended("stacks/spec/web.env"), {"spec"}),
    "an env file that was not there": (lambda world: world.repo.write("stacks/spec/optional.env", "O=1"), {"spec"}),
    "a label file": (appended("stacks/spec/web.labels"), {"spec"}),
    "an included file": (changed("shared/include.yml", "included:", "included-2:"), {"spec"}),
    "the env file of an include": (changed("shared/include.env", "FROM_ENV=1", "FROM_ENV=2"), {"spec"}),
    "a base in another folder": (changed("shared/base.yml", "BASE: '1'", "BASE: '2'"), {"spec"}),
    "another service in the file of a base": (changed("shared/base.yml", "image: x", "image: y"), set()),
    "a mounted file": (appended("stacks/mounts/file.txt"), {"mounts"}),
    "a file deep in a mounted folder": (appended("stacks/mounts/folder/deep/a.txt"), {"mounts"}),
    "a new file in a mounted folder": (written("stacks/mounts/folder/new.txt"), {"mounts"}),
    "a file renamed in a mounted folder": (
        renamed("stacks/mounts/folder/deep/a.txt", "stacks/mounts/folder/deep/b.txt"),
        {"mounts"},
    ),
    "a config": (appended("stacks/mounts/config.txt"), {"mounts"}),
    "a secret": (appended("stacks/mounts/secret.txt"), {"mounts"}),
    "a seccomp profile": (appended("stacks/mounts/profile.json"), {"mounts"}),
    "the mode of a mounted file": (executable("stacks/mounts/file.txt"), {"mounts"}),
    "the mode of a file that nobody uses": (executable("README.md"), set()),
    "what a mounted link leads to": (appended("stacks/mounts/one.txt"), {"mounts"}),
    "where a mounted link leads": (linked("stacks/mounts/link", "two.txt"), {"mounts"}),
    "what it no longer leads to": (
        after(linked("stacks/mounts/link", "two.txt"), appended("stacks/mounts/one.txt")),
        set(),
    ),
    "a file of a context": (appended("stacks/build/context/a.txt"), {"build"}),
    "an ignored file of a context": (appended("stacks/build/context/ignored/b.txt"), set()),
    "a new ignored file of a context": (written("stacks/build/context/ignored/new.txt"), set()),
    "a file that is not ignored after all": (appended("stacks/build/context/ignored/kept.txt"), {"build"}),
    "what is ignored": (changed("stacks/build/context/.dockerignore", "!ignored/kept.txt\n", ""), {"build"}),
    "the mode of a file of a context": (executable("stacks/build/context/a.txt"), {"build"}),
    "a file beside a context": (appended("stacks/build/beside.txt"), set()),
    "a Dockerfile outside of the context": (appended("shared/Dockerfile"), {"build"}),
    "an additional context": (appended("shared/more/a.txt"), {"build"}),
    "a file that one stack mounts and another builds from": (appended("shared/both/a.txt"), {"mounts", "build"}),
    "what is watched": (appended("stacks/watch/src/a.txt"), set()),
    "the rules of watching": (changed("stacks/watch/app.yml", "action: sync", "action: restart"), set()),
    "a submodule": (module_moved, {"module"}),
    "files of two stacks": (appended("stacks/spec/.env.production", "stacks/mounts/config.txt"), {"spec", "mounts"}),
    "a file that nobody uses": (appended("README.md"), set()),
    "a file beside a spec that nobody uses": (written("stacks/quiet/notes.txt"), set()),
    "a file that was mounted goes": (removed("stacks/mounts/folder/old.txt"), {"mounts"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_commit_touches_exactly_the_stacks_that_depend_on_what_it_changes(world: World, what: str) -> None:
    change, stacks = CHANGES[what]
    change(world)
    world.repo.commit(what)

    assert stacks == world.touched()
