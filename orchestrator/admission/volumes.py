"""Volumes: what they are made of."""

from __future__ import annotations

from typing import Any

from orchestrator.admission import labels, ownership, paths, reading
from orchestrator.admission.judging import Judge, Table, shown

LOCAL = "local"


def volume_driver(judge: Judge, field: str, value: Any) -> None:
    driver = reading.text(value)
    if driver and driver != LOCAL and driver not in judge.grants.volume_drivers:
        judge.refuse("volume-driver", field, driver, f"the volume plugin {shown(driver)}")


def volume_options(judge: Judge, field: str, value: Any) -> None:
    """Options of the local driver are those of a mount: a tmpfs is harmless, a bind is judged as such, the rest is not."""
    options = {name.lower(): reading.text(said) for name, said in reading.entries(value).items()}
    if not any(options.values()):
        return
    unknown = options.keys() - {"type", "o", "device", "size"}
    kind, device = options.get("type", ""), options.get("device", "")
    flags = [flag.strip() for flag in options.get("o", "").lower().split(",")]
    if (
        not unknown
        and kind == "tmpfs"
        and device in ("", "tmpfs")
        and not {"bind", "rbind", "move"}.intersection(flags)
    ):
        return
    if not unknown and not kind and not device and not options.get("o"):
        return  # a quota
    if not unknown and kind in ("", "none") and {"bind", "rbind"}.intersection(flags):
        if device.startswith("/") and paths.granted(judge, device, read_only="ro" in flags):
            paths.look(judge, field, device, read_only="ro" in flags)
            return
        judge.refuse("volume-options", field, device, f"a volume that is the host's {shown(device)}")
        return
    judge.refuse("volume-options", field, device or kind, f"a volume that is a mount of type {kind or 'unknown'}")


VOLUME: Table = {
    "Name": lambda judge, field, value: ownership.volume(judge, field, reading.text(value)),
    "Driver": volume_driver,
    "DriverOpts": volume_options,
    "Labels": labels.look,
}


def create_volume(judge: Judge, body: Any) -> None:
    """The body of a create call. Options are judged as the engine's own driver's; those of a permitted plugin are its own."""
    found = reading.fields(body)
    judge.walk({**VOLUME, "DriverOpts": None} if found.get("driver") in judge.grants.volume_drivers else VOLUME, body)
    judge.look(labels.require_own, "Labels", found.get("labels"))
