"""Rows of the translation for what a container sees of files: binds, volumes, tmpfs, images, configs and secrets.

Two ways lead into the engine: bind strings and the Mounts API. Like Compose we take bind strings where a missing
host folder is to be created or a named volume is simply mounted, so that what Compose created reads back the same.
"""

from __future__ import annotations

from typing import Any, assert_never

from orchestrator.engines.docker.draft import Draft, Wish
from orchestrator.engines.docker.terms import RECURSION
from orchestrator.engines.docker.translate_host import SERVICE
from orchestrator.model import shipment
from orchestrator.model.values import FileGrant, Mount, MountType

# Where older engines mount the whole volume, so that nobody prunes it: only root may look into it.
HELD_COPIES = "/run/.stack-files"
API_SOCKET = "/var/run/docker.sock"
IMAGE_MOUNTS = (1, 48)
CREATE_MOUNTPOINT = (1, 42)
CLUSTER_MOUNTS = (1, 42)
VOLUME_SUBPATH = (1, 45)
READ_ONLY_RECURSION = (1, 44)


def mounts(draft: Draft, wish: Wish) -> None:
    taken_over = dict(wish.action.anonymous_volumes)
    for mount in wish.settings.mounts:
        _mount(mount, taken_over, draft, wish)
    # What is left belongs to targets that the image declares.
    draft.mounts += [_volume(Mount(MountType.VOLUME, target), name) for target, name in taken_over.items()]


def _mount(mount: Mount, taken_over: dict[str, str], draft: Draft, wish: Wish) -> None:
    match mount.type:
        case MountType.BIND:
            _put_bind(mount, draft, wish)
        case MountType.VOLUME:
            previous = taken_over.pop(mount.target, "")
            _put_volume(mount, mount.source or previous, draft, wish)
        case MountType.TMPFS:
            _put_tmpfs(mount, draft)
        case MountType.IMAGE:
            draft.mounts.append(_image(mount, wish))
        case MountType.NPIPE:
            draft.mounts.append(_plain(mount, mount.source))
        case MountType.CLUSTER:
            wish.around.need(CLUSTER_MOUNTS, "a cluster volume")
            draft.mounts.append(_plain(mount, mount.source))
        case _:
            assert_never(mount.type)


def files(draft: Draft, wish: Wish) -> None:
    """Grants with a source of the engine's host are mounted from there, the others from the volume of their copies, or from
    memory."""
    for number, grant in enumerate(shipment.in_memory(wish.settings)):
        draft.mounts.append(_read_only(f"{wish.around.secrets}/{number}", grant.target))
    draft.mounts += [_grant(grant) for grant in wish.settings.files if not grant.copied]
    copies = shipment.copied(wish.settings)
    if wish.action.copies:
        draft.mounts += [_copy(grant, str(number), wish) for number, grant in enumerate(copies)]
    if copies and wish.around.api < VOLUME_SUBPATH:
        draft.mounts.append(_mounted_copies(wish.action.copies, HELD_COPIES))


def volumes_from(draft: Draft, wish: Wish) -> None:
    if wish.settings.volumes_from:
        draft.host["VolumesFrom"] = [_volumes_from(entry, wish) for entry in wish.settings.volumes_from]


def has_target(draft: Draft, target: str) -> bool:
    return any(mount["Target"] == target for mount in draft.mounts) or any(
        bind.split(":")[1] == target for bind in draft.binds
    )


def _volumes_from(entry: str, wish: Wish) -> str:
    if entry.startswith("container:"):
        return entry.removeprefix("container:")
    service, colon, mode = entry.removeprefix(SERVICE).partition(":")
    return wish.around.peer(service, "volume").id + (colon + mode if mode else "")


def _put_bind(mount: Mount, draft: Draft, wish: Wish) -> None:
    plain = not mount.recursive and not mount.consistency and ":" not in mount.source
    # Only bind strings take a label of SELinux; that a source which must exist does is seen before anything is planned.
    if plain and (mount.create_host_path or mount.selinux):
        draft.binds.append(_bind_string(mount))
    else:
        draft.mounts.append(_bind(mount, wish))


def _bind_string(mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw"]
    options += [option for option in (mount.selinux, mount.propagation) if option]
    return f"{mount.source}:{mount.target}:{','.join(options)}"


def _bind(mount: Mount, wish: Wish) -> dict[str, Any]:
    if mount.recursive in ("writable", "readonly"):
        wish.around.need(READ_ONLY_RECURSION, f"bind.recursive: {mount.recursive}")
    options: dict[str, Any] = {}
    if mount.propagation:
        options["Propagation"] = mount.propagation
    if mount.recursive in RECURSION:
        options[RECURSION[mount.recursive]] = True
    if mount.create_host_path and wish.around.api >= CREATE_MOUNTPOINT:
        options["CreateMountpoint"] = True
    return _plain(mount, mount.source) | ({"BindOptions": options} if options else {})


def _put_volume(mount: Mount, source: str, draft: Draft, wish: Wish) -> None:
    if mount.subpath:
        wish.around.need(VOLUME_SUBPATH, "volume.subpath")
    plain = not (mount.subpath or mount.labels or mount.nocopy or mount.consistency)
    if mount.source and plain:
        draft.binds.append(_bind_string(mount))
    else:
        draft.mounts.append(_volume(mount, source))


def _volume(mount: Mount, source: str) -> dict[str, Any]:
    options: dict[str, Any] = {"NoCopy": True} if mount.nocopy else {}
    if mount.labels:
        options["Labels"] = dict(mount.labels)
    if mount.subpath:
        options["Subpath"] = mount.subpath
    return _plain(mount, source) | ({"VolumeOptions": options} if options else {})


def _put_tmpfs(mount: Mount, draft: Draft) -> None:
    """As options in one text, never by the Mounts API: engines cannot share a container's volumes when it has one of those."""
    options = [mount.tmpfs_options] if mount.tmpfs_options else []
    options += [] if mount.tmpfs_size is None else [f"size={mount.tmpfs_size}"]
    options += [] if mount.tmpfs_mode is None else [f"mode={mount.tmpfs_mode:o}"]
    options += ["ro"] if mount.read_only else []
    draft.host.setdefault("Tmpfs", {})[mount.target] = ",".join(options)


def _image(mount: Mount, wish: Wish) -> dict[str, Any]:
    wish.around.need(IMAGE_MOUNTS, "a mount of type image")
    return _plain(mount, mount.source) | ({"ImageOptions": {"Subpath": mount.subpath}} if mount.subpath else {})


def _grant(grant: FileGrant) -> dict[str, Any]:
    return _read_only(grant.source, grant.target)


def _read_only(source: str, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}


def _copy(grant: FileGrant, entry: str, wish: Wish) -> dict[str, Any]:
    if wish.around.api >= VOLUME_SUBPATH:
        return _mounted_copies(wish.action.copies, grant.target, entry)
    return _read_only(f"{wish.around.copies}/{entry}", grant.target)


def _mounted_copies(volume: str, target: str, entry: str = "") -> dict[str, Any]:
    options: dict[str, Any] = {"NoCopy": True} | ({"Subpath": entry} if entry else {})
    return {"Type": "volume", "Source": volume, "Target": target, "ReadOnly": True, "VolumeOptions": options}


def _plain(mount: Mount, source: str) -> dict[str, Any]:
    body: dict[str, Any] = {"Type": mount.type.value, "Target": mount.target}
    if source:
        body["Source"] = source
    if mount.read_only:
        body["ReadOnly"] = True
    if mount.consistency:
        body["Consistency"] = mount.consistency
    return body
