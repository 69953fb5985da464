"""`stack bridge`: Kubernetes manifests that the API would take, and transformation images by Compose's protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import run_stack
from tests.support.kubernetes_structure import problems
from tests.support.projects import Project

EVERYTHING = """
    services:
      web:
        image: shop/web:1
        command: [serve, "$$(date)"]
        ports: ["80:8080", "127.0.0.1:81:81/udp", "9000"]
        configs: [{source: settings, target: /etc/settings, mode: 0444}]
        secrets: [key]
        depends_on: [db]
        environment: {LEVEL: info, NOTHING: null}
        healthcheck: {test: "true", interval: 1500ms, timeout: 2s, retries: 4, start_period: 3s}
        user: "1000:1000"
        read_only: true
        cap_add: [CAP_NET_ADMIN]
        cap_drop: [ALL]
        security_opt: [no-new-privileges]
        extra_hosts: ["elsewhere:10.1.2.3"]
        dns: 10.0.0.1
        dns_opt: ["ndots:2", rotate]
        sysctls: {net.core.somaxconn: "1024"}
        group_add: ["44"]
        labels: {traefik.enable: "true", "not a label!": x}
        networks: [front, back]
        stop_grace_period: 1m
        deploy:
          replicas: 3
          resources: {limits: {cpus: "0.5", memory: 64m}, reservations: {memory: 32m}}
          update_config: {order: start-first, parallelism: 2}
      db_main:
        image: db:1
        volumes: ["data:/data", "/etc:/host:ro", "/anonymous", {type: image, source: "tools:1", target: /tools}]
        tmpfs: [/run]
        networks: [back]
        post_start: [{command: echo hi}, {command: "echo 'there'", working_dir: /tmp, environment: {A: b c}}]
        pre_stop: [{command: sync}]
        pre_start: [{command: migrate, image: "migrate:1"}]
      migrate:
        image: migrate:1
        restart: on-failure:3
        networks: [back]
      after:
        image: after:1
        depends_on: {migrate: {condition: service_completed_successfully}}
        networks: [back]
      agent:
        image: agent:1
        network_mode: host
        pid: host
        privileged: true
        deploy: {mode: global}
      db:
        image: db:1
        stdin_open: true
        tty: true
        hostname: The_Database
        networks: [back]
    volumes: {data: {}}
    configs: {settings: {content: hello}}
    secrets: {key: {file: key.pem}}
    networks: {front: {}, back: {}}
    """


@pytest.fixture
def manifests(project: Project) -> dict[str, Any]:
    project.write(EVERYTHING)
    (project.folder / "key.pem").write_bytes(b"\xffbinary")
    project.run("bridge", "convert", "-o", "out").ok()
    return {path.name: yaml.safe_load(path.read_text()) for path in (project.folder / "out").iterdir()}


def test_every_manifest_has_the_structure_of_the_api(manifests: dict[str, Any]) -> None:
    assert [] == [
        problem
        for name, document in manifests.items()
        if name != "kustomization.yaml"
        for problem in problems(document)
    ]
    kinds = {document["kind"] for document in manifests.values()}
    assert {"Deployment", "DaemonSet", "Job", "Service", "ConfigMap", "Secret", "PersistentVolumeClaim"} <= kinds
    assert sorted(manifests.keys() - {"kustomization.yaml"}) == manifests["kustomization.yaml"]["resources"]


def test_a_wrong_structure_would_be_noticed(manifests: dict[str, Any]) -> None:
    deployment = manifests["web-deployment.yaml"]
    deployment["spec"]["replicas"] = "three"
    deployment["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"
    del deployment["spec"]["selector"]
    assert 3 == len(problems(deployment))


def test_a_service_becomes_what_it_is(manifests: dict[str, Any]) -> None:
    pod = manifests["web-deployment.yaml"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert ["serve", "$$(date)"] == container["args"]
    assert [{"name": "LEVEL", "value": "info"}] == container["env"]
    assert {"limits": {"cpu": "500m", "memory": "67108864"}, "requests": {"memory": "33554432"}} == container[
        "resources"
    ]
    assert 2 == container["readinessProbe"]["periodSeconds"]
    assert 60 == pod["terminationGracePeriodSeconds"]
    assert 3 == manifests["web-deployment.yaml"]["spec"]["replicas"]
    assert {8080, 81, 9000} == {port["targetPort"] for port in manifests["web-service.yaml"]["spec"]["ports"]}
    published = manifests["web-published-service.yaml"]["spec"]
    assert ("LoadBalancer", {80, 81}) == (published["type"], {port["port"] for port in published["ports"]})
    assert "None" == manifests["db-service.yaml"]["spec"]["clusterIP"]
    assert {"binaryData", "data"} & manifests["key-secret.yaml"].keys()
    assert "hello" == manifests["settings-config-map.yaml"]["data"]["content"]


def test_what_kubernetes_cannot_say_is_told(project: Project) -> None:
    project.write(
        "services: {web: {image: x, volumes: ['/etc:/e'], depends_on: [db], ulimits: {nofile: 3}}, db: {image: x}}"
    )
    said = project.run("bridge", "convert").ok().stderr
    assert "restarted until db can be reached" in said
    assert "/etc is looked for" in said
    assert "ulimits have no counterpart" in said


def test_a_folder_with_something_in_it_is_emptied_only_when_that_is_wanted(project: Project) -> None:
    project.write("services: {web: {image: 'web:1'}}")
    kept = project.folder / "out" / "kept.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    assert "is not empty, and stays as it is" in project.run("bridge", "convert", "-o", "out").failed().stderr
    assert "mine" == kept.read_text()

    project.run("bridge", "convert", "--yes", "-o", "out").ok()
    assert not kept.exists()
    assert list(kept.parent.iterdir())


def test_the_folder_of_the_project_is_not_emptied(project: Project) -> None:
    project.write("services: {web: {image: x}}")
    assert "would be emptied" in project.run("bridge", "convert", "-o", ".").failed(2).stderr
    assert (project.folder / "app.yml").exists()


@pytest.fixture
def transformation(project: Project) -> Iterator[str]:
    """An image that copies what it is given."""
    name = f"{project.name}-copy:1"
    folder = project.folder / "image"
    (folder / "templates/deep").mkdir(parents=True)
    (folder / "templates/deep/one.tmpl").write_text("a template\n")
    (folder / "Dockerfile").write_text(
        "FROM busybox:stable\nLABEL com.docker.compose.bridge=transformation\nUSER 1234\nCOPY templates /templates\n"
        'CMD ["sh", "-c", "cp /in/compose.yaml /out/model.yaml && cp -r /templates /out && echo \\"licence $LICENSE_AGREEMENT\\""]\n'
    )
    project.docker("build", "-q", "-t", name, str(folder)).ok()
    yield name
    project.docker("rmi", "-f", name)


def test_a_transformation_image_gets_the_model_and_gives_files(project: Project, transformation: str) -> None:
    project.write(EVERYTHING)
    project.write("the key", "key.pem")
    project.write("mine\n", "own/extra.tmpl")
    (project.folder / "out").mkdir()
    (project.folder / "out/old").touch()

    said = project.run("bridge", "convert", "--yes", "-t", transformation, "--templates", "own").ok()

    assert "licence true" in said.stdout
    out = project.folder / "out"
    model = yaml.safe_load((out / "model.yaml").read_text())
    assert "the key" == model["secrets"]["key"]["content"]
    assert {"8080", "81", "9000"} == set(model["services"]["web"]["expose"])
    assert "mine\n" == (out / "templates/extra.tmpl").read_text()
    assert not (out / "old").exists()
    assert project.census.empty


def test_a_transformation_that_fails_fails_the_command(project: Project) -> None:
    project.write("services: {web: {image: x}}")
    project.write("FROM busybox:stable\nCMD sh -c 'echo no good; exit 3'\n", "Bad")
    project.docker("build", "-q", "-t", f"{project.name}-bad:1", "-f", "Bad", ".").ok()

    said = project.run("bridge", "convert", "-t", f"{project.name}-bad:1").failed()

    assert "no good" in said.stdout
    assert "ended with 3" in said.stderr


def test_transformations_are_listed_and_made(project: Project, transformation: str) -> None:
    listed = project.run("bridge", "transformations", "list").ok().stdout
    assert transformation.partition(":")[0] in listed
    assert transformation in project.run("bridge", "transformations", "ls", "-q").ok().stdout

    create = ["bridge", "transformations", "create", "own"]
    run_stack([*create, "--from", transformation], cwd=project.folder, env=project.environment()).ok()

    own = Path(project.folder / "own")
    assert "a template\n" == (own / "templates/deep/one.tmpl").read_text()
    assert "compose-bridge-transformer" in (own / "Dockerfile").read_text()
    assert "is there already" in project.run(*create).failed(2).stderr
