"""A real engine as tests see it: its address, where published ports are, and plain reads of its state.

``Engine`` wraps the raw client of ``scripts.machine``. Containers, networks and volumes of a project are found by
Compose's project label, which is what people and other tools find them by. ``Census`` is the ledger for leak checks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.machine import newer
from scripts.machine.engine_api import EngineApi, EngineRefused

from .waiting import eventually

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
NUMBER_LABEL = "com.docker.compose.container-number"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Census:
    """Everything of a project, or of a whole engine, by name: what a leak check compares."""

    containers: frozenset[str] = field(default_factory=frozenset)
    networks: frozenset[str] = field(default_factory=frozenset)
    volumes: frozenset[str] = field(default_factory=frozenset)
    mounts: frozenset[str] = field(default_factory=frozenset)

    @property
    def empty(self) -> bool:
        return not (self.containers or self.networks or self.volumes or self.mounts)


@dataclass(frozen=True, slots=True)
class Engine:
    """``programs`` is the folder of an unpacked newer client; ``state`` the data folder of a private engine."""

    address: str
    host: str = "127.0.0.1"
    programs: Path | None = None
    state: Path | None = None

    @property
    def socket(self) -> str:
        return self.address.removeprefix("unix://")

    @property
    def api(self) -> EngineApi:
        return EngineApi(self.address)

    @property
    def version(self) -> tuple[int, ...]:
        """The engine's API version as numbers: (1, 41)."""
        return tuple(int(part) for part in self.api.get("/version")["ApiVersion"].split("."))

    def client_environment(self, home: Path) -> dict[str, str]:
        """What a client of this engine needs: its socket, a home of its own, and the newer programs where there are."""
        environment = {"DOCKER_HOST": self.address, "HOME": str(home), "PATH": os.environ.get("PATH", os.defpath)}
        if self.programs:
            environment["PATH"] = f"{self.programs}/usr/bin:{environment['PATH']}"
            environment["DOCKER_CONFIG"] = str(_client_configuration(home, self.programs))
        return environment

    def containers(self, project: str, service: str = "") -> list[Json]:
        """Inspected containers of a project, running or not, sorted by name."""
        listed = self.api.get("/containers/json", all=True, filters={"label": _labels(project, service)})
        found = [self.inspect(entry["Id"]) for entry in listed]
        return sorted((entry for entry in found if entry), key=lambda entry: entry["Name"])

    def container_names(self, project: str, service: str = "") -> list[str]:
        listed = self.api.get("/containers/json", all=True, filters={"label": _labels(project, service)})
        return sorted(entry["Names"][0].lstrip("/") for entry in listed if entry["Names"])

    def inspect(self, container: str) -> Json:
        """A container by name or id, or an empty dict when there is none."""
        return self._read(f"/containers/{container}/json")

    def network(self, name: str) -> Json:
        return self._read(f"/networks/{name}")

    def volume(self, name: str) -> Json:
        return self._read(f"/volumes/{name}")

    def image(self, reference: str) -> Json:
        return self._read(f"/images/{reference}/json")

    def networks(self, project: str) -> list[Json]:
        return list(self.api.get("/networks", filters={"label": _labels(project)}))

    def volumes(self, project: str) -> list[Json]:
        return list(self.api.get("/volumes", filters={"label": _labels(project)})["Volumes"] or [])

    def logs(self, container: str) -> str:
        """Both streams of a container without a terminal, in order, without the frames around them."""
        raw = self.api.request("GET", f"/containers/{container}/logs", {"stdout": 1, "stderr": 1})
        return _unframed(raw).decode(errors="replace")

    def exec(self, container: str, *command: str) -> tuple[int, str]:
        """Run a command inside; exit code and output."""
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        made = self.api.post(f"/containers/{container}/exec", body)
        raw = self.api.request("POST", f"/exec/{made['Id']}/start", body={"Detach": False, "Tty": False})
        return int(self.api.get(f"/exec/{made['Id']}/json")["ExitCode"]), _unframed(raw).decode(errors="replace")

    def run(self, name: str, image: str = "busybox:stable", *, start: bool = True, **configuration: Any) -> str:
        """A container made behind the back of the code under test; keyword arguments are the create call's own."""
        body = {"Image": image, "Cmd": ["sleep", "1000"], "StopSignal": "SIGKILL", **configuration}
        made = self.api.post("/containers/create", body, name=name)
        if start:
            self.api.post(f"/containers/{made['Id']}/start")
        return str(made["Id"])

    def census(self, project: str = "") -> Census:
        """What there is of a project; of the whole engine without a name, for engines that are ours alone."""
        if project:
            return Census(
                frozenset(self.container_names(project)),
                frozenset(network["Name"] for network in self.networks(project)),
                frozenset(volume["Name"] for volume in self.volumes(project)),
            )
        containers = self.api.get("/containers/json", all=True)
        return Census(
            frozenset(entry["Names"][0].lstrip("/") for entry in containers),
            frozenset(network["Name"] for network in self.api.get("/networks")),
            frozenset(volume["Name"] for volume in self.api.get("/volumes")["Volumes"] or []),
            self._mounts(),
        )

    def remove_project(self, project: str) -> None:
        """Everything with the project's label, images built for it, and the names its history keeps images by.

        A command that was killed may have left the engine at work: what it was about to start appears a moment later.
        """

        def gone() -> bool:
            self._remove_labelled(project)
            return self.census(project).empty

        eventually(gone, within=30, what=f"nothing of {project} is left on the engine")
        for image in self.api.get("/images/json"):
            for tag in image["RepoTags"] or []:
                if tag.startswith((f"{project}-", f"{project}_", f"stack-revision:{project}.")):
                    self._remove(f"/images/{tag}", force=True)

    def _remove_labelled(self, project: str) -> None:
        for entry in self.api.get("/containers/json", all=True, filters={"label": _labels(project)}):
            self._remove(f"/containers/{entry['Id']}", force=True, v=True)
        for network in self.networks(project):
            self._remove(f"/networks/{network['Id']}")
        for volume in self.volumes(project):
            self._remove(f"/volumes/{volume['Name']}", force=True)

    def _read(self, path: str) -> Json:
        try:
            return dict(self.api.get(path))
        except EngineRefused as refusal:
            if refusal.status == 404:
                return {}
            raise

    def _remove(self, path: str, **query: Any) -> None:
        try:
            self.api.delete(path, **query)
        except EngineRefused as refusal:
            # Gone already, on its way, or still in use: what matters is checked by whoever asked.
            if refusal.status not in (403, 404, 409):
                raise

    def _mounts(self) -> frozenset[str]:
        if self.state is None:
            return frozenset()
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
        return frozenset(line.split()[4] for line in lines if Path(line.split()[4]).is_relative_to(self.state))


def labels(container: Mapping[str, Any]) -> dict[str, str]:
    """The labels of an inspected container."""
    return dict(container["Config"]["Labels"] or {})


def _labels(project: str, service: str = "") -> list[str]:
    wanted = [f"{PROJECT_LABEL}={project}"]
    return [*wanted, f"{SERVICE_LABEL}={service}"] if service else wanted


def _unframed(raw: bytes) -> bytes:
    """The engine's stream of frames: kind, three zeros, a big-endian length, the content."""
    out = bytearray()
    while len(raw) >= 8:
        length = int.from_bytes(raw[4:8], "big")
        out += raw[8 : 8 + length]
        raw = raw[8 + length :]
    return bytes(out)


def _client_configuration(home: Path, programs: Path) -> Path:
    """A client configuration that finds compose and buildx in the unpacked folder, and nothing of the developer's."""
    folder = home / "docker-client"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(
        f'{{"cliPluginsExtraDirs": ["{newer.plugin_folder(programs)}"]}}', encoding="utf-8"
    )
    return folder
