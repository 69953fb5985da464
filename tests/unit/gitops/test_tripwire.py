"""No spec from a repository makes this host ask anybody for anything: a server that counts hears nothing, however it is spelled."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.gitops import loading
from orchestrator.gitops.repository import Extent, Ref, Repository
from orchestrator.gitops.troubles import UrlRefused
from orchestrator.spec.load import LoadRequest, load_canonical
from scripts.machine import packages
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

ADDRESSES = [
    "http://127.0.0.1:PORT/x.git",
    "http://localhost:PORT/x.git#main:app.yml",
    "http://127.1:PORT/x.git",
    "http://2130706433:PORT/x.git",
    "http://0x7f000001:PORT/x.git",
    "http://0177.0.0.1:PORT/x.git",
    "http://0:PORT/x.git",
    "http://0x7f.1:PORT/x.git",
    "http://017700000001:PORT/x.git",
    "http://127.0.0.1.:PORT/x.git",
    "http://[::ffff:127.0.0.1]:PORT/x.git",
    "http://[::ffff:7f00:1]:PORT/x.git",
    "http://[0:0:0:0:0:ffff:7f00:1]:PORT/x.git",
    "http://example.org@127.0.0.1:PORT/x.git",
    "http://127.0.0.1:PORT/x.git?@example.org",
    "http://\u2460\u2461\u2466.0.0.1:PORT/x.git",
    "http://127.0.0.1:PORT/%2e%2e/x.git",
    "http://user:word@127.0.0.1:PORT/x.git",
    "HTTP://127.0.0.1:PORT/x.git",
    "http://127.0.0.1:PORT/app.yml",
    "http:/127.0.0.1:PORT/app.yml",
    "//127.0.0.1:PORT/app.yml",
    "https://127.0.0.1:PORT/x.git",
    "git://127.0.0.1:PORT/x.git",
    "ssh://git@127.0.0.1:PORT/x.git",
    "git@127.0.0.1:x.git",
    "oci://127.0.0.1:PORT/x:1",
    "OCI://127.0.0.1:PORT/x:1",
    "ftp://127.0.0.1:PORT/app.yml",
    "ext::nc 127.0.0.1 PORT",
]
SPECS = {
    "include": "include: ['ADDRESS']\nservices: {web: {image: x}}",
    "extends": "services: {web: {extends: {file: 'ADDRESS', service: web}}}",
    "env_file": "services: {web: {image: x, env_file: 'ADDRESS'}}",
    "config": "services: {web: {image: x, configs: [c]}}\nconfigs: {c: {file: 'ADDRESS'}}",
    "secret": "services: {web: {image: x, secrets: [c]}}\nsecrets: {c: {file: 'ADDRESS'}}",
    "include in full": "include: [{path: ['ADDRESS'], env_file: 'ADDRESS'}]\nservices: {web: {image: x}}",
    "env_file in full": "services: {web: {image: x, env_file: [{path: 'ADDRESS', required: true}]}}",
    "label_file": "services: {web: {image: x, label_file: 'ADDRESS'}}",
}
# What is only passed on, or read by nobody but a builder, whom the policy judges: it may be taken, and still nobody is asked.
PASSED_ON = {
    "build": "services: {web: {build: 'ADDRESS'}}",
    "additional context": (
        "services: {web: {build: {context: ., dockerfile_inline: FROM x, additional_contexts: {a: 'ADDRESS'}}}}"
    ),
    "image": "services: {web: {image: 'ADDRESS'}}",
    "Dockerfile": "services: {web: {build: {context: ., dockerfile: 'ADDRESS'}}}",
    "provider": "services: {web: {provider: {type: x, options: {url: 'ADDRESS'}}}}",
    "model": "services: {web: {image: x, models: [m]}}\nmodels: {m: {model: 'ADDRESS'}}",
    "driver": "services: {web: {image: x, volumes: ['v:/v']}}\nvolumes: {v: {driver_opts: {type: nfs, device: 'ADDRESS'}}}",
    "external secret": "services: {web: {image: x, secrets: [c]}}\nsecrets: {c: {external: true, name: 'ADDRESS'}}",
    "variable": "services: {web: {image: x, environment: {A: 'ADDRESS', HTTP_PROXY: 'ADDRESS'}}}",
    "log driver": "services: {web: {image: x, logging: {driver: syslog, options: {syslog-address: 'ADDRESS'}}}}",
    "optional env_file": "services: {web: {image: x, env_file: [{path: 'ADDRESS', required: false}]}}",
}


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=500) as server:
        server.settimeout(0)
        yield server


def hits(server: socket.socket) -> int:
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@pytest.mark.parametrize("reference", SPECS)
def test_no_spelling_of_an_address_is_asked(server: socket.socket, tmp_path: Path, reference: str) -> None:
    file = tmp_path / "app.yml"
    taken: list[str] = []
    without_line: list[str] = []
    for number, address in enumerate(ADDRESSES):
        said = address.replace("PORT", str(server.getsockname()[1]))
        file.write_text(SPECS[reference].replace("ADDRESS", said))
        asked = LoadRequest(
            files=(str(file),),
            current_directory=str(tmp_path),
            project_name="shop",
            disk=loading.files_below(str(tmp_path)),
        )
        try:
            found = load_canonical(asked) if number else loading.canonical(asked, place=str(tmp_path), commit="a" * 40)
            loading.stack(found, key=b"k", disk=loading.files_of(found, str(tmp_path)))
        except SpecError as problem:
            without_line += [said] if problem.where is None or not problem.where.line else []
        else:
            taken.append(said)
    assert ([], []) == (without_line, taken)
    assert hits(server) == 0


@pytest.mark.parametrize("reference", PASSED_ON)
def test_nor_is_one_that_is_only_passed_on(server: socket.socket, tmp_path: Path, reference: str) -> None:
    file = tmp_path / "app.yml"
    for address in ADDRESSES:
        said = address.replace("PORT", str(server.getsockname()[1]))
        file.write_text(PASSED_ON[reference].replace("ADDRESS", said))
        asked = LoadRequest(
            files=(str(file),),
            current_directory=str(tmp_path),
            project_name="shop",
            disk=loading.files_below(str(tmp_path)),
        )
        try:
            found = load_canonical(asked)
            loading.stack(found, key=b"k", disk=loading.files_of(found, str(tmp_path)))
        except SpecError:
            pass
    assert hits(server) == 0


MODULES = ("http://127.0.0.1:PORT/x", "https://127.0.0.1:PORT/x", "https://2130706433:PORT/x", "https://[::ffff:7f00:1]:PORT/x",
           "ssh://git@127.0.0.1:PORT/x", "git://127.0.0.1:PORT/x", "ext::nc 127.0.0.1 PORT")  # fmt: skip


@pytest.mark.parametrize("address", MODULES)
def test_no_submodule_has_anybody_asked(server: socket.socket, tmp_path: Path, address: str) -> None:
    repo = Repo(tmp_path / "repo")
    said = address.replace("PORT", str(server.getsockname()[1]))
    repo.write(".gitmodules", f'[submodule "m"]\n\tpath = m\n\turl = {said}\n')
    repo.git("add", "--all")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},m")
    repo.git("commit", "--quiet", "-m", "a module")
    mirror = Repository(repo.url, str(tmp_path / "state"), extent=Extent(submodules=True))

    with pytest.raises(UrlRefused):
        mirror.checkout(mirror.fetch(Ref()))
    assert hits(server) == 0


@pytest.fixture
def lfs_repo(server: socket.socket, tmp_path: Path) -> Repo:
    """It has a large file, and says itself that those are at the server."""
    packages.have(packages.GIT)
    repo = Repo(tmp_path / "lfs")
    repo.git("lfs", "install", "--local")
    repo.git("lfs", "track", "*.bin")
    (repo.folder / "large.bin").write_bytes(b"large" * 1000)
    repo.write(".lfsconfig", f"[lfs]\n\turl = http://127.0.0.1:{server.getsockname()[1]}/x\n")
    repo.commit()
    return repo


def test_no_endpoint_for_large_files_is_asked_that_the_repository_names(
    server: socket.socket, lfs_repo: Repo, tmp_path: Path
) -> None:
    mirror = Repository(lfs_repo.url, str(tmp_path / "state"), extent=Extent(lfs=True))

    assert b"large" * 1000 == Path(mirror.checkout(mirror.fetch(Ref())), "large.bin").read_bytes()
    assert hits(server) == 0


UNHEARD = ("http://127.0.0.1.:", "http://\u2460")  # git itself makes no address of these
SPELLED = [
    one for one in ADDRESSES if one.startswith("http://") and one.endswith("x.git") and not one.startswith(UNHEARD)
]
CONTROLS = [
    *(["git", "ls-remote", address] for address in SPELLED),
    ["git", "ls-remote", "https://127.0.0.1:PORT/x"],
    ["git", "ls-remote", "ssh://git@127.0.0.1:PORT/x"],
    ["git", "ls-remote", "git://127.0.0.1:PORT/x"],
    ["git", "-c", "protocol.ext.allow=always", "ls-remote", "ext::openssl s_client -connect 127.0.0.1:PORT"],
    ["git", "-C", "LFS", "lfs", "push", "--all", "http://127.0.0.1:PORT/y"],
]


@pytest.mark.parametrize("words", CONTROLS, ids=lambda words: words[-1])
def test_who_does_ask_is_heard(server: socket.socket, lfs_repo: Repo, words: list[str]) -> None:
    """By the same spellings: so the silence above is no deafness."""
    port = str(server.getsockname()[1])
    said = [word.replace("PORT", port).replace("LFS", str(lfs_repo.folder)) for word in words]
    environment = {"PATH": os.environ["PATH"], "HOME": str(lfs_repo.folder), "GIT_TERMINAL_PROMPT": "0"}
    environment["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
    asking = subprocess.Popen(
        said, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        eventually(lambda: hits(server) > 0, what="it is heard")
    finally:
        os.killpg(asking.pid, signal.SIGKILL)
        asking.wait()
