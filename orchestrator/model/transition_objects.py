"""The meaning of actions on images, networks and volumes (see ``transition``)."""

from __future__ import annotations

from orchestrator.errors import Conflict, EngineError, ImageUnavailable, NotFound
from orchestrator.model import actions, naming
from orchestrator.model.creation import rfc3339
from orchestrator.model.observed import ObservedContainer, ObservedImage, ObservedNetwork, ObservedState, ObservedVolume
from orchestrator.model.stack import Network
from orchestrator.records import replace


def pull(state: ObservedState, action: actions.PullImage) -> ObservedState:
    return _with_image(state, action.reference, "pulled")


def build(state: ObservedState, action: actions.BuildImage) -> ObservedState:
    import zlib

    content = f"{zlib.crc32(repr(action.build).encode()):08x}"
    built = _with_image(state, action.reference, content)
    image = built.images[action.reference]
    version = action.build.labels.get(naming.BUILT, "")
    if image.built == version:
        return built
    other = replace(image, id=f"sha256:{action.reference}:{content}", built=version)
    return replace(built, images={**built.images, action.reference: other})


def push(state: ObservedState, action: actions.PushImage) -> ObservedState:
    del action
    return state


def _with_image(state: ObservedState, reference: str, content: str) -> ObservedState:
    present = state.images.get(reference)
    image = present or ObservedImage(reference=reference, id=f"sha256:{reference}:{content}")
    image = replace(image, tagged_at=rfc3339(state.now_ns), created_at=image.created_at or rfc3339(state.now_ns))
    return replace(state, images={**state.images, reference: image})


def tag(state: ObservedState, action: actions.TagImage) -> ObservedState:
    image = image_of(state, action.id)
    if image is None:
        raise NotFound(f"no such image: {action.id}")
    named = replace(image, reference=action.reference)
    return replace(state, images={**state.images, action.reference: named})


def image_of(state: ObservedState, reference: str) -> ObservedImage | None:
    """The image that a name, an id or a registry's digest stands for."""
    if reference in state.images:
        return state.images[reference]
    return next((i for i in state.images.values() if reference == i.id or reference in i.digests), None)


def remove_image(state: ObservedState, action: actions.RemoveImage) -> ObservedState:
    image = state.images.get(action.reference)
    others = [
        name for name, other in state.images.items() if image and other.id == image.id and name != action.reference
    ]
    if image and not others and any(c.image_id == image.id for c in state.containers):
        raise Conflict(f"image {action.reference} is in use")
    return replace(state, images={name: i for name, i in state.images.items() if name != action.reference})


def create_network(state: ObservedState, action: actions.CreateNetwork) -> ObservedState:
    if any(present.name == action.network.name for present in state.networks):
        return state
    return replace(state, networks=(*state.networks, _observed_network(state, action.network)))


def _observed_network(state: ObservedState, wanted: Network) -> ObservedNetwork:
    return ObservedNetwork(
        id=f"net{state.now_ns:x}",
        name=wanted.name,
        key=wanted.key,
        owned=True,
        driver=wanted.driver or "bridge",
        driver_opts=wanted.driver_opts,
        internal=wanted.internal,
        attachable=wanted.attachable,
        enable_ipv4=wanted.enable_ipv4,
        enable_ipv6=bool(wanted.enable_ipv6),
        ipam_driver=wanted.ipam_driver or "default",
        ipam_options=wanted.ipam_options,
        ipam=wanted.ipam,
        labels=wanted.labels,
        created_at=rfc3339(state.now_ns),
    )


def remove_network(state: ObservedState, action: actions.RemoveNetwork) -> ObservedState:
    network = find_network(state, action.id or action.name)
    if network is None:
        return state
    if any(c.running and attached(c, network.id) for c in state.containers) or _strangers(state, network):
        raise Conflict(f"network {network.name} has active endpoints")
    return replace(state, networks=tuple(n for n in state.networks if n.id != network.id))


def _strangers(state: ObservedState, network: ObservedNetwork) -> set[str]:
    return set(network.attached) - {c.id for c in state.containers}


def create_volume(state: ObservedState, action: actions.CreateVolume) -> ObservedState:
    wanted = action.volume
    if any(present.name == wanted.name for present in state.volumes):
        return state
    made = ObservedVolume(
        name=wanted.name,
        key=wanted.key,
        owned=True,
        driver=wanted.driver or "local",
        driver_opts=wanted.driver_opts,
        labels=wanted.labels,
    )
    return replace(state, volumes=(*state.volumes, made))


def remove_volume(state: ObservedState, action: actions.RemoveVolume) -> ObservedState:
    for container in state.containers:
        mounts = container.settings.mounts if container.settings else ()
        if action.name in container.copies or any(mount.source == action.name for mount in mounts):
            raise Conflict(f"volume {action.name} is in use by {container.name}")
    return replace(state, volumes=tuple(v for v in state.volumes if v.name != action.name))


def ship(state: ObservedState, action: actions.ShipFiles) -> ObservedState:
    if action.image not in state.images:
        raise ImageUnavailable(f"no such image: {action.image}")
    if any(present.name == action.volume for present in state.volumes):
        return state
    made = ObservedVolume(name=action.volume, owned=True, driver="local", labels=action.labels)
    return replace(state, volumes=(*state.volumes, made))


def keep_secrets(state: ObservedState, action: actions.KeepSecrets) -> ObservedState:
    return replace(state, secret_folders=state.secret_folders | {action.folder})


def drop_secrets(state: ObservedState, action: actions.DropSecrets) -> ObservedState:
    for container in state.containers:
        if action.folder in container.copies:
            raise Conflict(f"the secrets {action.folder} are read by {container.name}")
    return replace(state, secret_folders=state.secret_folders - {action.folder})


def find_network(state: ObservedState, name_or_id: str) -> ObservedNetwork | None:
    named = [n for n in state.networks if n.name == name_or_id]
    if len(named) > 1:
        raise EngineError(f"network {name_or_id} is ambiguous")
    return next((n for n in state.networks if n.id == name_or_id), named[0] if named else None)


def attached(container: ObservedContainer, network_id: str) -> bool:
    return any(endpoint.network_id == network_id for endpoint in container.endpoints)
