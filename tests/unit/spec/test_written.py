"""Settings written as a file and loaded again are the same settings, attribute by attribute."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator.model.canonical import canonical
from orchestrator.model.container import Container, ImageDefaults
from orchestrator.model.values import Attachment, DeviceRequest, Healthcheck
from orchestrator.records import replace
from orchestrator.spec import written, yamltext
from orchestrator.spec.load import LoadRequest, load_stack
from tests.engine.test_adapter_attributes import CASES, Case

NOT_WRITTEN = ("files",)  # what is in them cannot be read back
# What no engine of the tests can be made to have.
MORE = [
    Case("mac_address", {"mac_address": "02:42:ac:11:00:09"}),
    Case(
        "gpus", {"device_requests": (DeviceRequest(("gpu",), "nvidia", -1), DeviceRequest(("gpu",), device_ids=("0",)))}
    ),
    Case("storage_opt", {"storage_opt": {"size": "1G"}}),
    Case("cpu_count", {"cpu_count": 2, "cpu_percent": 50}),
    Case("userns", {"userns_mode": "host", "cgroup": "private", "isolation": "hyperv"}),
    Case("external", {"external_links": ("other:o",), "volumes_from": ("container:other:ro",)}),
    Case("credential_spec", {"credential_spec": {"file": "spec.json"}}),
]


def settings_of(case: Case) -> Container:
    settings = Container(image="busybox:stable", **case.settings)  # type: ignore[arg-type]
    mounts = (replace(mount, source=mount.source.replace("{stack}", "shop")) for mount in settings.mounts)
    return replace(settings, mounts=tuple(mounts))


def loaded(node: dict[str, object], folder: Path) -> Container:
    model = {"name": "shop", "services": {"web": node}, "volumes": {"data": None}}
    (folder / "app.yml").write_text(yamltext.dump(model).replace("$", "$$"))
    request = LoadRequest(files=(str(folder / "app.yml"),), environment={"HOME": "/root"})
    return load_stack(request, read_contents=False).services["web"].container


@pytest.mark.parametrize(
    "case", [c for c in [*CASES, *MORE] if not set(NOT_WRITTEN) & set(c.settings)], ids=lambda case: case.name
)
def test_what_is_written_loads_as_the_same_settings(case: Case, tmp_path: Path) -> None:
    wanted = settings_of(case)
    node = written.service(wanted, ImageDefaults(), networks=wanted.networks)
    found = loaded(node, tmp_path)
    assert without_default_network(canonical(wanted)) == without_default_network(canonical(found))


def without_default_network(values: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if not key.startswith("networks")}


def test_every_attribute_has_a_case() -> None:
    covered = {name for case in [*CASES, *MORE] for name in case.settings}
    apart = {"image", "platform", "networks", "files", "links", "use_api_socket"}
    assert {field.name for field in fields(Container)} == covered | apart  # type: ignore[arg-type]


def test_what_the_image_says_is_not_written() -> None:
    defaults = ImageDefaults(
        command=("serve",),
        entrypoint=("/entry",),
        environment={"PATH": "/bin", "LANG": "C"},
        labels={"by": "them"},
        user="app",
        healthcheck=Healthcheck(("CMD", "ok")),
        expose=("80/tcp",),
    )
    settings = Container(
        image="web:1",
        command=("serve",),
        entrypoint=("/entry",),
        environment={"PATH": "/bin", "MINE": "1"},
        labels={"by": "them", "own": "x"},
        user="app",
        healthcheck=Healthcheck(("CMD", "ok")),
        expose=("80/tcp",),
    )
    assert {
        "image": "web:1",
        "environment": {"MINE": "1", "LANG": None},
        "labels": {"own": "x"},
    } == written.service(settings, defaults)


def test_networks_are_written_short_where_nothing_more_is_to_say() -> None:
    settings = Container(image="i")
    none = written.service(settings, ImageDefaults(), networks={"default": Attachment()})
    two = written.service(settings, ImageDefaults(), networks={"b": Attachment(), "a": Attachment()})
    more = written.service(settings, ImageDefaults(), networks={"a": Attachment(aliases=("x",))})
    assert "networks" not in none
    assert ["a", "b"] == two["networks"]
    assert {"a": {"aliases": ["x"]}} == more["networks"]
