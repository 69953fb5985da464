"""Texts in which the grammars of variables and of env files show themselves, for comparison with Compose.

What Compose takes stands together in one case each; what it refuses has a case of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.support.spec_cases import Case

ENVIRONMENT = "A=aa\nB=bb\nE=\nHOME=/home/someone\n"
TAKEN = (
    *("$A", "${A}", "${U:-d}", "${E:-d}", "${E-d}", "${U-d}", "${A:+r}", "${E:+r}", "${E+r}", "${U+r}", "$$A", "$$$A"),
    *("$$$$", "a$", "$", "$1", "$-", "${A:-${B:-x}}", "${U:-$A}", '${U:-{"j":1}}t', "${U:-a:b/c?d+e}", "${U:-}"),
    *("$A$B", "$AB", "${A}B", "a${A}b$Bc", "${U:-${E:-${A}}}", "${U:-$$}", "${U:-a}b}", "${A:?msg}", "${E?msg}"),
    *("${U:-a b}", "${U:-'q'}", '${U:-"q"}', "${_x:-y}", "${A:+${B}}", "${A+${E}}", "$A.b", "$A-b", "$A:b", "%A%"),
    *("$(A)", "$$${A}", "$$${U:-d}", "${U:-{}}", "{{.Node}} ${A}", "${A:-b:-c}", "${U-b:-c}", "${U:-b-c}", "$ A"),
)
REFUSED = (
    "${1}",
    "${a.b}",
    "${A/a/b}",
    "${A:0:1}",
    "${",
    "${A",
    "${}",
    "${U?}",
    "${U:?msg}",
    "${A!}",
    "${#A}",
    "${A:}",
)
LINES = (
    *("A=1", "A = 1", " A=1", "export A=1", "A: 1", "A", "A=", "A=''", 'A=""', "A='a b' # c", 'A="a b" # c'),
    *("A=a b # c", "A=a#b", "A=#b", 'A="a\\nb"', "A='a\\nb'", "A=a\\nb", 'A="a\\"b"', "A='a\\'b'", 'A="$B"', "A='$B'"),
    *("A=$B", "A=${B:-c}", "A=$$B", 'A="\\$B"', "A=\\$B", 'A="a\nb"', "A=`x`", "A=$(x)", 'A="x"y', "a.b=1", "a-b=1"),
    *("a[0]=1", "=1", "A==1", "A=1=2", "A=a:b", "#A=1", "A=é", 'A="\\u0041"', 'A="\\x41"', 'A="\\0101"', "A= 'x'"),
    *(
        "A='x' ",
        "A\t=x",
        "A=x\r\nB=y\r",
        "\ufeffA=1",
        "A=1\nA=2",
        "A=1\nC=${A}x",
        "A=~",
        "A=yes",
        "A=x'y'z",
        "A='x''y'",
    ),
)
BAD_LINES = ("a b=1", "A='x'y z=1", "A='", 'A="', "A=${", "A=${U:?m}", "a/b=1", "A$=1", "A@=1")


def all_of_it() -> Iterator[Case]:
    """The cases."""
    values = {f"V{number}": text for number, text in enumerate(TAKEN)}
    yield _variables("taken", values)
    for number, text in enumerate(REFUSED):
        yield _variables(f"refused-{number}", {"V": text})
    yield _lines("taken", LINES)
    for number, line in enumerate(BAD_LINES):
        yield _lines(f"refused-{number}", (line,))


def _variables(name: str, values: dict[str, str]) -> Case:
    document = {"services": {"web": {"image": "x", "environment": values, "labels": list(values.values())[:3]}}}
    return _case(f"grammar/variables-{name}", {"compose.yaml": json.dumps(document, indent=1)})


def _lines(name: str, lines: tuple[str, ...]) -> Case:
    """Each line in an env file of its own; the case's writer ends files with a line break."""
    services = {f"s{number}": {"image": "x", "env_file": f"{number}.env"} for number in range(len(lines))}
    files = {f"{number}.env": line + "\n" for number, line in enumerate(lines)}
    return _case(f"grammar/lines-{name}", {"compose.yaml": json.dumps({"services": services}, indent=1), **files})


def _case(name: str, files: dict[str, str]) -> Case:
    return Case(name, name, files, {"environment": ENVIRONMENT})
