"""Durations, sizes, ports and modes: what is written comes back, and nothing that is written breaks the reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec import ports, values, volumes
from orchestrator.spec.values import BadValue

NANOSECONDS = st.integers(min_value=0, max_value=values.LARGEST)
PORT = st.integers(min_value=1, max_value=65535)
ODD = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789.eE+-kKmMgGbBiIhsun: /_xinfa\u00b5", max_size=40),
    st.integers(),
    st.floats(),
    st.booleans(),
)
READERS_OF_ANYTHING = (
    values.duration,
    values.size,
    values.swap_size,
    values.whole,
    values.fraction,
    values.nano_cpus,
    values.file_mode,
)
READERS_OF_TEXT = (
    values.restart_policy,
    values.pull_interval,
    ports.parse,
    ports.count,
    ports.check_published,
    volumes.parse,
    volumes.unknown_options,
)


@given(NANOSECONDS)
def test_a_duration_comes_back_from_its_text(nanoseconds: int) -> None:
    assert nanoseconds == values.duration(values.duration_text(nanoseconds))


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(["w", "d", "h", "m", "s", "ms", "us", "ns"])), min_size=1)
)
def test_the_parts_of_a_duration_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)

    assert sum(values.duration(f"{number}{unit}") for number, unit in parts) == values.duration(text)


@given(st.integers(0, 2**32), st.sampled_from(["", "k", "m", "g"]), st.sampled_from(["", "b", "ib"]), st.booleans())
def test_a_size_is_a_number_of_units(number: int, unit: str, rest: str, upper: bool) -> None:
    suffix = unit + (rest if unit else rest.removeprefix("i"))
    text = f"{number}{suffix.upper() if upper else suffix}"

    assert number * 1024 ** ["", "k", "m", "g"].index(unit) == values.size(text)


@given(st.integers(0, 0o7777))
def test_a_mode_comes_back_from_its_octal_text(mode: int) -> None:
    assert mode == values.file_mode(f"0{mode:o}") == values.file_mode(mode)


@given(PORT, st.integers(0, 50), st.integers(0, 65000), st.sampled_from(ports.PROTOCOLS))
def test_ranges_of_one_length_are_paired(first: int, length: int, host: int, protocol: str) -> None:
    last, end = min(first + length, 65535), min(host + length, 65535)
    length = min(last - first, end - host)
    text = f"{host}-{host + length}:{first}-{first + length}/{protocol}"

    parsed = ports.parse(text)

    assert length + 1 == len(parsed) == ports.count(text)
    assert {(first + number, str(host + number)) for number in range(length + 1)} == {
        (port.target, port.published) for port in parsed
    }


@given(PORT, PORT, PORT)
def test_several_host_ports_for_one_container_port_stay_a_choice(target: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    published = f"{low}-{high}"
    expected = published if low != high else str(low)

    assert [(target, expected, "tcp", "")] == [tuple(port) for port in ports.parse(f"{published}:{target}")]


@given(st.data())
@pytest.mark.parametrize("reader", READERS_OF_ANYTHING, ids=lambda reader: reader.__name__)
def test_odd_values_are_read_or_refused_with_words(reader: Callable[[Any], Any], data: st.DataObject) -> None:
    answer = _answer(reader, data.draw(ODD))

    assert _is_refusal(answer) or -1 <= answer <= values.LARGEST or reader in (values.whole, values.fraction)


@given(st.text(max_size=60))
@pytest.mark.parametrize("reader", READERS_OF_TEXT, ids=lambda reader: reader.__name__)
def test_odd_texts_are_read_or_refused_with_words(reader: Callable[[str], Any], text: str) -> None:
    answer = _answer(reader, text)

    assert _is_refusal(answer) or not isinstance(answer, BadValue)


def _answer(reader: Callable[[Any], Any], value: Any) -> Any:
    try:
        return reader(value)
    except BadValue as bad:
        return bad


def _is_refusal(answer: Any) -> bool:
    return isinstance(answer, BadValue) and all(message for _, message, _ in answer.problems)


@pytest.mark.parametrize(
    "huge", ["9" * 5000, "1e400", "-" + "9" * 5000, "0x" + "f" * 400, "9" * 5000 + "gb", "9" * 5000 + "h"]
)
def test_huge_numbers_are_refused_without_being_computed_with(huge: str) -> None:
    for reader in (*READERS_OF_ANYTHING, ports.parse):
        with pytest.raises(BadValue) as caught:
            reader(huge)
        assert len(str(caught.value)) < 200
