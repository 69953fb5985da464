"""Secrets that are encrypted in the repository, on a real engine: in memory alone, and what changes replaces what uses it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import ProjectMaker
from tests.support import sealing, vaults
from tests.support.commands import run_stack, start_stack
from tests.support.engines import Engine
from tests.support.gitrepos import Repo
from tests.support.projects import Project, unique_name
from tests.support.sealing import AgeKey
from tests.support.vaults import Vault
from tests.support.waiting import eventually

SLEEP = "image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, deploy: {update_config: {monitor: 1ms}}"
STACK = f"""
    services:
      web: {{{SLEEP}, secrets: [token], configs: [{{source: site, target: /site}}]}}
      api: {{{SLEEP}, env_file: api.env}}
      idle: {{{SLEEP}}}
    configs:
      site: {{file: site.age}}
    secrets:
      token: {{file: token.sops}}
"""


@pytest.fixture
def memory() -> Iterator[Path]:
    """A place on a tmpfs that this test has to itself."""
    place = Path("/dev/shm") / unique_name("sealed")
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def key(tmp_path: Path) -> AgeKey:
    return AgeKey(tmp_path / "age.key")


def write(project: Project, key: AgeKey, token: str = "canary-1", env: str = "canary-2") -> None:
    project.write(STACK)
    (project.folder / "token.sops").write_bytes(sealing.sops_binary(token.encode(), key))
    (project.folder / "site.age").write_bytes(sealing.age("canary-3", key))
    (project.folder / "api.env").write_bytes(sealing.sops_dotenv({"DB": env}, key))


def ids(project: Project) -> dict[str, str]:
    return {service: project.container(service)["Id"] for service in ("web", "api", "idle")}


def test_encrypted_files_reach_containers_from_memory_and_a_new_value_replaces_its_users_alone(
    each_engine: Engine, make_project: ProjectMaker, memory: Path, key: AgeKey
) -> None:
    project = make_project(on=each_engine)
    environment = {"STACK_SECRETS_DIR": str(memory), "SOPS_AGE_KEY_FILE": str(key.file)}
    write(project, key)
    project.up(env=environment)
    first = ids(project)

    assert each_engine.exec(first["web"], "cat", "/run/secrets/token", "/site") == (0, "canary-1canary-3")
    assert each_engine.exec(first["api"], "sh", "-c", "echo $DB") == (0, "canary-2\n")
    assert {Path(mount["Source"]).parent.parent for mount in project.container("web")["Mounts"]} == {
        memory / project.name
    }
    volumes = {volume["Name"] for volume in each_engine.api.get("/volumes")["Volumes"] or ()}
    assert not [name for name in volumes if name.startswith(project.name)]

    write(project, key)  # encrypted anew, the same values
    assert project.up(env=environment).mutations == []

    write(project, key, token="canary-4")
    project.up(env=environment)
    second = ids(project)
    assert ["web"] == [name for name in first if first[name] != second[name]]
    assert each_engine.exec(second["web"], "cat", "/run/secrets/token") == (0, "canary-4")

    write(project, key, token="canary-4", env="canary-5")
    project.up(env=environment)
    assert ["api"] == [name for name in second if second[name] != ids(project)[name]]

    project.run("down", env=environment).ok()
    assert not (memory / project.name).exists()


def test_a_key_that_does_not_fit_changes_nothing(
    engine: Engine, make_project: ProjectMaker, memory: Path, key: AgeKey, tmp_path: Path
) -> None:
    project = make_project()
    environment = {"STACK_SECRETS_DIR": str(memory), "SOPS_AGE_KEY_FILE": str(key.file)}
    write(project, key)
    project.up(env=environment)
    write(project, AgeKey(tmp_path / "other.key"), token="canary-6")

    refused = project.run("up", "-d", env=environment).failed(2)

    assert "no key at hand opens this file; it is encrypted to age age1" in refused.stderr
    assert str(key.file) in refused.stderr
    assert refused.mutations == []
    assert "canary" not in refused.stderr + refused.stdout


# --- a daemon, a repository, a store -----------------------------------------------------------------------------------

SHOP = f"""
    services:
      web: {{{SLEEP}, secrets: [token, db]}}
      api: {{{SLEEP}, secrets: [db]}}
      env: {{{SLEEP}, env_file: env.sops}}
      idle: {{{SLEEP}}}
    secrets:
      token: {{file: token.age}}
      db: {{external: true, x-stack: {{store: vault, path: kv/data/shop, key: password}}}}
"""
NAMES = ("web", "api", "env", "idle")


class Shop:
    """A stack in a repository whose secrets are encrypted or in a store, and the daemon that follows it."""

    def __init__(self, engine: Engine, folder: Path, memory: Path, key: AgeKey, vault: Vault) -> None:
        self.key, self.vault, self.memory = key, vault, memory
        self.name = unique_name("shop")
        self.repo = Repo(folder / "repo")
        self.project = Project(engine, folder / self.name, self.name, folder / "home")
        (folder / "vault-token").write_text("hvs.good")
        vault.tokens["hvs.good"] = ("kv/data/shop",)
        self.project.write(
            f"""
            defaults: {{resync: 1s}}
            secret_stores:
              vault: {{kind: vault, address: "{vault.address}", ca_file: {vault.ca}, token_file: ../vault-token, refresh: 1s}}
            sources:
              infra:
                {{url: {self.repo.url}, interval: 1s, decryption: {{age_keys: {key.file}}}, secret_stores: [vault]}}
            """,
            "host.yml",
        )
        self.repo.write(f"stacks/{self.name}/app.yml", SHOP)
        self.folder = self.repo.folder / "stacks" / self.name

    def commit(self, token: str = "", env: str = "", *, key: AgeKey | None = None) -> str:
        if token:
            (self.folder / "token.age").write_bytes(sealing.age(token, key or self.key))
        if env:
            (self.folder / "env.sops").write_bytes(sealing.sops_dotenv({"DB": env}, key or self.key))
        return self.repo.commit()

    @contextmanager
    def daemon(self) -> Iterator[str]:
        with TemporaryDirectory(prefix="shop-") as short:
            words = ["daemon", "run", "--config", "host.yml", "--socket", f"{short}/s"]
            with start_stack(words, cwd=self.project.folder, env=self.environment()):
                yield f"{short}/s"

    def environment(self) -> dict[str, str]:
        return self.project.environment(
            {"DOCKER_HOST": self.project.engine.address, "STACK_SECRETS_DIR": str(self.memory)}
        )

    def status(self, socket: str) -> str:
        told = run_stack(
            ["daemon", "status", "--format", "json", "--socket", socket],
            cwd=self.project.folder,
            env=self.environment(),
        )
        return told.stdout + told.stderr

    def ids(self) -> dict[str, str]:
        found = {
            one["Config"]["Labels"]["com.docker.compose.service"]: one["Id"]
            for one in self.project.engine.containers(self.name)
            if one["State"]["Running"]
        }
        return {name: found.get(name, "") for name in NAMES}

    def reads(self, service: str, secret: str) -> str:
        code, text = self.project.engine.exec(self.ids()[service], "cat", f"/run/secrets/{secret}")
        return text if code == 0 else ""

    def replaced(self, before: dict[str, str], *names: str) -> dict[str, str]:
        """Wait until exactly these services have other containers."""

        def done() -> bool:
            now = self.ids()
            return all(now.values()) and [name for name in NAMES if now[name] != before[name]] == list(names)

        eventually(done, what=f"{names} are replaced")
        return self.ids()


@pytest.fixture
def shop(engine: Engine, tmp_path: Path, memory: Path, key: AgeKey) -> Iterator[Shop]:
    with vaults.vault(tmp_path) as vault:
        made = Shop(engine, tmp_path, memory, key, vault)
        yield made
        engine.remove_project(made.name)


def test_a_new_value_in_repository_or_store_replaces_exactly_the_services_that_use_it(
    shop: Shop, tmp_path: Path
) -> None:
    shop.vault.secrets["kv/data/shop"] = {"password": "canary-db-1"}
    shop.commit("canary-token-1", "canary-env-1")
    with shop.daemon() as socket:
        eventually(lambda: all(shop.ids().values()), what="the stack runs")
        first = shop.ids()
        assert ("canary-token-1", "canary-db-1") == (shop.reads("web", "token"), shop.reads("web", "db"))

        shop.commit("canary-token-2")
        second = shop.replaced(first, "web")
        assert "canary-token-2" == shop.reads("web", "token")

        shop.commit(env="canary-env-2")
        third = shop.replaced(second, "env")

        shop.vault.secrets["kv/data/shop"] = {"password": "canary-db-2"}
        fourth = shop.replaced(third, "web", "api")
        assert "canary-db-2" == shop.reads("api", "db")

        shop.vault.stop()  # what was had of it last goes on being used
        bad = shop.commit("canary-token-3", key=AgeKey(tmp_path / "stranger.key"))
        eventually(lambda: bad[:12] in shop.status(socket) and "no key at hand" in shop.status(socket), what="refused")
        assert fourth == shop.ids()
        told = shop.status(socket)
        assert "canary" not in told
        shop.vault.start()

        shop.commit("canary-token-4")
        fifth = shop.replaced(fourth, "web")

        shutil.rmtree(shop.memory)  # as a reboot does
        eventually((shop.memory / shop.name).is_dir, what="the files of secrets are written again")
        assert fifth == shop.ids()


def test_a_store_that_a_source_was_not_granted_cannot_be_named(shop: Shop) -> None:
    host = shop.project.folder / "host.yml"
    host.write_text(host.read_text().replace(", secret_stores: [vault]", ""))
    shop.commit("canary-token-1", "canary-env-1")
    with shop.daemon() as socket:
        eventually(lambda: "the store vault is not granted here" in shop.status(socket), what="it is refused")
    assert not any(shop.ids().values())
    assert [] == shop.vault.asked
