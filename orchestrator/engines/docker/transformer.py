"""Transformation images: a container that reads /in/compose.yaml (and /templates) and writes what it makes to /out.

The protocol is Compose Bridge's. Files are copied in and out rather than mounted, so that it works with an engine on another
machine, and what comes out is unpacked as any archive that is not to be trusted.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from orchestrator.engines.docker import images, streams, unpack
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError, NotFound
from orchestrator.model import naming

LICENCE = "LICENSE_AGREEMENT=true"  # what the images of Docker's own want to see
OUT, TEMPLATES = "out", "templates"
SECONDS = 600.0


def transform(client: Client, image: str, inputs: Mapping[str, bytes], folder: str, stack: str) -> tuple[int, str]:
    # A one-off of the stack: nobody takes it for a replica, and who looks for the stack's containers finds it.
    with _container(client, image, {naming.PROJECT: stack, naming.ONEOFF: "True"}) as container:
        path = f"/containers/{quote(container)}"
        client.put(f"{path}/archive", {"path": "/"}, _packed(inputs))
        client.post_json(f"{path}/start")
        code = int(client.post_json(f"{path}/wait", timeout=SECONDS)["StatusCode"])
        said = _logs(client, container)
        if code == 0:
            _copy_out(client, container, OUT, folder)
        return code, said


def templates(client: Client, image: str, folder: str) -> None:
    with _container(client, image, {}) as container:
        _copy_out(client, container, TEMPLATES, folder)


@contextmanager
def _container(client: Client, image: str, labels: Mapping[str, str]) -> Iterator[str]:
    """One that is made of the image, pulled where it is missing, and removed in the end."""
    if images.inspect(client, image) is None:
        images.pull(client, image)
    body = {"Image": image, "Env": [LICENCE], "Labels": dict(labels)}
    made = client.post_json("/containers/create", body=body)["Id"]
    try:
        yield made
    finally:
        client.delete(f"/containers/{quote(made)}", {"force": True, "v": True})


def _packed(inputs: Mapping[str, bytes]) -> bytes:
    """The files, and the folders that whichever user the image runs as must get into."""
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folders = {OUT: 0o777}
        for path in inputs:
            parent = os.path.dirname(path)
            while parent:
                folders[parent] = 0o755
                parent = os.path.dirname(parent)
        for path, mode in sorted(folders.items()):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        for path, content in inputs.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _logs(client: Client, container: str) -> str:
    frames, said = streams.Demultiplexer(), bytearray()
    query = {"stdout": True, "stderr": True}
    with client.stream("GET", f"/containers/{quote(container)}/logs", query) as stream:
        for data in stream:
            for piece in frames.feed(data):
                said += piece.content
    return said.decode(errors="replace")


def _copy_out(client: Client, container: str, what: str, folder: str) -> None:
    try:
        with client.stream("GET", f"/containers/{quote(container)}/archive", {"path": f"/{what}"}) as stream:
            unpack.unpack(stream, os.path.dirname(folder), rename=(what, os.path.basename(folder)))
    except NotFound as problem:
        raise EngineError(
            f"the image has no /{what}", hint="is it a transformation image?", reference="no-transformation"
        ) from problem
