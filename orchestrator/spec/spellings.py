"""Texts that an engine would refuse only once half of a stack is made: references of images, addresses, targets of mounts."""

from __future__ import annotations

import re
from functools import cache

from orchestrator.spec.hints import quoted
from orchestrator.spec.values import BadValue

_MAC = re.compile(
    r"[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}"
)


@cache
def _image() -> re.Pattern[str]:
    """``[DOMAIN/]PATH[:TAG][@DIGEST]``, as registries and engines have it."""
    label = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
    domain = rf"(?:{label}(?:\.{label})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
    part = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    tag, digest = r"\w[\w.-]{0,127}", r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
    return re.compile(rf"(?:{domain}/)?{part}(?:/{part})*(?::{tag})?(?:@{digest})?", re.ASCII)


def image(text: str) -> str:
    if not text or _image().fullmatch(text):
        return text
    lower = text.lower()
    near = f"write {lower}" if _image().fullmatch(lower) else "write it like [REGISTRY/]NAME[:TAG], such as nginx:1.27"
    raise BadValue(f"{quoted(text)} is no name of an image", near)


def ipv4(text: str) -> str:
    return _address(text, 4, "such as 172.20.0.10")


def ipv6(text: str) -> str:
    return _address(text, 6, "such as 2001:db8::10")


def _address(text: str, version: int, example: str) -> str:
    import ipaddress  # few files give addresses

    try:
        if not text or ipaddress.ip_address(text).version == version:
            return text
    except ValueError:
        pass
    raise BadValue(f"{quoted(text)} is no IPv{version} address", f"write one {example}")


def mac(text: str) -> str:
    if not text or _MAC.fullmatch(text):
        return text
    raise BadValue(f"{quoted(text)} is no MAC address", "write it like 02:42:ac:11:65:43")


def mounted_at(text: str) -> str:
    """Where something is mounted: anywhere but on the container's root itself."""
    if text.startswith("/") and not text.strip("/."):
        raise BadValue("nothing can be mounted on the root of a container", "name a folder in it")
    return text
