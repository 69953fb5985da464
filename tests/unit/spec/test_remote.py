"""Specs from git repositories: fetched from a real git daemon, kept by commit, and never reaching outside of it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StackError
from orchestrator.spec import remote
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical
from orchestrator.spec.remote import RemoteNotAllowed, RemoteUnavailable

FILES = {
    "compose.yaml": "services: {web: {image: 'web:1', build: ./web, volumes: ['./data:/data']}}\n",
    "sub/compose.yml": "services: {sub: {image: 'sub:1', env_file: sub.env}}\n",
    "sub/sub.env": "A=1\n",
    "empty/note": "nothing\n",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of a repository behind a git daemon, and its working tree."""
    root = tmp_path_factory.mktemp("git")
    tree = root / "shop.git"
    for name, text in FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / "outside.yaml").symlink_to("/etc/hostname")
    git(tree, "init", "--quiet", "--initial-branch=main")
    commit(tree, "one")
    git(tree, "tag", "-a", "v1", "-m", "first")
    (tree / "compose.yaml").write_text("services: {web: {image: 'web:2'}}\n")
    commit(tree, "two")
    port = free_port()
    options = ["--export-all", "--reuseaddr", f"--base-path={root}", "--listen=127.0.0.1", f"--port={port}"]
    daemon = subprocess.Popen(["git", "daemon", *options], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"git://127.0.0.1:{port}/shop.git", tree
    finally:
        daemon.terminate()
        daemon.wait()


def git(tree: Path, *arguments: str) -> str:
    settings = {"PATH": os.environ["PATH"], "HOME": str(tree), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    return subprocess.run(
        ["git", "-C", tree, *identity, *arguments], env=settings, check=True, capture_output=True, text=True
    ).stdout


def commit(tree: Path, message: str) -> None:
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "-m", message)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise TimeoutError(f"nothing listens on {port}")


def load(directory: Path, *files: str, fetching: bool = True, programs: str = os.environ["PATH"]) -> Canonical:
    environment = {"PATH": programs, "HOME": str(directory), "XDG_CACHE_HOME": str(directory / "cache")}
    fetch = remote.fetcher(environment) if fetching else None
    return load_canonical(
        LoadRequest(files=files, environment=environment, current_directory=str(directory), fetch=fetch)
    )


def image(canonical: Canonical, service: str = "web") -> str:
    return str(canonical.model["services"][service]["image"])


def test_the_default_branch_is_fetched(repository: tuple[str, Path], tmp_path: Path) -> None:
    assert "web:2" == image(load(tmp_path, repository[0]))


def test_a_tag_is_followed_to_its_commit(repository: tuple[str, Path], tmp_path: Path) -> None:
    canonical = load(tmp_path, f"{repository[0]}#v1")

    assert "web:1" == image(canonical)
    assert canonical.model["services"]["web"]["volumes"][0]["source"] == os.path.join(canonical.working_dir, "data")
    assert canonical.working_dir.startswith(str(tmp_path / "cache"))
    assert canonical.name == tmp_path.name.replace("[", "").replace("]", "").lower().lstrip("_-")


def test_a_commit_is_taken_from_the_cache(repository: tuple[str, Path], tmp_path: Path) -> None:
    """The commit's checkout stands for itself: the second load does not even need git."""
    hash_of = git(repository[1], "rev-parse", "v1^{commit}").strip()
    load(tmp_path, f"{repository[0]}#{hash_of}")

    assert "web:1" == image(load(tmp_path, f"{repository[0]}#{hash_of}", programs="/nowhere"))
    assert [] == list((tmp_path / "cache").rglob(".incoming-*"))


def test_a_directory_is_searched_for_the_usual_names(repository: tuple[str, Path], tmp_path: Path) -> None:
    canonical = load(tmp_path, f"{repository[0]}#main:sub")

    assert {"A": "1"} == canonical.model["services"]["sub"]["environment"]


def test_includes_and_bases_may_be_remote(repository: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"include: ['{repository[0]}#v1:sub']\n"
        f"services: {{own: {{extends: {{file: '{repository[0]}#v1:compose.yaml', service: web}}}}}}\n"
    )
    canonical = load(tmp_path, "compose.yaml")

    assert ["own", "sub"] == sorted(canonical.model["services"])
    context = canonical.model["services"]["own"]["build"]["context"]
    assert os.path.isabs(context)
    assert context.endswith("/web")


def test_nothing_is_fetched_unless_asked(repository: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(f"include: ['{repository[0]}']\nservices: {{a: {{image: x}}}}\n")

    with pytest.raises(RemoteNotAllowed) as caught:
        load(tmp_path, "compose.yaml", fetching=False)

    assert "compose.yaml:1:11, include[0]" in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        ("#nowhere", "cannot be fetched"),
        ("#main:../../../etc", "points outside"),
        ("#main:outside.yaml", "points outside"),
        ("#main:empty", "holds no spec"),
        ("#main:nope.yaml", "does not exist"),
        ("#--upload-pack=touch:x", "is not a git reference"),
    ],
)
def test_what_is_not_there_or_not_inside_is_refused(
    repository: tuple[str, Path], tmp_path: Path, suffix: str, message: str
) -> None:
    with pytest.raises(RemoteUnavailable) as caught:
        load(tmp_path, repository[0] + suffix)

    assert message in str(caught.value)


def test_an_unreachable_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StackError) as caught:
        load(tmp_path, f"git://127.0.0.1:{free_port()}/nothing.git")

    assert "remote-unavailable" == caught.value.ref


@pytest.mark.parametrize(
    "reference",
    [
        *("https://example.com/a.git", "https://example.com/a.git#main:sub", "http://example.com/a.git", "git://h/a"),
        *("ssh://git@h/a.git", "git@example.com:a/b.git", "github.com/a/b", "oci://example.com/a:1", "oci://a/b"),
    ],
)
def test_references_that_are_fetched(reference: str) -> None:
    assert remote.is_remote(reference)


@pytest.mark.parametrize(
    "name",
    ["compose.yaml", "./a.yaml", "/abs/a.yaml", "-", "sub/a.git", "https://example.com/a.yaml", "a@b", "C:\\a@b:c"],
)
def test_names_that_are_files(name: str) -> None:
    assert not remote.is_remote(name)
