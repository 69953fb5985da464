"""Templates in the language of Go's text/template, as far as people write them after ``--format``.

``Template(text)`` reads one, ``render(value)`` fills it in. ``tree`` is what is read, ``lexer`` and ``parser`` read it,
``evaluate`` carries it out, ``functions`` is what may be called. Whatever is wrong is a ``UsageError`` that names it.
"""

from __future__ import annotations

from orchestrator.cli.gotemplate import parser
from orchestrator.cli.gotemplate.evaluate import Run


class Template:
    def __init__(self, text: str) -> None:
        self._body = parser.parse(text)

    def render(self, value: object, *, headings: bool = False) -> str:
        """The text for ``value``. ``headings``: the value holds column headings, which no function changes."""
        return Run(value, headings=headings).text(self._body)


__all__ = ["Template"]
