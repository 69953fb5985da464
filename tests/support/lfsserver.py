"""The LFS part of a real-enough server: it tells where large files are, gives them, and misbehaves as its ``fault`` says."""

from __future__ import annotations

import json
from pathlib import Path

Answer = tuple[int, list[tuple[str, str]], bytes]
FAULTS = (
    "missing",
    "gone",
    "other",
    "short",
    "long",
    "endless",
    "batch elsewhere",
    "object elsewhere",
    "href elsewhere",
)


class LargeFiles:
    """Those of the repository at ``folder``; ``url`` is the server's own, ``elsewhere`` that of another."""

    def __init__(self, folder: Path, url: str) -> None:
        self._objects, self._url = folder / ".git" / "lfs" / "objects", url
        self.fault = self.elsewhere = ""

    def answer(self, path: str, body: bytes) -> Answer:
        if path.endswith("/objects/batch"):
            if self.fault == "batch elsewhere":
                return 307, [("Location", self.elsewhere + path)], b""
            said = {"transfer": "basic", "objects": [self._where(one) for one in json.loads(body)["objects"]]}
            return 200, [("Content-Type", "application/vnd.git-lfs+json")], json.dumps(said).encode()
        return self._object(path)

    def _where(self, one: dict[str, object]) -> dict[str, object]:
        if self.fault == "missing":
            return {**one, "error": {"code": 404, "message": "Object does not exist"}}
        base = self.elsewhere if self.fault == "href elsewhere" else self._url
        return {**one, "actions": {"download": {"href": f"{base}/info/lfs/objects/{one['oid']}"}}}

    def _object(self, path: str) -> Answer:
        name = path.rpartition("/")[2]
        content = (self._objects / name[:2] / name[2:4] / name).read_bytes()
        match self.fault:
            case "gone":
                return 404, [], b"no"
            case "object elsewhere":
                return 302, [("Location", self.elsewhere + path)], b""
            case "other":
                content = b"x" * len(content)
            case "short":
                content = content[:-1]
            case "long":
                content += b"x"
            case "endless":
                content += b"x" * (8 << 20)
        return 200, [("Content-Type", "application/octet-stream")], content
