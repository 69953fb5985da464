"""How much memory this process took at most while something went on."""

from __future__ import annotations

from pathlib import Path


class Peak:
    """``with Peak() as peak: ...; peak.mebibytes`` more than before, at the worst moment."""

    def __enter__(self) -> Peak:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self._before = _kibibytes("VmHWM")
        return self

    def __exit__(self, *_: object) -> None:
        self.mebibytes = (_kibibytes("VmHWM") - self._before) / 1024


def _kibibytes(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0])
