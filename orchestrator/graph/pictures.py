"""Pictures of a dependency graph as text: a tree for the terminal, and the sources of Graphviz and Mermaid."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.graph import Edge, Mood, Picture, State

COLOURS = {Mood.GOOD: "#d3f0d8", Mood.WAITING: "#fdf1c7", Mood.BAD: "#f9d4d4", Mood.ABSENT: "#ececec"}


def text(drawing: Picture) -> str:
    """A tree for the terminal: who nobody depends on stands at the left, what it needs below it."""
    below: dict[str, list[Edge]] = {name: [] for name in drawing.nodes}
    for edge in drawing.edges:
        below[edge.source].append(edge)
    needed = {edge.target for edge in drawing.edges}
    lines: list[str] = []
    shown: set[str] = set()
    for root in reversed([name for name in drawing.nodes if name not in needed]):
        lines.append(root + _state(drawing, root))
        _branches(drawing, root, "", below, shown, lines)
    return "\n".join(lines)


def dot(drawing: Picture) -> str:
    """The picture for Graphviz."""
    lines = ["digraph stack {", "  rankdir=LR;", '  node [shape=box, style="rounded,filled", fillcolor=white];']
    for name in drawing.nodes:
        state = drawing.states.get(name)
        told = f" [label={_quoted(_two_lines(name, state))}, fillcolor={_quoted(COLOURS[state.mood])}]" if state else ""
        lines.append(f"  {_quoted(name)}{told};")
    for edge in drawing.edges:
        style = "" if edge.required else ", style=dashed"
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [label={_quoted(edge.label)}{style}];")
    return "\n".join([*lines, "}"])


def mermaid(drawing: Picture) -> str:
    """The picture for Mermaid, as Markdown readers draw it."""
    numbers = {name: f"n{number}" for number, name in enumerate(drawing.nodes)}
    lines = ["graph LR"]
    for name in drawing.nodes:
        state = drawing.states.get(name)
        lines.append(f'  {numbers[name]}["{name}{f"<br/>{state.words}" if state else ""}"]')
    for edge in drawing.edges:
        arrow = "-->" if edge.required else "-.->"
        lines.append(f"  {numbers[edge.source]} {arrow}|{edge.label}| {numbers[edge.target]}")
    moods = dict.fromkeys(state.mood for state in drawing.states.values())
    lines += [f"  classDef {mood.value} fill:{COLOURS[mood]};" for mood in moods]
    lines += [
        f"  class {numbers[name]} {state.mood.value};" for name, state in drawing.states.items() if name in numbers
    ]
    return "\n".join(lines)


def _branches(
    drawing: Picture, name: str, indent: str, below: Mapping[str, list[Edge]], shown: set[str], lines: list[str]
) -> None:
    if name in shown:
        return  # drawn in full where it first stood
    shown.add(name)
    for number, edge in enumerate(below[name]):
        last = number == len(below[name]) - 1
        again = " (above)" if edge.target in shown and below[edge.target] else ""
        state = _state(drawing, edge.target)
        lines.append(f"{indent}{'└── ' if last else '├── '}{edge.target}  {edge.label}{state}{again}")
        _branches(drawing, edge.target, indent + ("    " if last else "│   "), below, shown, lines)


def _state(drawing: Picture, name: str) -> str:
    state = drawing.states.get(name)
    return f"  {state.words}" if state else ""


def _two_lines(name: str, state: State) -> str:
    return f"{name}\n{state.words}"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
