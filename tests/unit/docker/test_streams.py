"""Containers' output becomes the same lines however it is torn, and no output can make memory grow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engines.docker.streams import STDERR, STDOUT, Demultiplexer, Line, LineReader, LineSplitter, Piece


def frame(stream: int, content: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    while data:
        size, sizes = sizes[0], [*sizes[1:], sizes[0]]
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def joined(pieces: list[Piece]) -> dict[int, bytes]:
    return {
        stream: b"".join(piece.content for piece in pieces if piece.stream == stream) for stream in (STDOUT, STDERR)
    }


@given(
    frames=st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=40))),
    sizes=st.lists(st.integers(1, 15), min_size=1),
)
def test_stdout_and_stderr_come_apart_however_the_frames_are_torn(
    frames: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    data = b"".join(frame(stream, content) for stream, content in frames)
    demultiplexer = Demultiplexer()

    found = joined([piece for part in cut(data, sizes) for piece in demultiplexer.feed(part)])

    assert joined([Piece(*one) for one in frames]) == found


def test_a_frame_of_gigabytes_is_passed_on_as_it_comes() -> None:
    demultiplexer = Demultiplexer()
    head = bytes([STDOUT, 0, 0, 0]) + (1 << 31).to_bytes(4, "big")

    assert [Piece(STDOUT, b"first")] == list(demultiplexer.feed(head + b"first"))
    assert [Piece(STDOUT, b"second")] == list(demultiplexer.feed(b"second"))


@given(
    data=st.binary(max_size=300).filter(lambda data: b"\n" not in data), sizes=st.lists(st.integers(1, 9), min_size=1)
)
def test_no_part_of_a_line_is_longer_than_the_limit_and_none_is_lost(data: bytes, sizes: list[int]) -> None:
    splitter = LineSplitter(limit=16)
    parts = [part for piece in cut(data + b"\n", sizes) for part in splitter.feed(piece)]

    assert data == b"".join(content for content, _ in parts)
    assert all(len(content) <= 16 for content, _ in parts)
    assert [False] * (len(parts) - 1) + [True] == [whole for _, whole in parts]


def test_a_long_line_is_not_cut_inside_a_character() -> None:
    splitter = LineSplitter(limit=10)
    text = "ü€😀" * 20

    parts = [content for content, _ in splitter.feed(text.encode() + b"\n")]

    assert text == "".join(part.decode() for part in parts)


def test_characters_torn_between_packets_stay_whole() -> None:
    reader = LineReader(tty=True)
    data = "grün €\n".encode()

    lines = [line for byte in data for line in reader.feed(bytes([byte]))]

    assert [Line(STDOUT, "grün €".encode())] == lines


def test_lines_of_stdout_and_stderr_do_not_mix() -> None:
    reader = LineReader(tty=False)
    data = frame(STDOUT, b"he") + frame(STDERR, b"err\r\n") + frame(STDOUT, b"llo\nopen")

    assert [Line(STDERR, b"err"), Line(STDOUT, b"hello")] == list(reader.feed(data))
    assert [Line(STDOUT, b"open", whole=False)] == list(reader.flush())
    assert [] == list(reader.flush())


@given(
    lines=st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=40)), max_size=30),
    sizes=st.lists(st.integers(1, 200), min_size=1),
)
def test_lines_that_come_together_are_one_value_and_the_same_lines(
    lines: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    """A million lines are not a million objects."""
    told = [(stream, line.replace(b"\n", b" ").rstrip(b"\r")) for stream, line in lines]
    reader = LineReader(tty=False, limit=50)
    data = b"".join(frame(stream, line + b"\r\n") for stream, line in told)

    found = [line for piece in cut(data, sizes) for line in reader.feed(piece)]

    assert all(line.whole for line in found)
    for stream in (STDOUT, STDERR):
        apart = [one for line in found if line.stream == stream for one in line.content.split(b"\n")]
        assert [line for of, line in told if of == stream] == apart


def test_a_packet_of_lines_is_one_value() -> None:
    data = b"".join(frame(STDOUT, b"line\n") for _ in range(1000))

    assert [Line(STDOUT, b"\n".join([b"line"] * 1000))] == list(LineReader(tty=False).feed(data))
