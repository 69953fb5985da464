"""The configuration of a front end: what it says, and that only what we would write ourselves is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engines.docker import front_config
from orchestrator.model.front import FrontEnd, FrontPort, Rotation
from orchestrator.model.probe import HttpProbe, Probe

ids = st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), unique=True, max_size=4).map(tuple)
ports = st.lists(st.builds(FrontPort, st.integers(1, 65535), st.booleans()), max_size=3).map(tuple)
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
http = st.builds(HttpProbe, port=st.integers(1, 65535), path=printable.map(lambda text: f"/{text}"), host=printable)
probes = st.none() | st.builds(Probe, http=http) | st.builds(Probe, tcp=st.integers(1, 65535))
fronts = st.builds(FrontEnd, service=st.just("web"), ports=ports, probe=probes)
ROTATION = Rotation(FrontEnd(service="web", ports=(FrontPort(80, True), FrontPort(5432))), ("a" * 64, "b" * 64))


@given(st.builds(Rotation, fronts, ids))
def test_what_is_written_is_read_back(rotation: Rotation) -> None:
    assert rotation == front_config.read(front_config.render(rotation))


@pytest.mark.parametrize(
    "change", [("retries 3", "retries 9"), ("server bbbbbbbbbbbb", "server cccccccccccc"), ("\n", "")]
)
def test_any_other_text_is_none_of_ours(change: tuple[str, str]) -> None:
    assert front_config.read(front_config.render(ROTATION).replace(*change)) is None


@pytest.mark.parametrize("text", ["", "global\n", "# {}\n", "# Written by stack\n# 7\n"])
def test_strange_texts_are_none_of_ours_either(text: str) -> None:
    assert front_config.read(text) is None


def test_members_are_named_so_that_a_restart_elsewhere_is_followed() -> None:
    text = front_config.render(ROTATION)

    assert "server aaaaaaaaaaaa aaaaaaaaaaaa:80 check" in text
    assert "server bbbbbbbbbbbb bbbbbbbbbbbb:5432 check" in text
    assert text.count("resolvers engine init-addr libc,none") == 4


def test_a_probe_is_what_members_are_checked_by() -> None:
    probe = Probe(http=HttpProbe(port=8081, path='/ready?"x', host="shop"))
    text = front_config.render(Rotation(FrontEnd(service="web", ports=(FrontPort(80),), probe=probe), ("a" * 64,)))

    assert 'http-check send meth GET uri "/ready?\\"x" ver HTTP/1.1 hdr Host "shop"' in text
    assert "http-check expect status 200-399" in text
    assert "check inter 1000ms fall 3 rise 1 port 8081" in text
