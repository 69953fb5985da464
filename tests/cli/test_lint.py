"""`stack lint`, `schema` and `explain`: what is said about a file, and about the format."""

from __future__ import annotations

import json

import pytest

from orchestrator.spec import silences
from orchestrator.spec.explain import explain
from tests.cli.conftest import Shell

SPEC = """
    services:
      web:
        image: web:1
        stop_grace_period: 1.5s
        deploy:
          labels: {a: b}
    """


def test_lint_says_where_and_what_compose_does_and_what_is_done_here(shell: Shell) -> None:
    shell.write(SPEC)
    note, warning = shell("lint").ok().out.splitlines()

    assert note.startswith("app.yml:4:24: note: services.web.stop_grace_period: Compose cuts off")
    assert "; here: it is rounded up" in note
    assert warning.startswith("app.yml:6:15: warning: services.web.deploy.labels: Compose ignores it; here: ")


def test_lint_in_json_has_the_place_in_parts(shell: Shell) -> None:
    shell.write(SPEC)
    note, warning = shell("lint", "--format", "json", "app.yml").ok().json

    assert ("app.yml", 4, 24, "note", "grace-period") == tuple(
        note[k] for k in ("file", "line", "column", "level", "rule")
    )
    assert ("services.web.deploy.labels", "warning", "deploy-labels") == tuple(
        warning[k] for k in ("path", "level", "rule")
    )


def test_strict_lint_fails_for_warnings_and_not_for_notes(shell: Shell) -> None:
    shell.write(SPEC)
    shell("lint", "--strict").failed(1)
    shell.change("labels: {a: b}", "replicas: 1")
    assert "1 note, 0 warnings" in shell("lint", "--strict").ok().err


def test_lint_of_a_file_that_is_not_valid_is_the_error(shell: Shell) -> None:
    shell.write("services: {web: {imge: x}}")
    assert "did you mean `image`?" in shell("lint").failed(2).err


def test_lint_looks_at_services_of_all_profiles_and_at_what_nobody_uses(shell: Shell) -> None:
    shell.write(
        """
        services:
          web: {image: "web:1", profiles: [p], credential_spec: {file: a}}
        networks:
          n: {external: true, driver: x}
        """
    )
    rules = [remark["path"] for remark in shell("lint", "--format", "json").ok().json]
    assert ["services.web.credential_spec", "networks.n.driver"] == rules


REMARKS = [
    ("credential_spec: {file: a.json}", "credential-spec"),
    ("pull_refresh_after: 1h", "pull-refresh-after"),
    ("ports: [{target: 80, mode: host}]", "port-mode"),
    ("ports: [{target: 80, name: a, app_protocol: http}]", "port-names"),
    ("volumes_from: ['db:ro']", "volumes-from-mode"),
    ("volumes: [{type: bind, source: ., target: /x, consistency: cached}]", "consistency"),
    ("volumes: [{type: bind, source: ., target: /x, bind: {selinux: z, propagation: rslave}}]", "selinux"),
    ("secrets: [{source: s, uid: '5'}]", "grant-owner"),
    ("image: nginx", "latest"),
    ("image: 'nginx:latest'", "latest"),
    ("stop_grace_period: 500ms", "grace-period"),
    ("networks: {n: {priority: 5}}", "network-priority"),
    ("pre_stop: [{command: a}]", "pre-stop"),
    ("pre_start: [{command: a, per_replica: true}]", "per-replica"),
    ("depends_on: {db: {condition: service_started, restart: true}}", "dependency-restart"),
    ("build: {context: ., isolation: hyperv}", "build-isolation"),
    ("build: {context: ., secrets: [{source: s, uid: '5'}]}", "build-secret-owner"),
    ("build: {context: ., cache_from: [a]}", "classic-builder"),
    ("deploy: {mode: global}", "deploy-mode"),
    ("deploy: {endpoint_mode: dnsrr}", "endpoint-mode"),
    ("deploy: {labels: {a: b}}", "deploy-labels"),
    ("deploy: {placement: {constraints: [node.role == manager]}}", "placement"),
    ("deploy: {update_config: {parallelism: 2}}", "update-config"),
    ("deploy: {rollback_config: {parallelism: 2}}", "rollback-config"),
    ("deploy: {restart_policy: {delay: 1s}}", "restart-policy"),
    ("deploy: {resources: {reservations: {cpus: '1'}}}", "reservations"),
    # What the loader itself warns of, also at every `up`.
    ("pull_policy: refresh", "loader"),
    ("volumes: ['./a:/b:r0']", "loader"),
    ("labels: {com.docker.compose.service: x}", "loader"),
    ("mem_swappiness: 0", "loader"),
]


@pytest.mark.parametrize(("setting", "rule"), REMARKS)
def test_what_compose_passes_over_is_remarked(shell: Shell, setting: str, rule: str) -> None:
    image = "" if setting.startswith("image:") else "image: web:1"
    shell.write(
        f"""
        services:
          web:
            {setting}
            {image}
          db: {{image: "db:1"}}
        networks: {{n: }}
        secrets: {{s: {{file: ./s}}}}
        """
    )
    assert rule in {remark["rule"] for remark in shell("lint", "--format", "json").ok().json}


def test_every_rule_of_lint_is_tried_here() -> None:
    known = {rule for rule, _, _ in silences.FIELDS.values()}
    grants = {"grant-labels", "template-driver", "secret-driver"}  # of the top level
    assert set() == known - {rule for _, rule in REMARKS} - grants


def test_grants_are_looked_at_too(shell: Shell) -> None:
    shell.write("services: {web: {image: 'web:1'}}\nsecrets: {s: {file: ./s, labels: {a: b}}, t: {external: true}}\n")
    assert ["grant-labels", "external-grant"] == [each["rule"] for each in shell("lint", "--format", "json").ok().json]


def test_an_ordinary_file_has_nothing_to_remark(shell: Shell) -> None:
    shell.write("services: {web: {image: 'nginx:1.27', ports: ['80:80'], restart: always, volumes: ['.:/x']}}")
    said = shell("lint", "--strict").ok()
    assert ("", "0 notes, 0 warnings\n") == (said.out, said.err)


def test_the_schema_is_printed_and_told_where_it_lies(shell: Shell) -> None:
    said = shell("schema").ok()
    assert "https://json-schema.org/draft/2020-12/schema" == json.loads(said.out)["$schema"]
    assert "# yaml-language-server: $schema=" in said.err
    path = shell("schema", "--path").ok().out.strip()
    assert f"# yaml-language-server: $schema={path}\n" == shell("schema", "--comment").ok().out
    shell("schema", "-o", "s.json").ok()
    assert said.out == (shell.folder / "s.json").read_text()


def test_explain_tells_meaning_forms_and_an_example(shell: Shell) -> None:
    told = shell("explain", "services.web.ports").ok().out
    assert all(
        part in told for part in ("services.web.ports\n", "Forms:\n  a list", "Examples:\n  ports:\n", "Keys:\n")
    )


def test_explain_says_what_compose_makes_of_it(shell: Shell) -> None:
    assert "Compose ignores it; here: " in shell("explain", "services.web.deploy.update_config.order").ok().out
    assert explain("deploy.update_config.order").compose
    assert not explain("services.web.image").compose


def test_explain_of_the_whole_file_lists_its_sections(shell: Shell) -> None:
    assert {"services", "volumes", "networks"} <= shell("explain", "--format", "json").ok().json["keys"].keys()


def test_explain_helps_with_a_misspelt_path(shell: Shell) -> None:
    assert "did you mean `ports`?" in shell("explain", "services.web.prots").failed(2).err


RISKY = """
    services:
      web:
        image: web:1
        privileged: true
        volumes: ["/etc:/x", "./y:/y"]
        ports: ["80:80", "8080:80"]
    """


def test_lint_warns_of_what_the_policy_for_repositories_would_refuse_where_it_is_asked_to(shell: Shell) -> None:
    shell.write(RISKY)
    rules = [(one["line"], one["rule"]) for one in shell("lint", "--policy", "--format", "json").ok().json]

    assert [(4, "policy-privileged"), (5, "policy-bind"), (6, "policy-port")] == rules
    assert not shell("lint", "--format", "json").ok().json
    shell("lint", "--policy", "--strict").failed(1)


def test_what_the_policy_of_this_host_grants_is_no_warning(shell: Shell) -> None:
    shell.write(RISKY)
    shell.write("ports: [80]\nbinds: [/etc]\nallow: [privileged]\n", "policy.yml")
    shell.set("STACK_POLICY", str(shell.folder / "policy.yml"))

    assert not shell("lint", "--policy", "--format", "json").ok().json


PERMITTING = {
    "a host file": "host: web1\nsources: {infra: {url: ./r}}\npolicy: {ports: [80], binds: [/etc], allow: [privileged]}\n",
    "a host file that follows nothing yet": "stacks: {shop: .}\npolicy: {ports: [80], binds: [/etc], allow: [privileged]}\n",
    "a policy file": "services: 5\nports: [80]\nbinds: [/etc]\nallow: [privileged]\nsources: {infra: {ports: [443]}}\n",
}


@pytest.mark.parametrize("kind", PERMITTING)
def test_lint_takes_the_policy_out_of_a_host_or_policy_file_that_is_named(shell: Shell, kind: str) -> None:
    shell.write(RISKY)
    shell.write(PERMITTING[kind].replace("ports: [80]", "ports: [81]"), "strict.yml")
    shell.write(PERMITTING[kind], "mild.yml")

    assert not shell("lint", "--policy", "mild.yml", "--format", "json").ok().json
    assert not shell("lint", "--policy", "app.yml", "mild.yml", "--format", "json").ok().json
    left = shell("lint", "--policy", "strict.yml", "--format", "json").ok().json
    assert ["policy-port"] == [one["rule"] for one in left]


def test_lint_says_of_a_host_file_what_it_is_and_of_a_broken_one_what_is_wrong_with_it(shell: Shell) -> None:
    shell.write(RISKY)
    shell.write("sources: {infra: {url: ./r}}\n", "host.yml")
    shell.write("sources: {infra: {url: ./r, brnach: main}}\n", "broken.yml")
    shell.write("ports: [80]\n", "policy.yml")

    told = shell("lint", "host.yml").failed(2).err
    assert "host.yml is a host file, and lint looks at specs" in told
    assert "stack lint --policy host.yml app.yml" in told
    assert "policy.yml is a policy file" in shell("lint", "policy.yml").failed(2).err
    assert "did you mean `branch`?" in shell("lint", "--policy", "broken.yml").failed(2).err
    assert "name one" in shell("lint", "--policy", "host.yml", "policy.yml").failed(2).err


def test_policy_explain_tells_each_rule_and_what_is_granted(shell: Shell) -> None:
    shell.write("sources: {infra: {url: ./r, policy: {ports: [443]}}}\npolicy: {allow: [gpu]}\n", "host.yml")
    every = {
        one["rule"]: one["here"]
        for one in shell("policy", "explain", "--config", "host.yml", "--format", "json").ok().json
    }
    words = ("policy", "explain", "infra", "--config", "host.yml", "--format", "json")
    of_source = {one["rule"]: one["here"] for one in shell(*words).ok().json}

    assert ("refused", "allowed", "refused") == (every["privileged"], every["gpu"], every["port"])
    assert "but for 443" == of_source["port"]
    assert "no source" in shell("policy", "explain", "nobody", "--config", "host.yml").failed(1).err
