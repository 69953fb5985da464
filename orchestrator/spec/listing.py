"""Lists out of the canonical model: what ``stack config --services``, ``--images`` and the like print, and the model
with its images pinned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.records import replace
from orchestrator.spec import profiles as selection
from orchestrator.spec.defaults import services_of
from orchestrator.spec.document import Map
from orchestrator.spec.load import Canonical


def services(canonical: Canonical, wanted: Iterable[tuple[str, str]] = ()) -> list[str]:
    """The services in an order in which each comes after those it depends on.

    ``wanted`` are pairs of ``profile`` or ``label`` and a value; a service has to answer all of them.
    """
    criteria = tuple(wanted)
    found = dict(services_of(canonical.model))
    return [name for name in _in_order(canonical) if all(_answers(found[name], *each) for each in criteria)]


def _answers(service: Map, key: str, value: str) -> bool:
    if key == "profile":
        return value in (service.get("profiles") or ())
    labels = service.get("labels") or {}
    name, equals, content = value.partition("=")
    return name in labels and (not equals or str(labels[name]) == content)


def _in_order(canonical: Canonical) -> list[str]:
    remaining = {name: _wanted(service) for name, service in services_of(canonical.model)}
    ordered: list[str] = []
    done: set[str] = set()
    while remaining:
        ready = sorted(name for name, wanted in remaining.items() if not (wanted & remaining.keys()) - done)
        for name in ready or sorted(remaining):
            ordered.append(name)
            done.add(name)
            del remaining[name]
    return ordered


def _wanted(service: Map) -> set[str]:
    dependencies = service.get("depends_on")
    return set(dependencies) if isinstance(dependencies, Map) else set()


def names(canonical: Canonical, section: str) -> list[str]:
    """The names in ``volumes``, ``networks``, ``models`` and so on."""
    resources = canonical.model.get(section)
    return sorted(resources) if isinstance(resources, Map) else []


def models(canonical: Canonical) -> list[str]:
    """What each model is to the one who runs it."""
    section = canonical.model.get("models")
    found = section.values() if isinstance(section, Map) else ()
    return sorted(str(each["model"]) for each in found if isinstance(each, Map) and each.get("model"))


def images(canonical: Canonical) -> list[str]:
    """The image of every service; what is built and has no name of its own is called after project and service."""
    return [
        str(service.get("image") or f"{canonical.name}-{name}")
        for name, service in sorted(services_of(canonical.model))
    ]


def reduced(canonical: Canonical) -> Canonical:
    """The model without inactive services and what nobody uses, also where variables were left as they are."""
    if not canonical.interpolated:
        selection.split(canonical.model, canonical.profiles)
        selection.without_unused(canonical.model)
    return canonical


def profiles(canonical: Canonical) -> list[str]:
    """Every profile that any service names, active or not."""
    everywhere = [*services_of(canonical.model), *((name, service) for name, service in canonical.disabled.items())]
    return sorted({str(profile) for _, service in everywhere for profile in service.get("profiles") or ()})


def environment(canonical: Canonical) -> list[str]:
    """The project's environment as ``KEY=VALUE`` lines."""
    return [f"{key}={value}" for key, value in sorted(canonical.environment.items())]


def variables(canonical: Canonical) -> dict[str, dict[str, str | bool]]:
    """The variables that the files read, with what they say about each, in Compose's words."""
    return {
        name: {
            "Name": name,
            "DefaultValue": variable.default or "",
            "PresenceValue": variable.alternate or "",
            "Required": variable.required,
        }
        for name, variable in sorted(canonical.variables.items())
    }


# Pinned images


def images_named(canonical: Canonical) -> list[str]:
    """The images that the files name."""
    return [str(service["image"]) for _, service in services_of(canonical.model) if service.get("image")]


def pin_images(canonical: Canonical, pinned: Mapping[str, str]) -> None:
    """Write each image as ``pinned`` has it."""
    for _, service in services_of(canonical.model):
        if service.get("image"):
            service["image"] = pinned[str(service["image"])]


def images_only(canonical: Canonical) -> Canonical:
    """A model that says the images of the services and nothing else, to be merged over the files."""
    services = Map((name, Map([("image", each.get("image"))])) for name, each in services_of(canonical.model))
    for each in services.values():
        if not each["image"]:
            del each["image"]
    return replace(canonical, model=Map([("services", services)]))
