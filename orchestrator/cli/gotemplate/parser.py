"""From pieces to a tree: actions, their pipelines, and which ``end`` belongs to what."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.cli.gotemplate import functions
from orchestrator.cli.gotemplate.lexer import Word, problem, split
from orchestrator.cli.gotemplate.tree import Branch, Jump, Literal, Name, Node, Operand, Path, Pipeline, Show, Text

_CONSTANTS: dict[str, object] = {"true": True, "false": False, "nil": None}
_UNKNOWN_WORDS = ("define", "template", "block")


def parse(template: str) -> tuple[Node, ...]:
    """The nodes of a template. Raises UsageError."""
    parser = _Parser(split(template))
    body, end = parser.body(())
    assert not end
    return body


class _Parser:
    def __init__(self, pieces: Iterator[str | list[Word]]) -> None:
        self.pieces = pieces
        self.loops = 0

    def body(self, ends: tuple[str, ...]) -> tuple[tuple[Node, ...], list[Word]]:
        """Nodes up to an action that begins with one of ``ends``, and that action's words."""
        nodes: list[Node] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                nodes += [Text(piece)] if piece else []
            elif piece and piece[0].text in ends and piece[0].kind == "word":
                return tuple(nodes), piece
            else:
                nodes.append(self.action(piece))
        if ends:
            raise problem(f"there is no {{{{{ends[-1]}}}}}")
        return tuple(nodes), []

    def action(self, words: list[Word]) -> Node:
        first = words[0] if words else None
        if first is None:
            raise problem("an action is empty: {{}}")
        if first.kind != "word":
            return Show(_Pipelines(words).whole())
        match first.text:
            case "if" | "with" | "range":
                return self.branch(first.text, words[1:])
            case "break" | "continue" if self.loops and len(words) == 1:
                return Jump(first.text)
            case "else" | "end" | "break" | "continue":
                raise problem(f"{{{{{first.text}}}}} stands where nothing was begun")
            case word if word in _UNKNOWN_WORDS:
                raise problem(f"{{{{{word}}}}} is not known here; a format is one template")
            case _:
                return Show(_Pipelines(words).whole())

    def branch(self, word: str, words: list[Word]) -> Branch:
        pipeline = _Pipelines(words).whole()
        self.loops += word == "range"
        body, end = self.body(("else", "end"))
        self.loops -= word == "range"
        return Branch(word, pipeline, body, self.otherwise(word, end))

    def otherwise(self, word: str, end: list[Word]) -> tuple[Node, ...]:
        """What stands behind ``else``: up to the end, or another branch in its place."""
        if end[0].text == "end":
            return ()
        if len(end) > 1 and end[1].text == word and word != "range":
            return (self.branch(word, end[2:]),)
        if len(end) > 1:
            raise problem(f"unexpected {end[1].text!r} behind else")
        body, _ = self.body(("end",))
        return body


class _Pipelines:
    """Reads the words of one action."""

    def __init__(self, words: list[Word]) -> None:
        self.words = words
        self.position = 0

    def whole(self) -> Pipeline:
        found = self.pipeline()
        if self.position < len(self.words):
            raise problem(f"unexpected {self.words[self.position].text!r}")
        return found

    def pipeline(self) -> Pipeline:
        names, declares = self.names()
        commands = [self.command()]
        while self.takes("|"):
            commands.append(self.command())
        return Pipeline(tuple(commands), names, declares)

    def names(self) -> tuple[tuple[str, ...], bool]:
        """``$x :=``, ``$i, $x :=`` or ``$x =`` in front of a pipeline."""
        begin, names = self.position, []
        while self.peek("variable"):
            names.append(self.words[self.position].text)
            self.position += 1
            if not self.takes(","):
                break
        for sign in (":=", "="):
            if names and self.takes(sign):
                return tuple(names), sign == ":="
        self.position = begin
        return (), True

    def command(self) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while self.position < len(self.words) and self.words[self.position].text not in ("|", ")"):
            operands.append(self.operand())
        if not operands:
            raise problem("a command is missing in a pipeline")
        return tuple(operands)

    def operand(self) -> Operand:
        word = self.words[self.position]
        self.position += 1
        match word.kind:
            case "text" | "raw" | "rune" | "number":
                return Literal(word.value)
            case "word" if word.text in _CONSTANTS:
                return Literal(_CONSTANTS[word.text])
            case "word":
                return self.function(word.text)
            case "field":
                return Path("", (word.text[1:], *self.fields()))
            case "dot":
                return Path("")
            case "variable":
                return Path(word.text, self.fields())
            case _ if word.text == "(":
                inner = self.pipeline()
                if not self.takes(")"):
                    raise problem("a parenthesis is not closed")
                return Path(inner, self.fields())
            case _:
                raise problem(f"unexpected {word.text!r}")

    def function(self, name: str) -> Name:
        if name in functions.ALL:
            return Name(name)
        from difflib import get_close_matches

        close = get_close_matches(name, functions.ALL, n=1)
        raise problem(f"function {name!r} is not defined" + (f"; did you mean {close[0]}?" if close else ""))

    def fields(self) -> tuple[str, ...]:
        found = []
        while self.peek("field") and not self.words[self.position].apart:
            found.append(self.words[self.position].text[1:])
            self.position += 1
        return tuple(found)

    def peek(self, kind: str) -> bool:
        return self.position < len(self.words) and self.words[self.position].kind == kind

    def takes(self, sign: str) -> bool:
        if self.position < len(self.words) and self.words[self.position].text == sign:
            self.position += 1
            return True
        return False
