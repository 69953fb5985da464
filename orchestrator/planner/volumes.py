"""Volumes: what has to be created, what differs and is left alone, what is given up with the user's own word for it.

A volume holds data. It is never changed and never removed here unless ``policy.destroy_data`` says so, and one that is
not this stack's is used as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model import fingerprint, naming
from orchestrator.model.actions import CreateVolume, RemoveVolume
from orchestrator.model.observed import ObservedState, ObservedVolume
from orchestrator.model.plan import Difference
from orchestrator.model.stack import Volume
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.situation import Situation
from orchestrator.records import dataclass, field, replace


@dataclass(slots=True)
class Volumes:
    """Steps by the engine's name of a volume: ``made`` create one, ``destroyed`` remove one that is made anew."""

    made: dict[str, Id] = field(default_factory=dict)
    destroyed: dict[str, Id] = field(default_factory=dict)


def arrange(situation: Situation, draft: Draft) -> Volumes:
    """Steps for every named volume that a wanted service mounts."""
    used = {mount.key for service in situation.wanted for mount in service.container.mounts if mount.key}
    result = Volumes()
    for key in sorted(used):
        if key in situation.desired.volumes:
            _arrange_one(situation, draft, situation.desired.volumes[key], result)
    return result


def changes(wanted: Volume, present: ObservedVolume) -> tuple[Difference, ...]:
    """What of the definition differs."""
    found = []
    if (wanted.driver or "local") != (present.driver or "local"):
        found.append(Difference(f"volumes.{wanted.key}.driver", present.driver, wanted.driver or "local"))
    found += _options(f"volumes.{wanted.key}.driver_opts", present.driver_opts, wanted.driver_opts)
    found += _options(f"volumes.{wanted.key}.labels", present.labels, wanted.labels)
    return tuple(found)


def _options(path: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    names = before.keys() | after.keys()
    return [
        Difference(f"{path}.{name}", before.get(name, ""), after.get(name, ""))
        for name in sorted(names)
        if before.get(name) != after.get(name) and not naming.is_reserved(name)
    ]


def _arrange_one(situation: Situation, draft: Draft, wanted: Volume, result: Volumes) -> None:
    present = next((volume for volume in situation.observed.volumes if volume.name == wanted.name), None)
    where = situation.desired.where(f"volumes.{wanted.key}")
    if present is None and wanted.external:
        draft.error(
            f"volume {wanted.name} declared as external, but could not be found; create it with "
            f"`docker volume create {wanted.name}`, or remove `external: true`",
            where=where,
            reference="external-missing",
        )
    elif present is None:
        _warn_if_lost(situation, draft, wanted)
        result.made[wanted.name] = draft.add(CreateVolume(volume=labelled(situation, wanted)), "does not exist yet")
    elif wanted.external:
        return
    elif not present.owned:
        draft.warn(
            f'volume "{wanted.name}" exists and was not created by this stack; it is used as it is '
            "(declare it with `external: true` to say so)",
            where=where,
            reference="foreign-volume",
        )
    elif differs := changes(wanted, present):
        _changed(situation, draft, wanted, differs, result)


def _changed(
    situation: Situation, draft: Draft, wanted: Volume, differs: tuple[Difference, ...], result: Volumes
) -> None:
    what = "; ".join(difference.words for difference in differs[:3])
    where = situation.desired.where(f"volumes.{wanted.key}")
    if wanted.protect and situation.policy.destroy_data:
        refuse_protected(situation, draft, wanted, f"made anew ({what})")
        return
    if not situation.policy.destroy_data:
        why = "it is protected" if wanted.protect else "that would lose its data"
        draft.warn(
            f'volume "{wanted.name}" differs from the file ({what}); it is left as it is, because {why}',
            where=where,
            reference="volume-differs",
        )
        return
    group = f"remake volume {wanted.name}"
    gone = draft.add(RemoveVolume(name=wanted.name), f"{what}; its data is given up", group=group)
    made = CreateVolume(volume=labelled(situation, wanted))
    result.destroyed[wanted.name] = gone
    result.made[wanted.name] = draft.add(made, what, after=[gone], group=group, differences=differs)


def refuse_protected(situation: Situation, draft: Draft, wanted: Volume, fate: str) -> None:
    """The file's word outweighs the command line's: nothing at all is done by a run that would lose this volume."""
    draft.error(
        f'volume "{wanted.name}" is protected and may not be {fate}; leave the option out that gives up data, '
        "or take `protect: true` out of the volume's x-stack",
        where=situation.desired.where(f"volumes.{wanted.key}.x-stack.protect"),
        reference="volume-protected",
    )


def _warn_if_lost(situation: Situation, draft: Draft, wanted: Volume) -> None:
    if users(situation.observed, wanted.name):
        draft.warn(
            f'volume "{wanted.name}" is gone although containers use it; a new, empty one is created',
            where=situation.desired.where(f"volumes.{wanted.key}"),
            reference="volume-lost",
        )


def users(observed: ObservedState, name: str) -> tuple[str, ...]:
    """Ids of the stack's containers that mount the volume."""
    return tuple(
        container.id
        for container in observed.containers
        if container.settings and any(mount.source == name for mount in container.settings.mounts)
    )


def labelled(situation: Situation, wanted: Volume) -> Volume:
    """The volume with all labels it is created with."""
    ours = {
        naming.PROJECT: situation.desired.name,
        naming.VOLUME: wanted.key,
        naming.VERSION: naming.VERSION_VALUE,
        naming.CONFIG_HASH: fingerprint.of_volume(wanted, situation.desired.key),
    }
    return replace(wanted, labels={**wanted.labels, **ours})
