"""Specs published to a registry, the way ``docker compose publish`` does it, and loaded from there."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from orchestrator.spec import remote
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical
from orchestrator.spec.remote import RemoteUnavailable
from scripts.machine.registry import Registry

SPEC = "application/vnd.docker.compose.file+yaml"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PROJECT = "application/vnd.docker.compose.project"


class Artifact:
    """An artifact in the making."""

    def __init__(self, address: str, name: str) -> None:
        self.address = address
        self.base = f"http://{address}/v2/{name}"
        self.name = name
        self.layers: list[dict[str, Any]] = []

    def add(self, content: str, media: str = SPEC, **notes: str) -> Artifact:
        self.layers.append(
            self._blob(content.encode(), media)
            | {"annotations": {f"com.docker.compose.{k}": v for k, v in notes.items()}}
        )
        return self

    def _blob(self, data: bytes, media: str) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        with urllib.request.urlopen(urllib.request.Request(f"{self.base}/blobs/uploads/", method="POST")) as answer:
            location = answer.headers["Location"]
        location = location if location.startswith("http") else f"http://{self.address}{location}"
        put = urllib.request.Request(f"{location}&digest={digest}", data=data, method="PUT")
        put.add_header("Content-Type", "application/octet-stream")
        urllib.request.urlopen(put).close()
        return {"mediaType": media, "digest": digest, "size": len(data)}

    def publish(self, tag: str = "latest", kind: str = PROJECT) -> str:
        config = self._blob(b"{}", "application/vnd.oci.empty.v1+json")
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": config,
            "layers": self.layers,
        }
        put = urllib.request.Request(f"{self.base}/manifests/{tag}", data=json.dumps(manifest).encode(), method="PUT")
        put.add_header("Content-Type", MANIFEST)
        urllib.request.urlopen(put).close()
        return f"oci://{self.address}/{self.name}:{tag}"


def load(directory: Path, *files: str) -> Canonical:
    environment = {"HOME": str(directory), "XDG_CACHE_HOME": str(directory / "cache")}
    return load_canonical(
        LoadRequest(
            files=files,
            environment=environment,
            current_directory=str(directory),
            fetch=remote.fetcher(environment),
        )
    )


def test_a_published_spec_is_loaded(registry: Registry, tmp_path: Path) -> None:
    reference = Artifact(registry.address, "specs/shop").add("services: {web: {image: x}}").publish("1.0")

    assert "x" == load(tmp_path, reference).model["services"]["web"]["image"]


def test_overrides_bases_and_env_files_come_along(registry: Registry, tmp_path: Path) -> None:
    artifact = Artifact(registry.address, "specs/more")
    artifact.add("services: {web: {extends: {file: base.yaml, service: b}, env_file: one.env}}")
    artifact.add("services: {web: {tty: true}}")
    artifact.add("services: {b: {image: base}}", extends="true", file="base.yaml")
    artifact.add("A=1\n", "application/vnd.docker.compose.envfile", envfile="one.env")
    web = load(tmp_path, artifact.publish()).model["services"]["web"]

    assert ("base", True, {"A": "1"}) == (web["image"], web["tty"], web["environment"])


@pytest.mark.parametrize("name", ["../evil.yaml", "/etc/evil", "..", "a/b", "", ".hidden"])
def test_names_that_reach_outside_are_refused(registry: Registry, tmp_path: Path, name: str) -> None:
    """CVE-2025-62725: an annotation is a name, never a path."""
    artifact = Artifact(registry.address, "specs/evil").add("services: {web: {image: x}}")
    reference = artifact.add("services: {}", extends="true", file=name).publish()

    with pytest.raises(RemoteUnavailable) as caught:
        load(tmp_path, reference)

    assert "names a file" in str(caught.value)
    assert [] == [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_an_image_is_no_spec(registry: Registry, tmp_path: Path) -> None:
    reference = Artifact(registry.address, "specs/image").add("x").publish(kind="application/vnd.example")

    with pytest.raises(RemoteUnavailable) as caught:
        load(tmp_path, reference)

    assert "is not a published spec" in str(caught.value)


def test_what_is_not_there_is_an_error(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(RemoteUnavailable) as caught:
        load(tmp_path, f"oci://{registry.address}/specs/nothing:1")

    assert "404" in str(caught.value)
