"""For an engine on another host, the project's own files are copies; what is not the project's stays a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import RuleViolation
from orchestrator.model import shipment
from orchestrator.model.stack import Stack
from orchestrator.model.values import FileKind
from orchestrator.spec.load import LoadRequest, load_stack
from orchestrator.spec.shipping import shipped

FILE = """
name: shop
services:
  web:
    image: x
    volumes:
      - ./site.conf:/etc/site.conf
      - ./html:/srv/html:ro
      - ./made-later:/data
      - /etc/hosts:/etc/hosts.of.the.host:ro
      - data:/var/lib/data
    configs: [plain]
    secrets: [{source: key, mode: "0400"}, tree]
  idle: {image: x, scale: 0, volumes: ["./huge:/huge"]}
volumes: {data: }
configs: {plain: {file: ./plain.txt}}
secrets: {key: {file: ./key.pem}, tree: {file: ./html}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(FILE)
    for name in ("site.conf", "plain.txt", "key.pem", "html/index.html", "html/deep/a", "huge/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def loaded(folder: Path) -> Stack:
    return shipped(load_stack(LoadRequest(environment={}, current_directory=str(folder)), key=b"k"))


def version(folder: Path) -> str:
    made = loaded(folder)
    return shipment.volume(made, made.services["web"])


def test_the_projects_own_files_are_copied(folder: Path) -> None:
    web = loaded(folder).services["web"].container

    copies = {grant.target: grant for grant in web.files}
    assert {"/plain", "/run/secrets/key", "/run/secrets/tree", "/etc/site.conf", "/srv/html"} == copies.keys()
    assert all(grant.copied and grant.digest for grant in copies.values())
    assert ("site.conf", True) == (copies["/etc/site.conf"].name, copies["/etc/site.conf"].writable)
    assert ("html", False) == (copies["/srv/html"].name, copies["/srv/html"].writable)
    assert FileKind.MOUNT is copies["/srv/html"].kind


def test_what_is_not_here_or_not_the_projects_is_the_engines(folder: Path) -> None:
    web = loaded(folder).services["web"].container

    stay = [(mount.source, mount.target) for mount in web.mounts]
    made_later, hosts, data = str(folder / "made-later"), "/etc/hosts", "shop_data"
    assert [(made_later, "/data"), (hosts, "/etc/hosts.of.the.host"), (data, "/var/lib/data")] == stay


def test_shipping_twice_is_shipping_once(folder: Path) -> None:
    once = loaded(folder)

    assert once == shipped(once)


def test_what_is_to_have_no_containers_is_not_read(folder: Path) -> None:
    idle = loaded(folder).services["idle"].container

    assert () == idle.files
    assert 1 == len(idle.mounts)


@pytest.mark.parametrize("change", ["content", "mode", "new file", "link"])
def test_every_change_of_a_folder_is_another_version(folder: Path, change: str) -> None:
    before = version(folder)
    match change:
        case "content":
            (folder / "html/deep/a").write_text("other")
        case "mode":
            (folder / "html/deep/a").chmod(0o755)
        case "new file":
            (folder / "html/b").touch()
        case "link":
            (folder / "html/link").symlink_to("deep/a")

    assert before != version(folder)


def test_a_mount_that_must_exist_and_does_not_is_named(folder: Path) -> None:
    text = "volumes: [{type: bind, source: ./gone, target: /x, bind: {create_host_path: false}}]"
    (folder / "compose.yaml").write_text(f"services:\n  web:\n    image: x\n    {text}\n")

    with pytest.raises(RuleViolation, match="gone does not exist") as refused:
        loaded(folder)
    assert "compose.yaml:4:15, services.web.volumes[0]" == str(refused.value.where).removeprefix(f"{folder}/")


def test_too_much_is_refused(folder: Path) -> None:
    stack = load_stack(LoadRequest(environment={}, current_directory=str(folder)), key=b"k")

    with pytest.raises(RuleViolation, match="would have to be copied"):
        shipped(stack, most=10)
