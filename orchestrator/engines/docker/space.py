"""What a stack takes of the disk: sizes of its images with shared layers counted once, of writable layers, volumes and
logs. The engine's answers come in, a ``Space`` goes out.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.engines.docker import images
from orchestrator.engines.docker.client import Client
from orchestrator.engines.operations import ContainerSpace, ImageSpace, Space, VolumeSpace
from orchestrator.errors import NotFound
from orchestrator.model import naming

VOLUMES_ALONE = (1, 42)  # from here on the engine can be asked for the sizes of volumes without those of all images

Json = Mapping[str, Any]
Piece = tuple[str, int]  # a layer's identity and its size


def of_stack(client: Client, stack: str, named: Mapping[str, str]) -> Space:
    layers = {image: pieces for image in named if (pieces := _pieces(client, image))}
    return Space(
        images=tuple(_images(named, layers)),
        images_total=sum(dict(piece for pieces in layers.values() for piece in pieces).values()),
        containers=tuple(_containers(client, stack)),
        volumes=tuple(_volumes(client, stack)),
    )


def _images(named: Mapping[str, str], layers: Mapping[str, list[Piece]]) -> Iterable[ImageSpace]:
    holders = Counter(identity for pieces in layers.values() for identity, _ in pieces)
    for image, pieces in layers.items():
        yield ImageSpace(
            id=image,
            name=named[image],
            size=sum(size for _, size in pieces),
            exclusive=sum(size for identity, size in pieces if holders[identity] == 1),
        )


def _pieces(client: Client, image: str) -> list[Piece]:
    """The image's layers with their sizes, lowest first; none where it is gone."""
    try:
        history = client.get_json(f"/images/{images.in_path(image)}/history")
        described = client.get_json(f"/images/{images.in_path(image)}/json")
    except NotFound:
        return []
    return pieces_of(history, (described.get("RootFS") or {}).get("Layers") or [])


def pieces_of(history: list[Json], layers: list[str]) -> list[Piece]:
    """Layers are the same where they and all below them are.

    The history holds the sizes and does not say which entries made a layer; where as many entries have a size as there
    are layers it is clear. Otherwise an entry with all below it stands for its layer.
    """
    entries = [entry for entry in reversed(history) if entry.get("Size")]
    names = [str(layer) for layer in layers]
    if len(entries) != len(names):
        names = [f"{entry.get('Created')} {entry.get('CreatedBy')} {entry['Size']}" for entry in entries]
    pieces, chain = [], ""
    for entry, name in zip(entries, names, strict=True):
        chain = f"{chain}\n{name}"
        pieces.append((chain, int(entry["Size"])))
    return pieces


def _containers(client: Client, stack: str) -> Iterable[ContainerSpace]:
    query = {"all": True, "size": True, "filters": {"label": [f"{naming.PROJECT}={stack}"]}}
    listed = client.get_json("/containers/json", query, timeout=None)
    local = client.endpoint.scheme == "unix"
    for raw in sorted(listed, key=lambda raw: str(raw["Names"])):
        yield ContainerSpace(
            id=raw["Id"],
            name=raw["Names"][0].removeprefix("/"),
            service=(raw.get("Labels") or {}).get(naming.SERVICE, ""),
            writable=int(raw.get("SizeRw") or 0),
            log=_log(client, raw["Id"]) if local else None,
        )


def _log(client: Client, container: str) -> int | None:
    """The size of the log and its rotated parts, where it is a file that we may see."""
    try:
        path = client.get_json(f"/containers/{container}/json").get("LogPath") or ""
    except NotFound:
        return None
    if not path or not os.path.exists(path):
        return None
    sizes = [_size(part) for part in [path, *glob.glob(glob.escape(path) + ".*")]]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _volumes(client: Client, stack: str) -> Iterable[VolumeSpace]:
    query = {"type": ["volume"]} if client.api_version >= VOLUMES_ALONE else None
    known = client.get_json("/system/df", query, timeout=None).get("Volumes") or []
    for raw in sorted(known, key=lambda raw: str(raw["Name"])):
        labels = raw.get("Labels") or {}
        if labels.get(naming.PROJECT) == stack:
            size = int((raw.get("UsageData") or {}).get("Size", -1))
            yield VolumeSpace(name=raw["Name"], key=labels.get(naming.VOLUME, ""), size=size if size >= 0 else None)
