"""Two hundred secrets through every channel there is; afterwards everything that can be read is read, and none is found.

Where the user wrote a value into `environment:` (or an env file) of a service, `docker inspect` shows it: that is what it means. The
copies of secrets that were not encrypted lie in volumes on the engine's disk unless `x-stack: {secrets: tmpfs}` says otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import free_port
from tests.support import sealing, vaults
from tests.support.canaries import Arguments, Canaries, Search, shown
from tests.support.commands import Result, Running, run_stack, start_stack
from tests.support.engines import Engine, Json
from tests.support.gitrepos import Repo
from tests.support.gitserver import Authority, HttpsGit
from tests.support.projects import Project, unique_name
from tests.support.sealing import AgeKey
from tests.support.waiting import eventually

SLEEP = {
    "image": "busybox:stable",
    "command": "sleep 1000",
    "stop_signal": "SIGKILL",
    "deploy": {"update_config": {"monitor": "1ms"}},
}
ROUTES = ("", "/services", "/drift", "/plan", "/revisions", "/revisions/1", "/logs", "/graph.svg")


@pytest.fixture
def memory() -> Iterator[Path]:
    place = Path("/dev/shm") / unique_name("canaries")
    yield place
    shutil.rmtree(place, ignore_errors=True)


class World:
    """A project whose files hold canaries. ``spec`` refers to them and holds none itself, but for what is content."""

    def __init__(self, project: Project, memory: Path) -> None:
        self.canaries, self.search = Canaries(), Search()
        self.project, self.memory = project, memory
        self.environment = {"STACK_SECRETS_DIR": str(memory)}
        self.inspected = 0

    def variables(self, channel: str, count: int, name: str) -> list[str]:
        """Variables of the caller's environment with canaries; their names."""
        names = [f"{name}_{number}" for number in range(count)]
        values = self.canaries.many(channel, count, odd=True)
        self.environment |= dict(zip(names, values, strict=True))
        return names

    def run(self, *words: str, env: dict[str, str] | None = None, allowed: str = "", file: str = "app.yml") -> Result:
        result = self.project.run("--debug", *words, env={**self.environment, **(env or {})}, file=file)
        place = allowed or f"stack {' '.join(words)} says"
        self.search.data(place, result.stdout)
        self.search.data(place, result.stderr)
        return result

    def inspect(self, name: str) -> None:
        """Everything that the engine tells of a project's things."""
        engine = self.project.engine
        for raw in engine.containers(name):
            found: Json = engine.inspect(raw["Id"])
            self.search.json(f"the environment of {found['Name']}", found["Config"].pop("Env"))
            self.search.json(f"docker inspect {found['Name']}", found)
            self.inspected += 1
        for path in ("/networks", "/volumes", "/images/json"):
            self.search.json(path, engine.api.get(path))

    def state(self, *skip: Path) -> None:
        """All files of the caller's home: state, history, audit log, mirrors with their configuration, checkouts."""
        self.search.folder(self.project.home, skip)

    def over(self, *allowed: str) -> None:
        found = self.search.without("the environment of ", *allowed)
        assert not found, shown(found, self.canaries.values)
        assert self.search.bytes > 50_000


def local_spec(world: World) -> Json:
    """A stack that uses every channel of files and variables, and the files."""
    make, folder = world.canaries, world.project.folder
    secrets: Json = {}
    for number, value in enumerate(make.many("file", 20, odd=True)):
        (folder / f"file{number}").write_text(value)
        secrets[f"file{number}"] = {"file": f"./file{number}"}
    secrets |= {name.lower(): {"environment": name} for name in world.variables("env", 20, "HELD")}
    (folder / "web.env").write_text("".join(f"TOKEN_{n}='{v}'\n" for n, v in enumerate(make.many("envfile", 20))))
    passwords, users = world.variables("interpolation", 20, "DB_PASSWORD"), world.variables("userinfo", 10, "LOGIN")
    for name in users:  # in a URL nothing odd can stand
        world.environment[name] = make.make("userinfo")
    built = make.many("build", 10)
    for number, value in enumerate(built):
        (folder / f"build{number}").write_text(value)
        secrets[f"build{number}"] = {"file": f"./build{number}"}
    (folder / "Dockerfile").write_text(
        "FROM busybox:stable\nRUN --mount=type=secret,id=build0 wc -c /run/secrets/build0\n"
    )
    given = [name for name in secrets if not name.startswith("build")]
    return {
        "services": {
            "web": {
                **SLEEP,
                "secrets": given,
                "env_file": "web.env",
                "environment": {
                    **{name: f"${{{name}}}" for name in passwords},
                    **{
                        f"DATABASE_URL_{number}": f"postgres://app:${{{name}}}@db/app"
                        for number, name in enumerate(users)
                    },
                },
            },
            "made": {
                **{key: value for key, value in SLEEP.items() if key != "image"},
                "build": {"context": ".", "secrets": [f"build{number}" for number in range(10)]},
            },
        },
        "secrets": secrets,
    }


def test_commands_show_no_secret_at_debug_in_errors_plans_history_or_labels(
    newer_project: Project, memory: Path, tmp_path: Path
) -> None:
    world = World(newer_project, memory)
    project = newer_project
    spec = local_spec(world)
    project.write(json.dumps(spec))
    (auth := tmp_path / "auth").mkdir()
    users = world.canaries.many("registry", 10)
    coded = {
        f"127.0.0.1:{number + 1}": {"auth": base64.b64encode(f"u:{one}".encode()).decode()}
        for number, one in enumerate(users)
    }
    (auth / "config.json").write_text(json.dumps({"auths": coded}))

    with Arguments(world.search) as arguments:
        world.run("plan")
        world.run("up", "-d").ok()
        for words in (("plan",), ("up", "-d"), ("diff",), ("ps", "--format", "json"), ("lint",), ("graph",), ("history",),
                      ("history", "--format", "json"), ("history", "1"), ("explain", "services.web.environment"), ("doctor",)):  # fmt: skip
            world.run(*words)
        before = dict(world.environment)
        for name in (name for name in before if name.startswith(("HELD_1", "DB_PASSWORD_1", "LOGIN_1"))):
            world.environment[name] = world.canaries.make("changed")
        (project.folder / "file1").write_text(world.canaries.make("changed"))
        for words in (
            ("plan",),
            ("plan", "--format", "json"),
            ("diff",),
            ("up", "-d"),
            ("history", "2"),
            ("rollback",),
        ):
            world.run(*words)
        pulled = {f"s{number}": {"image": f"127.0.0.1:{number + 1}/none:1"} for number in range(10)}
        project.write(json.dumps({"services": pulled}), "pull.yml")
        assert world.run("pull", env={"DOCKER_CONFIG": str(auth)}, file="pull.yml").code
        for field, value in (("mem_limit", "${DB_PASSWORD_1}"), ("ports", ["${DB_PASSWORD_2}"]), ("restart", "${DB_PASSWORD_3}"),
                             ("image", "${DB_PASSWORD_4} x"), ("volumes", ["./x:${DB_PASSWORD_5}"]), ("user", "${DB_PASSWORD_6:?no}")):  # fmt: skip
            broken = {**spec, "services": {**spec["services"], "web": {**spec["services"]["web"], field: value}}}
            project.write(json.dumps(broken), "broken.yml")
            world.run("up", "-d", "--dry-run", file="broken.yml")
        world.inspect(project.name)
        assert world.inspected == 2
    assert arguments.seen > 5
    world.state()
    world.run("down", "-t", "0").ok()
    world.state()

    assert len(world.canaries.values) >= 120
    world.over()


@pytest.fixture
def newer_project(tmp_path: Path, newer_engine: Engine) -> Iterator[Project]:
    """On the engine that builds with BuildKit; removed afterwards."""
    made = Project(newer_engine, tmp_path / "project", unique_name("canaries"), tmp_path / "home")
    yield made
    made.clean()


def sealed_files(world: World, folder: Path, key: AgeKey, vault: vaults.Vault) -> None:
    """A stack in a repository whose secrets are encrypted or in a store."""
    make, secrets = world.canaries, dict[str, Json]()
    folder.mkdir(parents=True)
    for number, value in enumerate(make.many("sops", 10, odd=True)):
        (folder / f"sops{number}").write_bytes(sealing.sops_binary(value.encode(), key))
        secrets[f"sops{number}"] = {"file": f"./sops{number}"}
    for number, value in enumerate(make.many("age", 20, odd=True)):
        (folder / f"age{number}").write_bytes(sealing.age(value, key, armor=number % 2 == 0))
        secrets[f"age{number}"] = {"file": f"./age{number}"}
    held = {f"entry{number}": value for number, value in enumerate(make.many("store", 20, odd=True))}
    vault.secrets["kv/data/shop"] = dict(held)
    for name in held:
        secrets[name] = {"external": True, "x-stack": {"store": "vault", "path": "kv/data/shop", "key": name}}
    hidden = {f"PLAIN_{number}": value for number, value in enumerate(make.many("sops", 10))}
    (folder / "hidden.env").write_bytes(sealing.sops_dotenv(hidden, key))
    spec = {
        "services": {"web": {**SLEEP, "secrets": list(secrets)}, "env": {**SLEEP, "env_file": "hidden.env"}},
        "secrets": secrets,
    }
    (folder / "app.yml").write_text(json.dumps(spec))


def test_a_daemon_shows_no_secret_of_repository_store_forge_or_caller(
    engine: Engine, memory: Path, tmp_path: Path
) -> None:
    project = Project(engine, tmp_path / "host", unique_name("canaries"), tmp_path / "home")
    world, key = World(project, memory), AgeKey(tmp_path / "key")
    git_token, hook = world.canaries.make("git"), world.canaries.make("webhook") + "x" * 32
    (tmp_path / "token").write_text(git_token)
    (tmp_path / "hook").write_text(hook)
    (tmp_path / "hook").chmod(0o600)
    vault_token = world.canaries.make("vault")
    (tmp_path / "vault").write_text(vault_token)
    repo, authority = Repo(tmp_path / "served" / "infra"), Authority(tmp_path / "ca")
    folder = repo.folder / "stacks" / project.name
    with vaults.vault(tmp_path) as vault, HttpsGit(tmp_path / "served", authority.server(), git_token) as server:
        vault.tokens[vault_token] = ("kv/data/shop",)
        sealed_files(world, folder, key, vault)
        repo.commit()
        project.write(
            json.dumps(
                {
                    "defaults": {"resync": "1s"},
                    "secret_stores": {
                        "vault": {"kind": "vault", "address": vault.address, "ca_file": str(vault.ca),
                                  "token_file": str(tmp_path / "vault"), "refresh": "1s"}
                    },
                    "sources": {
                        "infra": {"url": server.url("infra"), "interval": "1s", "token_file": str(tmp_path / "token"),
                                  "ca_file": str(authority.certificate), "secret_stores": ["vault"],
                                  "webhook": {"secret_file": str(tmp_path / "hook")},
                                  "decryption": {"age_keys": str(key.file)}}
                    },
                }
            ),
            "host.yml",
        )  # fmt: skip
        try:
            served(world, vault, repo, folder, key, hook)
            world.inspect(project.name)
            world.state()
            disk = Path(engine.api.get("/info")["DockerRootDir"])
            on_disk = Search()
            for part in ("volumes", "containers"):
                on_disk.folder(disk / part)
            assert not [one for one in on_disk.found if any(f"-{channel}-" in one for channel in ("age", "store"))]
        finally:
            engine.remove_project(project.name)
    assert world.inspected == 2
    assert len(world.canaries.values) >= 63
    world.over()


def served(world: World, vault: vaults.Vault, repo: Repo, folder: Path, key: AgeKey, hook: str) -> None:
    """The daemon's life: it brings the stack about, changes it, fails at it, and is asked everything."""
    project = world.project
    words = ["daemon", "token", "create", "all", "--scope", "admin"]
    token = run_stack(words, cwd=project.folder, env=project.environment()).ok().stdout.strip()
    world.search, port = Search(token), free_port()
    with TemporaryDirectory(prefix="cnr-") as short, Arguments(world.search):
        words = ["--debug", "daemon", "run", "--config", "host.yml", "--socket", f"{short}/s"]
        environment = project.environment({"DOCKER_HOST": project.engine.address, **world.environment})
        with start_stack([*words, "--listen", f"127.0.0.1:{port}"], cwd=project.folder, env=environment) as running:
            live(world, vault, repo, folder, key, running, port, token, hook)
            running.signal()
            result = running.finish(30)
    world.search.data("the daemon says", result.stdout)
    world.search.data("the daemon says", result.stderr)
    assert "is at" in result.stderr


def live(
    world: World,
    vault: vaults.Vault,
    repo: Repo,
    folder: Path,
    key: AgeKey,
    running: Running,
    port: int,
    token: str,
    hook: str,
) -> None:
    name, engine = world.project.name, world.project.engine

    def serving() -> dict[str, str]:
        return {one["Name"]: one["Id"] for one in engine.containers(name) if one["State"]["Running"]}

    eventually(lambda: len(serving()) == 2, what="the stack runs")
    before = serving()
    (folder / "age0").write_bytes(sealing.age(world.canaries.make("age", odd=True), key))
    vault.secrets["kv/data/shop"]["entry0"] = world.canaries.make("store", odd=True)
    hidden = {f"PLAIN_{number}": world.canaries.make("sops") for number in range(10)}
    (folder / "hidden.env").write_bytes(sealing.sops_dotenv(hidden, key))
    repo.commit()
    deliver(port, hook)
    eventually(
        lambda: len(serving()) == 2 and not set(before.values()) & set(serving().values()), what="both are replaced"
    )
    walk(world, port, name, token)
    (folder / "age1").write_bytes(sealing.age(world.canaries.make("age"), AgeKey(world.project.folder / "other")))
    repo.commit()
    running.says("no key at hand")
    vault.sealed = True
    running.says("sealed")
    walk(world, port, name, token)
    vault.sealed = False


def walk(world: World, port: int, name: str, token: str) -> None:
    """Every page and resource, read by somebody who may read all."""
    for path in (
        "/",
        "/ui/page.js",
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/openapi.json",
        "/v1/host",
        "/v1/stacks/nobody",
    ):
        world.search.data(f"GET {path}", ask(port, path, token)[1])
    for route in ROUTES:
        status, body = ask(port, f"/v1/stacks/{name}{route}", token)
        assert status == 200, (route, body)
        world.search.data(f"GET {route}", body)


def ask(port: int, path: str, token: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def deliver(port: int, secret: str) -> None:
    body = b'{"ref": "refs/heads/main"}'
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"X-Hub-Signature-256": f"sha256={signed}", "X-GitHub-Event": "push", "X-GitHub-Delivery": "1"}
    connection.request("POST", "/hooks/infra", body=body, headers={**headers, "Content-Type": "application/json"})
    assert connection.getresponse().status in (200, 202)
    connection.close()
