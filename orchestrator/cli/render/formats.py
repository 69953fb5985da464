"""What ``--format`` means for lists, in Docker's way: ``table``, ``json``, ``table TEMPLATE``, ``raw`` or a template.

Records (one mapping each) and the ``Shape`` of the list come in, text goes out. A field that is a function takes an
argument: ``{{.Label "app"}}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.cli.gotemplate import Template, values
from orchestrator.cli.render.table import table
from orchestrator.records import dataclass, field

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """``columns``: the fields of the plain table. ``headings``: what stands above fields, where it is not their name in
    capitals. ``array``: JSON is one array instead of one object a line. ``raw``: a template, where there is one."""

    columns: tuple[str, ...]
    headings: Mapping[str, str] = field(default_factory=dict)
    array: bool = False
    raw: str = ""
    narrowest: int = 10
    gap: int = 3

    def heading(self, name: str) -> str:
        return self.headings.get(name, name.upper())


def text(how: str, records: Sequence[Record], shape: Shape) -> str:
    """The whole output. Raises UsageError for a template that cannot be used."""
    if how in ("", "table"):
        return _table(records, shape)
    if how == "json":
        return _json(records, shape)
    template = _unescaped(shape.raw if how == "raw" and shape.raw else how.strip(" "))
    if template.startswith("table"):
        return _templated_table(template.removeprefix("table").strip(" "), records, shape)
    made = Template(template)
    return "".join(made.render(record) + "\n" for record in records)


def is_plain(how: str) -> bool:
    """Whether a plain table is asked for."""
    return how in ("", "table")


def _table(records: Iterable[Record], shape: Shape) -> str:
    rows = ([values.text(record[name]) for name in shape.columns] for record in records)
    return table([shape.heading(name) for name in shape.columns], rows, narrowest=shape.narrowest, gap=shape.gap)


def _json(records: Sequence[Record], shape: Shape) -> str:
    if shape.array:
        return values.as_json(records) + "\n"
    return "".join(values.as_json(record) + "\n" for record in records)


def _templated_table(template: str, records: Sequence[Record], shape: Shape) -> str:
    """Cells are what stands between tabs; the headings are the template filled in with the names of fields."""
    made = Template(template)
    rows = [made.render(record).split("\t") for record in records]
    head = made.render(_Headings(shape, records), headings=True).split("\t")
    width = max(len(row) for row in (head, *rows))
    padded = [[*row, *[""] * (width - len(row))] for row in (head, *rows)]
    return table(padded[0], padded[1:])


class _Headings(dict[str, object]):
    """Answers a field with its heading; one that takes an argument with that."""

    def __init__(self, shape: Shape, records: Sequence[Record]) -> None:
        known = dict.fromkeys((*shape.columns, *shape.headings, *(name for record in records[:1] for name in record)))
        super().__init__({name: shape.heading(name) for name in known})
        functions = [name for record in records[:1] for name, value in record.items() if callable(value)]
        self.update(dict.fromkeys(functions, str))


def _unescaped(template: str) -> str:
    return template.replace("\\t", "\t").replace("\\n", "\n")
