"""As much of GraphQL as stand-ins need: a query is answered out of nested dicts, and only with fields that they have.

A field may be a function, which is called with its arguments. Whoever asks for what is not there is told so, as by a
real schema: a misspelt field answers nobody.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_TOKEN = re.compile(r'\s+|,|#[^\n]*|("(?:[^"\\]|\\.)*"|\.\.\.|[A-Za-z_]\w*|\$\w+|@\w+|-?[0-9]+|[{}()\[\]:!=])')
_INTERFACES = {"ArtifactCollection"}
Selection = list[tuple[str, Any]]


class QueryError(Exception):
    """What a server would say is wrong with the query."""


def answered(query: str, variables: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """The data that the query selects of what `root` has. Raises QueryError."""
    parser = _Parser(query)
    parser.document()
    told = {**parser.defaults, **variables}
    return dict(_Run(parser.fragments, told).selected(parser.operation, root, "Query"))


class _Parser:
    def __init__(self, query: str) -> None:
        self._tokens: list[str] = [found for found in _TOKEN.findall(query) if found]
        self._at = 0
        self.fragments: dict[str, tuple[str, Selection]] = {}
        self.operation: Selection = []
        self.defaults: dict[str, Any] = {}

    def document(self) -> None:
        while self._at < len(self._tokens):
            if self._accept("fragment"):
                name, _, on = self._next(), self._next(), self._next()
                self.fragments[name] = (on, self._selection())
            else:
                if self._peek() != "{":
                    self._next(), self._next()
                    self._variables()
                self.operation = self._selection()

    def _variables(self) -> None:
        if not self._accept("("):
            return
        name = ""
        while (token := self._next()) != ")":
            if token.startswith("$"):
                name = token[1:]
            if token == "=":
                self.defaults[name] = self._value()

    def _selection(self) -> Selection:
        found: Selection = []
        assert self._next() == "{"
        while not self._accept("}"):
            found.append(self._spread() if self._accept("...") else self._field())
        return found

    def _spread(self) -> tuple[str, Any]:
        if self._accept("on"):
            return "inline", (self._next(), self._selection())
        return "spread", self._next()

    def _field(self) -> tuple[str, Any]:
        shown = name = self._next()
        if self._accept(":"):
            name = self._next()
        arguments = self._arguments()
        included: Any = True
        while self._peek().startswith("@"):
            assert self._next() == "@include"
            included = self._arguments()["if"]
        inner = self._selection() if self._peek() == "{" else None
        return "field", (shown, name, arguments, included, inner)

    def _arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._accept("("):
            while not self._accept(")"):
                name, _ = self._next(), self._next()
                found[name] = self._value()
        return found

    def _value(self) -> Any:
        token = self._next()
        if token.startswith("$"):
            return _Variable(token[1:])
        return json.loads(token)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, token: str) -> bool:
        if self._peek() == token:
            self._at += 1
            return True
        return False


class _Variable(str):
    """Its name."""


class _Run:
    def __init__(self, fragments: Mapping[str, tuple[str, Selection]], variables: Mapping[str, Any]) -> None:
        self._fragments = fragments
        self._variables = variables

    def selected(self, selection: Selection, value: Any, of: str) -> Iterator[tuple[str, Any]]:
        kind = value.get("__typename", of)
        for what, told in selection:
            if what == "field":
                shown, name, arguments, included, inner = told
                if self._valued(included):
                    yield shown, self._field(value, kind, name, arguments, inner)
            else:
                on, inner = told if what == "inline" else self._fragments[told]
                if on == kind or on in _INTERFACES or "__typename" not in value:
                    yield from self.selected(inner, value, kind)

    def _field(self, value: Any, kind: str, name: str, arguments: Mapping[str, Any], inner: Selection | None) -> Any:
        if name not in value:
            raise QueryError(f'Cannot query field "{name}" on type "{kind}".')
        found = value[name]
        if callable(found):
            found = found(**{key: self._valued(one) for key, one in arguments.items()})
        elif arguments:
            raise QueryError(f'Unknown argument on field "{kind}.{name}".')
        return self._shaped(found, inner, name)

    def _shaped(self, found: Any, inner: Selection | None, name: str) -> Any:
        if isinstance(found, list):
            return [self._shaped(one, inner, name) for one in found]
        if isinstance(found, dict) != (inner is not None) and found is not None:
            raise QueryError(f'Field "{name}" must have a selection of subfields, or must have none.')
        return dict(self.selected(inner, found, name)) if inner is not None and found is not None else found

    def _valued(self, value: Any) -> Any:
        return self._variables.get(value) if isinstance(value, _Variable) else value
