"""Whatever is accepted and then does nothing is said to do nothing."""

from __future__ import annotations

import pytest

from orchestrator.spec import advice
from orchestrator.spec.document import format_path
from orchestrator.spec.explain import explain
from orchestrator.spec.load import LoadRequest, load_canonical
from tests.support import specs


def told(text: str) -> list[tuple[str, str]]:
    """What is said of a file: (path, message) each."""
    volumes = "" if "volumes: {" in text else "volumes: {data: }\n"
    model = load_canonical(LoadRequest(files=("-",), stdin=text + volumes, environment={}, project_name="shop")).model
    found = advice.lost(specs.parsed(text)) + advice.advice(model)
    return [(format_path(path), message) for path, message, _ in found]


def of_service(setting: str) -> list[tuple[str, str]]:
    return told(f"services:\n  web:\n    image: x\n    {setting}\n")


@pytest.mark.parametrize(
    ("setting", "path", "message"),
    [
        ("volumes: ['./a:/b:r0']", "volumes[0]", "the option `r0` is not known and left out"),
        ("volumes: ['v:/b']", "volumes[0]", "`v:/b` is read as a Windows path, not as a volume named `v`"),
        ("command: echo a | cat", "command", "`| cat` is left out of the command: no shell reads it"),
        ("entrypoint: a; b", "entrypoint", "`; b` is left out of the entrypoint: no shell reads it"),
        ("pull_policy: refresh", "pull_policy", "`refresh` means the same as `missing`"),
        ("pull_refresh_after: 1h", "pull_refresh_after", "`pull_refresh_after` has no effect here"),
        ("cpu_percent: 5", "cpu_percent", "`cpu_percent` has no effect here"),
        (
            "use_api_socket: true",
            "use_api_socket",
            "`use_api_socket` gives the engine's socket, and no credentials for registries",
        ),
        ("ports: [{target: 80, name: web}]", "ports[0].name", "`name` has no effect here"),
        (
            "ports: [{target: 80, app_protocol: http2}]",
            "ports[0].app_protocol",
            "`app_protocol` has no effect here",
        ),
        (
            "volumes: [{type: bind, source: /a, target: /b, bind: {selinux: z, recursive: readonly}}]",
            "volumes[0].bind.selinux",
            "`selinux` has no effect beside `recursive` or `consistency`: the engine takes one or the other",
        ),
        (
            "deploy: {placement: {constraints: [node.role == manager], preferences: [{spread: node.labels.a}]}}",
            "deploy.placement.preferences",
            "`preferences` has no effect here",
        ),
        (
            "deploy: {restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3}}",
            "deploy.restart_policy.delay",
            "the engine has no `delay` of restarts",
        ),
        (
            "deploy: {restart_policy: {window: 5s}}",
            "deploy.restart_policy.window",
            "the engine has no `window` of restarts",
        ),
        (
            "deploy: {restart_policy: {max_attempts: 3}}",
            "deploy.restart_policy.max_attempts",
            "the engine does not bound restarts after a success, so `max_attempts` has no effect",
        ),
        (
            "deploy: {mode: replicated-job, restart_policy: {condition: any}}",
            "deploy.restart_policy.condition",
            "a job that ended well is done; it is restarted after failures only",
        ),
        ("deploy: {labels: {a: b}}", "deploy.labels", "`labels` has no effect here"),
        ("deploy: {mode: global, replicas: 3}", "deploy.replicas", "a global service has one container on each host"),
        (
            "volumes: [{type: bind, source: /a, target: /b, consistency: cached}]",
            "volumes[0].consistency",
            "`consistency` has no effect here",
        ),
        (
            "volumes: [{type: tmpfs, target: /b, bind: {propagation: rslave}}]",
            "volumes[0].bind",
            "`bind` has no effect on a mount of type tmpfs",
        ),
        (
            "healthcheck: {start_interval: 1s}",
            "healthcheck.start_interval",
            "`start_interval` has no effect without a `start_period`",
        ),
        (
            "labels: [com.docker.compose.project=x]",
            "labels.com.docker.compose.project",
            "the label `com.docker.compose.project` belongs to Compose and is overwritten",
        ),
        (
            "develop: {watch: [{path: a, action: sync+exec, target: /b}]}",
            "develop.watch[0]",
            "`exec` and the action `sync+exec` have no effect without each other",
        ),
    ],
)
def test_advice_on_a_service(setting: str, path: str, message: str) -> None:
    assert [(f"services.web.{path}", message)] == of_service(setting)


def test_two_restart_policies() -> None:
    text = "services:\n  web: {image: x, restart: always, deploy: {restart_policy: {condition: any}}}\n"

    assert [("services.web.restart", "`deploy.restart_policy` takes the place of `restart`")] == told(text)


def test_what_is_external_says_no_more() -> None:
    text = "services: {web: {image: x, networks: [n]}}\nnetworks: {n: {external: true, driver: x}}\n"

    assert [("networks.n.driver", "`driver` has no effect on what is `external`")] == told(text)


def test_a_name_is_for_what_is_external() -> None:
    text = (
        "services: {web: {image: x, secrets: [a, b]}}\n"
        "secrets: {a: {file: ./a, name: other}, b: {external: true, name: other}}\n"
    )

    assert [("secrets.a.name", "`name` has no effect on what is not `external`")] == told(text)


@pytest.mark.parametrize(
    "setting",
    [
        "volumes: ['./a:/b:ro,z', './c:/d:cached', 'data:/e:nocopy']",
        "command: [sh, -c, 'a | b; c']",
        "command: sh -c 'a | b; c'",
        "pull_policy: every_12h",
        "deploy: {mode: global-job, placement: {max_replicas_per_node: 1}, restart_policy: {max_attempts: 3}}",
        "deploy: {endpoint_mode: dnsrr, resources: {limits: {memory: 1m}}}",
        "labels: {org.example: x}",
        "isolation: default",
    ],
)
def test_nothing_is_said_of_what_works(setting: str) -> None:
    assert [] == of_service(setting)


@pytest.mark.parametrize("pattern", sorted(advice.NO_EFFECT))
def test_every_field_without_effect_is_a_field(pattern: str) -> None:
    assert explain(pattern.replace(".[]", "[0]")).description
