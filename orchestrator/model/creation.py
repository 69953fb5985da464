"""What a newly created container looks like when it is read back: the wish, and what its image adds.

A ``CreateContainer``, its image and the moment come in, an ``ObservedContainer`` goes out. The part of ``transition`` that
has to know every rule by which an engine completes what it was told.
"""

from __future__ import annotations

import time

from orchestrator.model import actions, naming
from orchestrator.model.container import Container, ImageDefaults
from orchestrator.model.observed import ObservedContainer, ObservedImage, State
from orchestrator.model.values import Healthcheck, Mount, MountType
from orchestrator.records import replace


def rfc3339(nanoseconds: int) -> str:
    """A moment as the engine writes it."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def created(action: actions.CreateContainer, image: ObservedImage, now_ns: int) -> ObservedContainer:
    """The container as observed once it is created, but for what it is attached to."""
    labels = {**action.labels, naming.IMAGE: image.id}
    slot = labels.get(naming.NUMBER, "")
    return ObservedContainer(
        id=f"c{now_ns:011x}",
        name=action.container.name,
        service=labels.get(naming.SERVICE, ""),
        slot=int(slot) if slot.isdigit() else 0,
        oneoff=labels.get(naming.ONEOFF) == "True",
        hook=labels.get(naming.HOOK, ""),
        image=action.settings.image,
        image_id=image.id,
        state=State.CREATED,
        created_at=rfc3339(now_ns),
        settings=_read_back(action.settings, image.defaults),
        image_defaults=image.defaults,
        files={grant.target: grant.digest for grant in action.settings.files if grant.digest},
        copies=tuple(filter(None, (action.copies, action.secrets))),
        anonymous_volumes=_anonymous_volumes(action, image.defaults, now_ns),
        labels=labels,
        fingerprint=labels.get(naming.FINGERPRINT, ""),
    )


def _read_back(settings: Container, image: ImageDefaults) -> Container:
    """The settings as an engine shows them: with what the image adds, configs and secrets as mounts, no fingerprints."""
    environment = {k: v for k, v in {**image.environment, **settings.environment}.items() if v is not None}
    drops_command = bool(settings.entrypoint)
    grants = (Mount(MountType.BIND, g.target, g.source, read_only=True) for g in settings.files if not g.copied)
    declared = {mount.target for mount in settings.mounts}
    volumes = (Mount(MountType.VOLUME, target) for target in image.volumes if target not in declared)
    return replace(
        settings,
        command=settings.command or (None if drops_command else image.command),
        entrypoint=image.entrypoint if settings.entrypoint is None else settings.entrypoint,
        environment=environment,
        labels={**image.labels, **settings.labels},
        user=settings.user or image.user,
        working_dir=settings.working_dir or image.working_dir,
        stop_signal=settings.stop_signal or image.stop_signal,
        healthcheck=_healthcheck(settings.healthcheck, image.healthcheck),
        expose=tuple(dict.fromkeys((*settings.expose, *image.expose))),
        mounts=(*settings.mounts, *grants, *volumes),
        files=(),
        networks={},
    )


def _healthcheck(own: Healthcheck | None, image: Healthcheck | None) -> Healthcheck | None:
    if own is None or image is None or own.disabled:
        return own or image
    return Healthcheck(
        own.test or image.test,
        own.interval_ns or image.interval_ns,
        own.timeout_ns or image.timeout_ns,
        own.start_period_ns or image.start_period_ns,
        own.start_interval_ns or image.start_interval_ns,
        own.retries or image.retries,
    )


def _anonymous_volumes(action: actions.CreateContainer, image: ImageDefaults, now_ns: int) -> dict[str, str]:
    mounts = {mount.target: mount for mount in action.settings.mounts}
    targets = [m.target for m in mounts.values() if m.type is MountType.VOLUME and not m.source]
    targets += [target for target in image.volumes if target not in mounts]
    made = {target: f"{now_ns:060x}{number:04x}" for number, target in enumerate(sorted(targets))}
    return made | {target: name for target, name in action.anonymous_volumes.items() if target in made}
