"""The keys that leave a container without stopping it: ``ctrl-p,ctrl-q`` unless the user says otherwise.

Typed bytes go in, bytes to send on come out; a sequence that has begun is held back until it is complete or broken.
Pure.
"""

from __future__ import annotations

from orchestrator.errors import UsageError

DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q"

_CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_"


class DetachKeys:
    """One watcher per session."""

    def __init__(self, sequence: bytes) -> None:
        self._sequence = sequence
        self._held = b""

    @classmethod
    def parse(cls, text: str) -> DetachKeys:
        """From ``ctrl-p,ctrl-q``: comma-separated single characters, or ``ctrl-`` and one of ``a-z @ [ \\ ] ^ _``."""
        return cls(bytes(_key(part, text) for part in text.split(",")))

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What to send on, and whether the sequence is complete (what follows it is dropped)."""
        out = bytearray()
        for byte in data:
            self._held += bytes([byte])
            if self._held == self._sequence:
                self._held = b""
                return bytes(out), True
            while self._held and not self._sequence.startswith(self._held):
                out.append(self._held[0])
                self._held = self._held[1:]
        return bytes(out), False


def _key(part: str, text: str) -> int:
    if len(part) == 1 and part.isascii():
        return ord(part)
    letter = part.lower().removeprefix("ctrl-")
    if part.lower().startswith("ctrl-") and len(letter) == 1 and letter in _CONTROL:
        return _CONTROL.index(letter)
    raise UsageError(
        f"the detach keys {text!r} cannot be understood at {part!r}",
        hint="write them like ctrl-p,ctrl-q; `detachKeys` in Docker's config.json may set them too",
    )
