"""Stacks from a repository on a real engine: what is forbidden changes nothing, and what is ours all passes the gate."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.admission.gate import StackGate
from orchestrator.admission.judging import Setting
from orchestrator.controller.status import Phase, StackStatus
from orchestrator.daemon.keeping import Daemon
from orchestrator.daemon.parts import Parts
from orchestrator.engines.docker.build import build
from orchestrator.engines.docker.build_request import BuildRequest
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.console import DockerConsole
from orchestrator.engines.docker.engine import DockerEngine
from orchestrator.engines.gate import NotAdmitted
from orchestrator.gitops import loading
from orchestrator.model.admission import Admission
from orchestrator.model.stack import Build
from orchestrator.spec.host import load_host
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical
from scripts.machine import haproxy
from tests.support.admission import Case, forbidden
from tests.support.engines import Engine
from tests.support.gitrepos import Repo
from tests.support.projects import unique_name
from tests.support.proxy import Proxy
from tests.support.waiting import eventually


@contextmanager
def daemon(folder: Path, engine: Engine, address: str = "") -> Iterator[Daemon]:
    """A daemon in this process that keeps what ``host.yml`` of the folder says on the engine, perhaps through a proxy."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {
        **engine.client_environment(home),
        "DOCKER_HOST": address or engine.address,
        "STACK_SECRETS_DIR": f"/dev/shm/stack-test-{folder.name}",
    }
    client = Client.from_environment(environment)
    docker = DockerEngine(client)
    made = Daemon(
        Parts(
            load=lambda: load_host(str(folder / "host.yml")),
            engine=docker,
            console=lambda: DockerConsole(client),
            environment=environment,
            state=str(folder / "state"),
            key=lambda: b"k" * 32,
            pace=0.05,
        )
    )
    thread = threading.Thread(target=made.run, name="daemon")
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join(60)
        docker.close()


def status(daemon: Daemon, stack: str) -> StackStatus:
    found = daemon.board.of(stack)
    assert found is not None
    return found


def settles(daemon: Daemon, stack: str, *phases: Phase, within: float = 90) -> StackStatus:
    wanted = phases or (Phase.CONVERGED,)

    def settled() -> bool:
        now = daemon.board.of(stack)
        return now is not None and now.phase in (*wanted, Phase.INVALID, Phase.FAILED)

    eventually(settled, within=within, what=f"{stack} settles")
    found = status(daemon, stack)
    assert found.phase in wanted, found.message
    return found


# Refused before there is a stack to judge: by the repository's own rules, or because the loader finds nothing there.
_INSIDE = ("a neighbour of the checkout", "a home")  # here they are folders of the checkout
_EARLIER = ("file-outside", "foreign-secret")


def _in_one_commit(cases: list[Case], repo: Repo) -> dict[str, Case]:
    """Every case as a stack of its own."""
    named = {}
    for number, case in enumerate(cases):
        if not case.links and case.rule not in _EARLIER and case.about not in _INSIDE:
            name = f"case-{number:03}"
            case.write(repo.folder / name)
            named[name] = case
    repo.commit()
    return named


def _read_here(request: LoadRequest, **_: object) -> Canonical:
    return load_canonical(request)


def test_no_forbidden_construct_of_a_repository_reaches_the_engine(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole matrix as stacks of one commit: each is refused with rule, file and line, and nothing is changed.

    They are read in this process, as ``test_loading`` shows to be the same: hundreds of others are most of the time otherwise.
    """
    monkeypatch.setattr(loading, "canonical", _read_here)
    repo = Repo(tmp_path / "infra")
    named = _in_one_commit(forbidden(), repo)
    (tmp_path / "host.yml").write_text(
        json.dumps(
            {
                "passes": 4,
                "stacks": {"other": {"path": "nowhere.yml", "mode": "suspended"}},
                "sources": {"infra": {"url": str(repo.folder), "path": ".", "policy": {"stacks": _policies(named)}}},
            }
        )
    )

    with Proxy(engine.address) as proxy, daemon(tmp_path, engine, proxy.address) as kept:
        eventually(lambda: all(kept.board.of(name) is not None for name in named), within=60, what="all are kept")
        found = {name: settles(kept, name, Phase.INVALID) for name in named}
        mutations = [str(request) for request in proxy.mutations]

    assert [] == mutations
    assert len(named) >= 200
    assert {} == {
        name: (found[name].message, str(found[name].where), str(case))
        for name, case in named.items()
        if not _is_told(found[name], case)
    }


def _policies(named: dict[str, Case]) -> dict[str, object]:
    from orchestrator.spec.parse import parse

    return {name: parse(case.policy.encode(), "policy.yml")[0].root for name, case in named.items() if case.policy}


_OUTSIDE = ("outside of the repository", "is somewhere else")  # the reading of files says so before there is a stack


def _is_told(status: StackStatus, case: Case) -> bool:
    """By a rule, its commit and a line of the stack's files. Of several problems the first is shown."""
    by_policy = status.reference.startswith("policy-") and "commit" in status.message
    if not by_policy and not any(words in status.message for words in _OUTSIDE):
        return False
    if case.place is None:
        return True
    return status.where is not None and status.where.file.startswith(f"{status.name}/") and status.where.line > 0


WHOLE = """
    services:
      db:
        image: busybox:stable
        command: sleep 100000
        init: true
        stop_signal: SIGKILL
        ipc: shareable
        volumes: ["data:/data", "/anonymous"]
        healthcheck: {test: ["CMD", "true"], interval: 1s}
        networks: {default: {aliases: [database]}, back: }
      web:
        image: busybox:stable
        command: ["sh", "-c", "echo @V@ > /index.html; exec httpd -f -p 80"]
        init: true
        stop_signal: SIGKILL
        environment: {VERSION: "@V@"}
        depends_on: {db: {condition: service_healthy}}
        links: ["db:store"]
        ports: ["80"]
        volumes: ["./html:/html:ro", "data:/data:ro"]
        configs: [{source: settings, target: /settings}, {source: file, target: /file}]
        secrets: [password]
        cap_drop: [ALL]
        cap_add: [NET_BIND_SERVICE, DAC_OVERRIDE, CHOWN, SETUID, SETGID]
        mem_limit: 64m
        tmpfs: ["/cache:size=1m"]
        sysctls: {net.core.somaxconn: 1024}
        logging: {driver: json-file, options: {max-size: 1m, max-file: "2"}}
        deploy: {replicas: 2, update_config: {order: start-first, monitor: 300ms}}
        post_start: [{command: ["sh", "-c", "test -e /settings"]}]
        pre_stop: [{command: ["true"]}]
        x-stack: {probe: {tcp: {port: 80}, interval: 200ms}}
      beside:
        image: busybox:stable
        command: sleep 100000
        init: true
        stop_signal: SIGKILL
        network_mode: service:db
        ipc: service:db
        volumes_from: ["db:ro"]
      seed:
        image: busybox:stable
        command: "true"
        pre_start: [{command: ["true"]}]
        deploy: {mode: replicated-job}
    networks: {back: {internal: true, driver_opts: {com.docker.network.driver.mtu: "1400"}}}
    volumes: {data: {labels: {mine: "1"}}}
    configs: {settings: {content: "a=@V@"}, file: {file: ./file.conf}}
    secrets: {password: {file: ./password}}
"""


def _write(repo: Repo, name: str, version: str, spec: str = WHOLE, **files: str) -> None:
    repo.write(f"stacks/{name}/app.yml", spec.replace("@V@", version))
    for file, text in {"html/index.html": "x", "file.conf": "x", "password": "p", **files}.items():
        repo.write(f"stacks/{name}/{file}", text)
    repo.commit()


def test_all_that_a_stack_of_ours_needs_passes_the_gate(tmp_path: Path, each_engine: Engine) -> None:
    """Brought up, healed, updated, and taken down: with networks, volumes, copies, hooks, probes and shared namespaces."""
    engine, name = each_engine, unique_name("gated")
    repo = Repo(tmp_path / "infra")
    _write(repo, name, "1")
    repo.write("stacks/zz-quiet/app.yml", "services: {one: {image: busybox:stable, scale: 0}}")
    repo.commit()
    source = f"infra: {{url: {repo.folder}, interval: 1h, prune: true, prune_volumes: true}}"
    (tmp_path / "host.yml").write_text(f"sources: {{{source}}}\n")

    with daemon(tmp_path, engine) as kept:
        settles(kept, name)
        web = engine.containers(name, "web")
        assert 2 == len(web)
        assert all("no-new-privileges:true" in one["HostConfig"]["SecurityOpt"] for one in web)
        assert {4096} == {one["HostConfig"]["PidsLimit"] for one in engine.containers(name) if one["State"]["Running"]}

        engine.api.delete(f"/containers/{web[0]['Id']}", force=True)
        eventually(lambda: 2 == len(engine.containers(name, "web")), within=30, what="it is there again")
        settles(kept, name)

        _write(repo, name, "2", password="q")
        kept.repositories.poke("infra")
        eventually(lambda: _versions(engine, name) == {"VERSION=2"}, within=60, what="the new version")
        settles(kept, name)

        repo.git("rm", "-rq", f"stacks/{name}")
        repo.commit()
        kept.repositories.poke("infra")
        eventually(lambda: not engine.containers(name) and not engine.volumes(name), within=60, what="it is gone")


def _versions(engine: Engine, name: str) -> set[str]:
    variables = [value for one in engine.containers(name, "web") for value in one["Config"]["Env"] or ()]
    return {value for value in variables if value.startswith("VERSION=")}


def test_secrets_in_memory_front_ends_and_builds_pass_the_gate(tmp_path: Path, newer_engine: Engine) -> None:
    haproxy.import_haproxy(newer_engine.api)
    name = unique_name("gated")
    repo = Repo(tmp_path / "infra")
    spec = """
        services:
          web:
            build: {context: ., labels: {mine: "1"}}
            command: ["sh", "-c", "echo @V@; exec httpd -f -p 80"]
            stop_signal: SIGKILL
            secrets: [password]
            ports: [{target: 80, published: "18490", app_protocol: http}]
            deploy: {replicas: 2, endpoint_mode: vip, update_config: {order: start-first, monitor: 300ms}}
        secrets: {password: {file: ./password}}
        x-stack: {secrets: tmpfs}
    """
    _write(repo, name, "1", spec, Dockerfile="FROM busybox:stable\nRUN echo 1 > /built\n")
    (tmp_path / "host.yml").write_text(f"sources: {{infra: {{url: {repo.folder}, interval: 1h}}}}\n")

    try:
        with daemon(tmp_path, newer_engine) as kept:
            settles(kept, name)
            assert 3 == len(newer_engine.containers(name))
            _write(repo, name, "2", spec)
            kept.repositories.poke("infra")
            eventually(lambda: _commands(newer_engine, name) == {"2"}, within=60, what="the new version")
            settles(kept, name)
    finally:
        _clear(newer_engine, name)


def _clear(engine: Engine, name: str) -> None:
    for one in engine.containers(name):
        engine.api.delete(f"/containers/{one['Id']}", force=True, v=True)
    for network in engine.networks(name):
        engine.api.delete(f"/networks/{network['Id']}")


def _commands(engine: Engine, name: str) -> set[str]:
    return {one["Config"]["Cmd"][2].split()[1].rstrip(";") for one in engine.containers(name, "web")}


def guarded(address: str, **grants: object) -> Client:
    engine = DockerEngine(Client.from_environment({"DOCKER_HOST": address}))
    setting = Setting(stack="shop", grants=Admission(**grants), roots=("/nowhere",))  # type: ignore[arg-type]
    return engine.guarded(StackGate(setting)).client


def test_a_guarded_client_refuses_before_it_sends(engine: Engine, tmp_path: Path) -> None:
    body = {
        "Image": "busybox:stable",
        "Labels": {"com.docker.compose.project": "shop"},
        "HostConfig": {"SecurityOpt": ["no-new-privileges"], "FieldOfTomorrow": {"x": 1}},
    }
    with Proxy(engine.address) as proxy, guarded(proxy.address) as client:
        with pytest.raises(NotAdmitted, match="unknown-field"):
            client.post_json("/containers/create", {"name": "shop-web-1"}, body)
        with pytest.raises(NotAdmitted, match="privileged"):
            client.post_json("/containers/any/exec", body={"Cmd": ["id"], "Privileged": True})
        with pytest.raises(NotAdmitted, match="unknown-request"):
            client.put("/swarm/anything", None, b"{}")
        with pytest.raises(NotAdmitted, match="unknown-request"):
            client.stream("POST", "/images/load", None, iter([b"x"]))
        with pytest.raises(NotAdmitted, match="file-outside"):
            build(client, BuildRequest(reference="shop-web", build=Build(context=str(tmp_path), network="host")))

        assert [] == proxy.mutations


def test_other_stacks_things_are_known_by_their_labels(each_engine: Engine) -> None:
    name = unique_name("other")
    labels = {"com.docker.compose.project": name}
    api = each_engine.api
    api.post("/volumes/create", {"Name": f"{name}-data", "Labels": labels})
    api.post("/volumes/create", {"Name": f"{name}-bare"})
    network = api.post("/networks/create", {"Name": f"{name}-net", "Labels": labels})
    made = api.post("/containers/create?name=" + name, {"Image": "busybox:stable", "Labels": labels})
    try:
        with guarded(each_engine.address) as client:
            for call, path in (
                ("DELETE", f"/volumes/{name}-data"),
                ("DELETE", f"/volumes/{name}-bare"),
                ("DELETE", f"/networks/{name}-net"),
                ("DELETE", f"/networks/{network['Id']}"),
                ("DELETE", f"/containers/{name}"),
                ("POST", f"/containers/{made['Id']}/start"),
                ("POST", f"/containers/{made['Id'][:12]}/kill"),
            ):
                with pytest.raises(NotAdmitted, match="foreign-"):
                    client.request(call, path)
        assert each_engine.inspect(name)
        assert each_engine.volume(f"{name}-data")
        assert each_engine.network(f"{name}-net")
    finally:
        api.delete(f"/containers/{name}", force=True)
        api.delete(f"/networks/{name}-net")
        for volume in ("data", "bare"):
            api.delete(f"/volumes/{name}-{volume}")


def test_a_policy_that_changes_is_obeyed_at_once(tmp_path: Path, engine: Engine) -> None:
    name = unique_name("granted")
    repo = Repo(tmp_path / "infra")
    repo.write(
        f"stacks/{name}/app.yml",
        """
        services:
          web: {image: "busybox:stable", command: sleep 1000, init: true, stop_signal: SIGKILL, cap_add: [NET_ADMIN]}
        """,
    )
    repo.commit()
    host, entry = tmp_path / "host.yml", f"url: {repo.folder}, interval: 1h"
    host.write_text(f"sources: {{infra: {{{entry}}}}}\n")

    try:
        with daemon(tmp_path, engine) as kept:
            refused = settles(kept, name, Phase.INVALID)
            assert "policy-capability" == refused.reference
            assert refused.where is not None
            assert ("app.yml", 2) == (os.path.basename(refused.where.file), refused.where.line)
            assert [] == engine.containers(name)

            host.write_text(
                f"sources: {{infra: {{{entry}, policy: {{stacks: {{{name}: {{capabilities: [NET_ADMIN]}}}}}}}}}}\n"
            )
            kept.reload()
            eventually(lambda: status(kept, name).phase is Phase.CONVERGED, within=60, what="it is brought up")
            assert ["CAP_NET_ADMIN"] == engine.containers(name)[0]["HostConfig"]["CapAdd"]
    finally:
        _clear(engine, name)
