"""Values as Go sees them: what counts as true, how they are printed, and ``printf``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from orchestrator.cli.gotemplate.lexer import problem


class Missing:
    """A key that a map does not have."""


MISSING = Missing()


def truth(value: object) -> bool:
    return not isinstance(value, Missing) and bool(value)


def is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def text(value: object) -> str:
    """As ``%v`` prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, Missing):
        return "<no value>"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if not value.is_integer() or abs(value) >= 1e21 else str(int(value))
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{text(key)}:{text(value[key])}" for key in sorted(value, key=str)) + "]"
    if isinstance(value, Sequence):
        return "[" + " ".join(map(text, value)) + "]"
    return str(value)


def as_json(value: object) -> str:
    """Compact, with the keys of maps in order."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _plain(value: object) -> object:
    """Without what is no data: fields that want an argument, and keys that are not there."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if not callable(item)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return None if isinstance(value, Missing) else value


_VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d+))?(?P<verb>[a-zA-Z%])")
_INTEGERS = {"d": "d", "x": "x", "X": "X", "o": "o", "b": "b", "c": "c"}


def printf(form: object, *arguments: object) -> str:
    """``%s %d %v %q %t %f %x`` and their kin, with widths."""
    if not isinstance(form, str):
        raise problem("printf begins with a format")
    left = list(arguments)

    def put(found: re.Match[str]) -> str:
        if found["verb"] == "%":
            return "%"
        width = found["width"] or ""
        if width == "*":
            width = text(left.pop(0)) if left else ""
        if not left:
            return f"%!{found['verb']}(MISSING)"
        return _padded(_verb(found, left.pop(0)), found["flags"], width)

    made = _VERB.sub(put, form)
    extra = ", ".join(f"{_type(one)}={text(one)}" for one in left)
    return made + (f"%!(EXTRA {extra})" if extra else "")


def _verb(found: re.Match[str], value: object) -> str:
    verb, precision, plus = found["verb"], found["precision"], "+" if "+" in found["flags"] else ""
    if verb == "v":
        return text(value)
    if verb == "s" and not isinstance(value, (int, float)):
        return text(value)[: int(precision)] if precision else text(value)
    if verb == "q" and isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if verb == "t" and isinstance(value, bool):
        return text(value)
    if verb == "T":
        return _type(value)
    if verb in _INTEGERS and isinstance(value, int) and not isinstance(value, bool):
        return f"{value:{plus if verb == 'd' else ''}{_INTEGERS[verb]}}"
    if verb in "xX" and isinstance(value, str):
        return value.encode().hex() if verb == "x" else value.encode().hex().upper()
    if verb in "feEgG" and isinstance(value, float):
        return f"{value:{plus}.{precision or 6}{verb}}" if verb not in "gG" or precision else f"{value:{plus}g}"
    return f"%!{verb}({_type(value)}={text(value)})"


def _padded(made: str, flags: str, width: str) -> str:
    if not width:
        return made
    if "-" in flags:
        return made.ljust(int(width))
    return made.zfill(int(width)) if "0" in flags else made.rjust(int(width))


def _type(value: object) -> str:
    if value is None or isinstance(value, Missing):
        return "<nil>"
    kinds: tuple[tuple[type, str], ...] = ((bool, "bool"), (int, "int"), (float, "float64"), (str, "string"))
    for kind, name in kinds:
        if isinstance(value, kind):
            return name
    return "map[string]interface {}" if isinstance(value, Mapping) else "[]interface {}"
