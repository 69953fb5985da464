"""What `x-stack` says of a service, and what becomes of one that asks for a front end."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import RuleViolation, StackError
from orchestrator.model.front import FrontPort
from orchestrator.model.probe import HttpProbe, Probe
from orchestrator.model.stack import Condition, Stack
from orchestrator.model.values import SECOND
from orchestrator.spec.build import to_stack
from orchestrator.spec.load import LoadRequest, load_canonical


def built(directory: Path, text: str) -> Stack:
    (directory / "compose.yaml").write_text(f"name: shop\n{text}", encoding="utf-8")
    loaded = load_canonical(LoadRequest(environment={"PORT": "8080"}, current_directory=str(directory)))
    return to_stack(loaded.model, name=loaded.name)


def probe(directory: Path, text: str) -> Probe | None:
    return built(directory, f"services: {{web: {{image: x, x-stack: {{probe: {text}}}}}}}").services["web"].probe


def refused(directory: Path, text: str) -> list[StackError]:
    with pytest.raises(RuleViolation) as caught:
        probe(directory, text)
    return [caught.value, *caught.value.others]


def test_a_probe_has_defaults_for_what_it_does_not_say(tmp_path: Path) -> None:
    assert Probe(tcp=5432) == probe(tmp_path, "{tcp: {port: 5432}}")
    assert Probe(http=HttpProbe(port=80)) == probe(tmp_path, "{http: {port: 80}}")


def test_a_probe_is_read_whole(tmp_path: Path) -> None:
    said = (
        "{http: {port: '${PORT}', path: /ready, host: shop.test, status: [200, '300-303']},"
        " interval: 2s, timeout: 3s, retries: 4, start_period: 5s, image: 'tools:1'}"
    )
    wanted = HttpProbe(port=8080, path="/ready", host="shop.test", statuses=((200, 200), (300, 303)))

    assert Probe(
        http=wanted,
        interval_ns=2 * SECOND,
        timeout_ns=3 * SECOND,
        retries=4,
        start_period_ns=5 * SECOND,
        image="tools:1",
    ) == probe(tmp_path, said)


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("{http: {port: 80}, tcp: {port: 81}}", "probe", "either `http` or `tcp`"),
        ("{interval: 1s}", "probe", "either `http` or `tcp`"),
        ("{tcp: {port: 70000}}", "probe.tcp.port", "out of range"),
        ("{http: {port: 80, path: health}}", "probe.http.path", "not a path"),
        ('{http: {port: 80, path: "/a b"}}', "probe.http.path", "cannot stand in a request"),
        ('{http: {port: 80, host: "a\\r\\nb"}}', "probe.http.host", "cannot stand in a request"),
        ('{http: {port: 80, status: "2xx"}}', "probe.http.status", "not a status"),
        ('{http: {port: 80, status: "299-200"}}', "probe.http.status", "ends before it begins"),
        ("{tcp: {port: 80}, interval: 5}", "probe.interval", "must be"),
    ],
)
def test_a_probe_that_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, path: str, message: str) -> None:
    if message == "must be":
        with pytest.raises(StackError, match="interval"):
            probe(tmp_path, text)
        return
    [found] = refused(tmp_path, text)

    assert message in found.message
    assert found.where is not None
    assert f"services.web.x-stack.{path}" == found.where.path
    assert 2 == found.where.line


WEB = """
services:
  web:
    image: x
    ports: ["8080:80", {target: 9000, published: "9000", mode: host}, {target: 81, app_protocol: http}]
    expose: ["7000-7001/tcp", "53/udp"]
    networks: {default: {aliases: [shop], ipv4_address: 10.1.1.5}}
    deploy: {replicas: 3, endpoint_mode: vip}
    x-stack: {probe: {http: {port: 80}}}
  api: {image: y, depends_on: {web: {condition: service_healthy}}, links: ["web:shop", "web"]}
networks: {default: {ipam: {config: [{subnet: 10.1.1.0/24}]}}}
"""


def test_a_front_end_takes_over_ports_name_and_address(tmp_path: Path) -> None:
    front = built(tmp_path, WEB).services["web-front"]
    [how] = front.container.networks.values()

    assert [(80, "8080"), (81, "")] == [(port.target, port.published) for port in front.container.ports]
    assert (("web", "shop"), "10.1.1.5") == (how.aliases, how.ipv4_address)
    assert (1, "haproxy:lts-alpine") == (front.replicas, front.container.image)
    assert front.front_end is not None
    assert (FrontPort(80, True), FrontPort(81, True), FrontPort(7000), FrontPort(7001)) == front.front_end.ports


def test_the_replicas_behind_it_publish_what_is_theirs_alone(tmp_path: Path) -> None:
    web = built(tmp_path, WEB).services["web"]
    [how] = web.container.networks.values()

    assert [9000] == [port.target for port in web.container.ports]
    assert (("tasks.web",), "", False) == (how.aliases, how.ipv4_address, how.named)
    assert "web-front" == web.front


def test_who_depends_on_the_service_depends_on_both(tmp_path: Path) -> None:
    api = built(tmp_path, WEB).services["api"]

    assert Condition.HEALTHY is api.depends_on["web"].condition
    assert api.depends_on["web-front"].implicit
    assert ("web-front:shop", "web-front:web") == api.container.links


def test_its_image_is_the_services_the_files_or_the_public_one(tmp_path: Path) -> None:
    text = """
x-stack: {front_end: {image: "proxy:1"}}
services:
  a: {image: x, expose: [80], deploy: {endpoint_mode: vip}}
  b: {image: x, expose: [80], deploy: {endpoint_mode: vip}, x-stack: {front_end: {image: "proxy:2"}}}
  c: {image: x, expose: [80], deploy: {endpoint_mode: dnsrr}}
"""
    made = built(tmp_path, text).services

    assert ("proxy:1", "proxy:2") == (made["a-front"].container.image, made["b-front"].container.image)
    assert "c-front" not in made
