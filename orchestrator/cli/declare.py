"""How a command says what it accepts: a frozen dataclass whose fields are made by the functions below.

The declaration is the only place an option is written down: the reader parses by it, the help pages are rendered
from it, and tests compare it with the inventory of Compose's own options. Nothing third-party is needed to run a
command.
"""

from __future__ import annotations

from orchestrator.records import MISSING, dataclass, field, fields, replace

TYPE_CHECKING = False  # see main
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

FLAG, TEXT, NUMBER, POSITIONAL = "flag", "text", "number", "positional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One option or positional argument.

    ``later``: known, accepted by the reader and refused with a clear message, because it is not built yet.
    ``rest``: everything from here on belongs to another program (``exec web ls -l``).
    """

    attribute: str = ""
    names: tuple[str, ...] = ()
    kind: str = FLAG
    many: bool = False
    required: bool = False
    rest: bool = False
    metavar: str = ""
    choices: tuple[str, ...] = ()
    help: str = ""
    hidden: bool = False
    later: bool = False
    default: Any = None


def flag(*names: str, help: str = "", default: bool | None = False, hidden: bool = False, later: bool = False) -> Any:
    """A switch. ``default`` None tells "not given" from an explicit ``=false``."""
    return _field(Parameter(names=names, help=help, hidden=hidden, later=later), default)


def text(
    *names: str,
    help: str = "",
    metavar: str = "TEXT",
    default: str | None = "",
    choices: tuple[str, ...] = (),
    hidden: bool = False,
    later: bool = False,
) -> Any:
    """An option with one value; the last one given wins. ``default`` None tells "not given" from an empty one."""
    known = Parameter(names=names, kind=TEXT, help=help, metavar=metavar, choices=choices, hidden=hidden, later=later)
    return _field(known, default)


def number(*names: str, help: str = "", metavar: str = "N", default: int | None = None, later: bool = False) -> Any:
    """An option whose value is an integer."""
    return _field(Parameter(names=names, kind=NUMBER, help=help, metavar=metavar, later=later), default)


def many(*names: str, help: str = "", metavar: str = "TEXT", hidden: bool = False, later: bool = False) -> Any:
    """An option that may be given several times; its values keep their order."""
    known = Parameter(names=names, kind=TEXT, many=True, help=help, metavar=metavar, hidden=hidden, later=later)
    return _field(known, ())


def argument(metavar: str, help: str = "", *, required: bool = True) -> Any:
    """One positional argument."""
    return _field(Parameter(kind=POSITIONAL, metavar=metavar, help=help, required=required), "")


def arguments(metavar: str, help: str = "", *, required: bool = False, rest: bool = False) -> Any:
    """All remaining positional arguments."""
    known = Parameter(kind=POSITIONAL, metavar=metavar, help=help, required=required, many=True, rest=rest)
    return _field(known, ())


def parameters(declaration: type) -> Iterator[Parameter]:
    """What ``declaration`` accepts, in the order written."""
    for item in fields(declaration):
        known = item.metadata.get("parameter")
        if known is not None:
            default = None if item.default is MISSING else item.default
            yield replace(known, attribute=item.name, default=default)


def _field(known: Parameter, default: Any) -> Any:
    return field(default=default, metadata={"parameter": known})
