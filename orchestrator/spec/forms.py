"""The kinds of final forms: how a duration, a size, a command, a mapping of labels is finally written.

Each takes a value in any form the schema allows and gives the final one, or ``OMIT`` where it only repeats the default.
What fits no form raises ``BadValue``; forms of lists and mappings gather what is wrong below them, so that all of it is
reported. Which field has which form stands in ``fields``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.spec import casts, gotext, shellwords, values
from orchestrator.spec.document import Map, Seq
from orchestrator.spec.values import BadValue

Form = Callable[[Any], Any]
Problem = tuple[values.Path, str, str]
OMIT: Any = object()


# Single values


def text(value: Any) -> Any:
    return gotext.text(value) or OMIT


def whole(value: Any) -> Any:
    return OMIT if value is None else values.whole(value) or OMIT


def count(value: Any) -> Any:
    """A number of things: whole, not negative, kept when it is zero."""
    return OMIT if value is None else values.whole(value, 0)


def some(value: Any) -> Any:
    """A number of things, left out when it is zero."""
    return OMIT if value is None else values.whole(value, 0) or OMIT


def given_whole(value: Any) -> Any:
    return OMIT if value is None else values.whole(value)


def single(value: Any) -> Any:
    """A number of single precision, as Compose keeps cpus and ratios."""
    number = 0.0 if value is None else values.fraction(value)
    return gotext.single(number) if number else OMIT


def flag(value: Any) -> Any:
    return _boolean(value) or OMIT


def given_flag(value: Any) -> Any:
    return OMIT if value is None else _boolean(value)


def _boolean(value: Any) -> Any:
    if type(value) is not str:
        return value
    try:
        return casts.boolean(value)
    except ValueError as problem:
        raise BadValue(str(problem), "write true or false") from None


def size(value: Any) -> Any:
    """Bytes as text, left out when there are none."""
    return OMIT if value is None or not (number := values.size(value)) else str(number)


def given_size(value: Any) -> Any:
    return OMIT if value is None else str(values.size(value))


def swap_size(value: Any) -> Any:
    return OMIT if value is None or not (number := values.swap_size(value)) else str(number)


def duration(value: Any) -> Any:
    """A duration that is left out when it is zero."""
    return OMIT if value is None or not (time := values.duration(value)) else values.duration_text(time)


def given_duration(value: Any) -> Any:
    return OMIT if value is None else values.duration_text(values.duration(value))


def devices(value: Any) -> Any:
    """How many devices: a number, or -1 for all of them."""
    if type(value) is str and value.lower() == "all":
        return -1
    return whole(value)


def mode(value: Any) -> Any:
    """A file mode in octal digits."""
    return OMIT if value is None else f"0{values.file_mode(value):o}"


def mode_number(value: Any) -> Any:
    """A file mode as the number it is."""
    return OMIT if value is None else values.file_mode(value) or OMIT


def command(value: Any) -> Any:
    """A list of words; an empty one is kept, because it clears the image's own."""
    if value is None:
        return OMIT
    if type(value) is not str:
        return _words(value)
    try:
        return Seq(shellwords.split(value))
    except ValueError as problem:
        raise BadValue(str(problem), "close it, or write the command as a list of words") from None


def _words(value: Seq) -> Seq:
    for index, item in enumerate(value):
        if type(item) is not str:
            words = f"{gotext.text(item)} in a command is not text"
            raise BadValue(problems=[((index,), words, f'write "{gotext.text(item)}"')])
    return Seq(value, value.mark, value.items_at)


def health_test(value: Any) -> Any:
    if value is None:
        return OMIT
    if type(value) is str:
        return Seq(["CMD-SHELL", value])
    return _words(value) or OMIT


# Lists


def texts(value: Any) -> Any:
    """A list of texts, from a list or from one text."""
    if value is None or value == []:
        return OMIT
    if isinstance(value, Seq):
        return Seq([gotext.text(item) for item in value], value.mark, value.items_at)
    return Seq([gotext.text(value)])


def listed(form: Form) -> Form:
    def read(value: Any) -> Any:
        if not isinstance(value, Seq):
            return _nothing_but_null(value, "a list")
        out = Seq(mark=value.mark)
        problems: list[Problem] = []
        for index, item in enumerate(value):
            try:
                final_item = form(item)
            except BadValue as bad:
                problems += bad.below(index)
                continue
            if final_item is not OMIT:
                out.add(final_item, value.mark_of(index))
        _raise(problems)
        return out or OMIT

    return read


# Mappings


def pairs(empty: str | None, *, keep_empty: bool = False) -> Form:
    """A mapping of texts, from a mapping or from ``key=value`` items; a key without a value gets ``empty``."""

    def read(value: Any) -> Any:
        if not isinstance(value, (Map, Seq)):
            return _nothing_but_null(value, "a mapping or a list")
        out = Map(mark=value.mark)
        if isinstance(value, Map):
            for key, item in value.items():
                out.take(key, value, item)
                out[key] = empty if item is None else gotext.text(item)
        else:
            for index, item in enumerate(value):
                _pair(out, gotext.text(item), value.mark_of(index), empty)
        return out if out or keep_empty else OMIT

    return read


def _pair(out: Map, item: str, mark: Any, empty: str | None) -> None:
    key, separator, value = item.partition("=")
    if separator and key and key[-1].isspace():
        raise BadValue(f"the variable name {key!r} ends with a space", "take the space away")
    out.put(key, value if separator else empty, mark, mark)


mapping = pairs("")
environment = pairs(None)


def several(value: Any) -> Any:
    """Options that may be given several times: each becomes a list."""
    if not isinstance(value, Map):
        return OMIT
    out = Map(mark=value.mark)
    for key, item in value.items():
        out.take(key, value, Seq([gotext.text(each) for each in (item if isinstance(item, Seq) else [item])]))
    return out or OMIT


def hosts(value: Any) -> Any:
    """``name=address`` items in order."""
    if value is None:
        return OMIT
    found: dict[str, list[str]] = {}
    if isinstance(value, Map):
        for name, item in value.items():
            found[name] = [gotext.text(each) for each in (item if isinstance(item, Seq) else [item])]
    else:
        for item in value if isinstance(value, Seq) else [value]:
            name, address = _host(gotext.text(item))
            found.setdefault(name, []).extend(address.split(","))
    lines = sorted(f"{_host_name(name)}={_unwrapped(each)}" for name, each_of in found.items() for each in each_of)
    return Seq(lines, value.mark) if lines else OMIT


def _host(item: str) -> tuple[str, str]:
    for separator in "=:":
        name, found, address = item.partition(separator)
        if found:
            return name, address
    raise BadValue(f"the host {item!r} has no address", "write it like name=10.0.0.1")


def _host_name(name: str) -> str:
    if not name or ":" in name or "=" in name:
        raise BadValue(f"{name!r} is not a host name", "a host name has no : and no =")
    return name


def _unwrapped(address: str) -> str:
    return address[1:-1] if len(address) > 2 and address[0] == "[" and address[-1] == "]" else address


def keyed(form: Form, *, keep_null: bool = False) -> Form:
    """A mapping from names of the user's choosing to values of one form."""

    def read(value: Any) -> Any:
        if not isinstance(value, Map):
            return _nothing_but_null(value, "a mapping")
        out = Map(mark=value.mark)
        problems: list[Problem] = []
        for key, item in value.items():
            if item is None and keep_null:
                out.take(key, value)
                out[key] = None
                continue
            try:
                final_item = form(Map(mark=value.mark_of(key)) if item is None else item)
            except BadValue as bad:
                problems += bad.below(key)
                continue
            if final_item is not OMIT:
                out.put(key, final_item, value.keys_at.get(key, value.mark), value.mark_of(key))
        _raise(problems)
        return out or OMIT

    return read


def unchanged(value: Any) -> Any:
    return value


def struct(fields: Mapping[str, Form], *, omit_empty: bool = False) -> Form:
    """A mapping of known fields. Keys without a form (``x-*``) stay as they are."""

    def read(value: Any) -> Any:
        if not isinstance(value, Map):
            return _nothing_but_null(value, "a mapping")
        out = Map(mark=value.mark)
        problems: list[Problem] = []
        for key, item in value.items():
            try:
                final_item = fields.get(key, unchanged)(item)
            except BadValue as bad:
                problems += bad.below(key)
                continue
            if final_item is not OMIT:
                out.put(key, final_item, value.keys_at.get(key, value.mark), value.values_at.get(key, value.mark))
        _raise(problems)
        return OMIT if omit_empty and not out else out

    return read


def _nothing_but_null(value: Any, wanted: str) -> Any:
    if value is not None:
        raise BadValue(f"{gotext.text(value)!r} is not {wanted}")
    return OMIT


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise BadValue(problems=problems)


def ssh_keys(value: Any) -> Any:
    """Agents and keys as ``name`` or ``name: path``, in the order of their names."""
    if not isinstance(value, Map):
        return OMIT if value is None else value
    lines = [name if not path else f"{name}: {gotext.text(path)}" for name, path in sorted(value.items())]
    return Seq(lines, value.mark) if lines else OMIT


def ulimit(value: Any) -> Any:
    if isinstance(value, Map):
        limits = Map(mark=value.mark)
        for key in ("soft", "hard"):
            limits.put(key, values.whole(value.get(key, 0)), value.mark_of(key), value.mark_of(key))
        return limits
    number = values.whole(value)
    return number or Map((("soft", 0), ("hard", 0)))


def with_default(key: str, default: Any, form: Form) -> Form:
    """A form that always says ``key``."""

    def read(value: Any) -> Any:
        out = form(value)
        if isinstance(out, Map) and key not in out:
            out.put(key, default, out.mark, out.mark)
        return out

    return read
