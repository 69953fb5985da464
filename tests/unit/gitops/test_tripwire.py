"""No spec from a repository makes this host ask anybody for anything: a server that counts hears nothing, however it is spelled."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.gitops import loading
from orchestrator.spec.load import LoadRequest, load_canonical

ADDRESSES = [
    "http://127.0.0.1:PORT/x.git",
    "http://localhost:PORT/x.git#main:app.yml",
    "http://127.1:PORT/x.git",
    "http://2130706433:PORT/x.git",
    "http://0x7f000001:PORT/x.git",
    "http://0177.0.0.1:PORT/x.git",
    "http://[::ffff:127.0.0.1]:PORT/x.git",
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
    "build": "services: {web: {build: 'ADDRESS'}}",
    "additional context": (
        "services: {web: {build: {context: ., dockerfile_inline: FROM x, additional_contexts: {a: 'ADDRESS'}}}}"
    ),
    "config": "services: {web: {image: x, configs: [c]}}\nconfigs: {c: {file: 'ADDRESS'}}",
}
# Nothing is built when a spec is loaded: a word that is a path of the repository is one, and names a folder that is not there.
PATHS = ("http:/", "//", "ext:", "git@")


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
    assert [] == without_line
    assert all(said.startswith(PATHS) for said in taken)
    assert not taken or "context" in reference or reference == "build"
    assert hits(server) == 0


def test_the_server_hears_who_asks(server: socket.socket) -> None:
    socket.create_connection(server.getsockname()).close()

    assert hits(server) == 1
