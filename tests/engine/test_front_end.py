"""A service that asks for a front end: one fixed port for all replicas, taken in and out of rotation without a cut."""

from __future__ import annotations

import io
import socket
import tarfile
import threading
import urllib.request

import pytest

from scripts.machine import haproxy
from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project
from tests.support.waiting import eventually

PORT = 18480
SPEC = """
    services:
      web:
        image: busybox:stable
        command: ["sh", "-c", "mkdir -p /www/cgi-bin; hostname > /www/version; echo {version} >> /www/version;
          printf '#!/bin/sh\\\\necho; sleep 2; cat /www/version\\\\n' > /www/cgi-bin/slow; chmod 755 /www/cgi-bin/slow;
          exec httpd -f -p 80 -h /www"]
        stop_signal: SIGKILL
        ports: [{{target: 80, published: "{port}", app_protocol: {protocol}}}]
        deploy: {{replicas: {replicas}, endpoint_mode: vip, update_config: {{order: start-first, monitor: 500ms}}}}
"""


def write(project: Project, version: str = "1", *, replicas: int = 2, protocol: str = "http", port: int = PORT) -> None:
    project.write(SPEC.format(version=version, replicas=replicas, protocol=protocol, port=port))


def fetch(project: Project, path: str = "version", port: int = PORT) -> tuple[str, str]:
    """Who answered, and with which version."""
    with urllib.request.urlopen(f"http://{project.engine.host}:{port}/{path}", timeout=20) as answer:
        who, version = answer.read().decode().split()
    return who, version


def answering(project: Project) -> set[str]:
    return {fetch(project)[0] for _ in range(8)}


def shown(project: Project) -> set[str]:
    """How the replicas call themselves."""
    return {entry["Config"]["Hostname"] for entry in project.containers("web")}


def test_replicas_share_one_fixed_port(front_project: Project) -> None:
    project = front_project
    write(project)
    project.up()

    eventually(lambda: answering(project) == shown(project), what="both replicas answer")
    assert sorted(project.running()) == ["web-1", "web-2", "web-front-1"]
    assert "web-front" in project.run("ps").ok().stdout
    assert f"0.0.0.0:{PORT}\n" == project.run("port", "web", "80").ok().stdout
    assert "no port 80/tcp is published" in project.run("port", "web", "80", "--index", "1").failed(1).stderr
    assert project.up().mutations == []
    project.down()
    assert project.census.empty


def test_the_name_is_the_front_ends_on_the_stacks_networks(front_project: Project) -> None:
    project = front_project
    write(project)
    project.up()
    front = project.container("web-front")["NetworkSettings"]["Networks"][f"{project.name}_default"]
    code, said = project.engine.exec(f"{project.name}-web-1", "nslookup", "web")

    assert code == 0
    assert front["IPAddress"] in said
    code, said = project.engine.exec(f"{project.name}-web-1", "nslookup", "tasks.web")
    addresses = [
        c["NetworkSettings"]["Networks"][f"{project.name}_default"]["IPAddress"] for c in project.containers("web")
    ]
    assert all(address in said for address in addresses)


def test_a_request_under_way_ends_although_its_replica_is_replaced(front_project: Project) -> None:
    project = front_project
    write(project, "1")
    project.up()
    answers: list[tuple[str, str]] = []
    slow = [threading.Thread(target=lambda: answers.append(fetch(project, "cgi-bin/slow"))) for _ in range(4)]
    for thread in slow:
        thread.start()
    write(project, "2")
    project.up()
    for thread in slow:
        thread.join()

    assert ["1"] * 4 == [version for _, version in answers]
    assert "2" == fetch(project)[1]


def test_a_request_under_way_ends_although_its_replica_is_restarted_with_its_dependency(front_project: Project) -> None:
    project = front_project
    text = (
        SPEC
        + """
        depends_on: {{db: {{condition: service_started, restart: true}}}}
      db: {{image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, environment: {{V: "{v}"}}}}
    """
    )
    given = {"version": "1", "replicas": 2, "protocol": "http", "port": PORT}
    project.write(text.format(v=1, **given))
    project.up()
    before = {entry["Id"]: entry["State"]["StartedAt"] for entry in project.containers("web")}
    answers: list[str] = []
    done = threading.Event()
    slow = [threading.Thread(target=_ask_until, args=(project, done, answers)) for _ in range(4)]
    for thread in slow:
        thread.start()
    project.write(text.format(v=2, **given))
    project.up()
    done.set()
    for thread in slow:
        thread.join()

    assert {"1"} == set(answers)
    after = {entry["Id"]: entry["State"]["StartedAt"] for entry in project.containers("web")}
    assert before.keys() == after.keys()
    assert all(before[one] != after[one] for one in before)
    assert len(answering(project)) == 2
    assert project.up().mutations == []


def _ask_until(project: Project, done: threading.Event, answers: list[str]) -> None:
    """One slow request after the other; what fails is an answer too."""
    while not done.is_set():
        try:
            answers.append(fetch(project, "cgi-bin/slow")[1])
        except OSError as problem:
            answers.append(str(problem))


def test_an_open_connection_keeps_its_replica_for_its_grace_period(front_project: Project) -> None:
    """Without knowing the protocol nothing can be handed over; what is open has its time."""
    project = front_project
    write(project, "1", replicas=1, protocol="anything")
    project.up()
    with socket.create_connection((project.engine.host, PORT), timeout=20) as connection:
        connection.sendall(b"GET /cgi-bin/slow HTTP/1.0\r\n\r\n")
        write(project, "2", replicas=1, protocol="anything")
        project.up()
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.split()[-1] == b"1"
    assert "2" == fetch(project)[1]


def test_a_configuration_changed_by_hand_is_set_right(front_project: Project) -> None:
    project = front_project
    write(project)
    project.up()
    before = project.ids()
    _overwrite(project, "/etc/front/front.cfg", b"# nothing\n")

    assert "spread connections" in project.run("plan").ok().stdout
    project.up()
    assert before == project.ids()
    assert len(answering(project)) == 2
    assert project.up().mutations == []


def _overwrite(project: Project, path: str, content: bytes) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    target = f"/containers/{project.name}-web-front-1/archive"
    project.engine.api.request("PUT", target, {"path": "/"}, body=out.getvalue(), content_type="application/x-tar")


def test_scaling_takes_replicas_in_and_out(front_project: Project) -> None:
    project = front_project
    write(project, replicas=1)
    project.up()
    front = project.container("web-front")["Id"]
    project.up("--scale", "web=3")

    eventually(lambda: len(answering(project)) == 3, what="three replicas answer")
    project.up("--scale", "web=1")
    assert shown(project) == answering(project)
    assert front == project.container("web-front")["Id"]


def test_a_front_end_comes_and_goes_with_the_option(front_project: Project) -> None:
    project = front_project
    plain = SPEC.replace("endpoint_mode: vip, ", "")
    project.write(plain.format(version="1", replicas=1, protocol="http", port=PORT))
    project.up()
    write(project, "1", replicas=1)
    project.up()

    assert shown(project) == answering(project)
    assert sorted(project.running()) == ["web-1", "web-front-1"]
    project.write(plain.format(version="1", replicas=1, protocol="http", port=PORT))
    project.up()
    assert shown(project) == answering(project)
    assert sorted(project.running()) == ["web-1"]
    assert project.up().mutations == []


def test_another_published_port_leaves_the_replicas_alone(front_project: Project) -> None:
    project = front_project
    write(project)
    project.up()
    before = {entry["Id"] for entry in project.containers("web")}
    write(project, port=PORT + 1)
    project.up()

    assert before == {entry["Id"] for entry in project.containers("web")}
    assert fetch(project, port=PORT + 1)[0] in shown(project)


def test_a_stopped_front_end_is_started_as_it_is(front_project: Project) -> None:
    project = front_project
    write(project)
    project.up()
    front = project.container("web-front")["Id"]
    project.docker("kill", front).ok()
    project.up()

    assert front == project.container("web-front")["Id"]
    assert len(answering(project)) == 2


@pytest.mark.parametrize("which", ["engine", "newer_engine"])
def test_an_image_of_ones_own_on_every_engine(
    make_project: ProjectMaker, request: pytest.FixtureRequest, which: str
) -> None:
    engine: Engine = request.getfixturevalue(which)
    haproxy.import_haproxy(engine.api)
    project = make_project(on=engine)
    image = f"{project.name}-proxy:1"
    project.docker("tag", "haproxy:lts-alpine", image).ok()
    text = SPEC.replace('published: "{port}", ', "") + "        x-stack: {{front_end: {{image: '" + image + "'}}}}\n"
    for version in ("1", "2"):
        project.write(text.format(version=version, replicas=2, protocol="http"))
        project.up()

    assert image == project.container("web-front")["Config"]["Image"]
    code, said = project.engine.exec(f"{project.name}-web-1", "wget", "-qO-", "http://web/version")
    assert (code, said.split()[-1]) == (0, "2")
    assert project.up().mutations == []


def test_an_image_that_is_no_haproxy_is_said(front_project: Project) -> None:
    project = front_project
    text = SPEC + "        x-stack: {{front_end: {{image: 'busybox:stable'}}}}\n"
    project.write(text.format(version="1", replicas=1, protocol="http", port=PORT))
    result = project.run("up", "-d").failed(1)

    assert "haproxy" in result.stderr
    assert "web-front" in result.stderr
