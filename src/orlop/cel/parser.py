"""Tokens into an abstract syntax tree, with macros expanded as they are met.

`environment` calls `parse`; the checker takes the tree. A text this parser cannot read is handed to `syntax`, which
words the errors as ANTLR words them. Behaviour: cel-go parser/parser.go with the grammar CEL.g4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from orlop.cel import literals
from orlop.cel.ast import (
    Call,
    Constant,
    Entry,
    Ident,
    ListExpr,
    MapExpr,
    Node,
    Parsed,
    Select,
    StructExpr,
    StructField,
)
from orlop.cel.escaping import RESERVED
from orlop.cel.functions import Macro
from orlop.cel.issues import Issues
from orlop.cel.lexer import EOF, Tokens, tokenize
from orlop.cel.macro_scope import MacroError, MacroScope
from orlop.cel.syntax import report_syntax

MAX_SIZE: Final = 100_000
"""Code points of an expression; longer ones are refused."""

MAX_DEPTH: Final = 250
"""Nesting of one grammar rule in itself; deeper expressions are refused."""

_RELATIONS: Final = {
    "<": "_<_", "<=": "_<=_", ">=": "_>=_", ">": "_>_", "==": "_==_", "!=": "_!=_", "in": "@in",
}  # fmt: skip
_SUMS: Final = {"+": "_+_", "-": "_-_"}
_PRODUCTS: Final = {"*": "_*_", "/": "_/_", "%": "_%_"}
MacroKey = tuple[str, bool, int | None]


class _SyntaxFault(Exception):
    """The text is not in the grammar: `syntax` finds out how."""


class _TooDeep(Exception):
    """A limit of nesting was met."""


def parse(source: str, macros: Mapping[MacroKey, Macro], issues: Issues) -> Parsed | None:
    """The tree of a text; None where there are issues."""
    if len(source) > MAX_SIZE:
        issues.nowhere(f"expression code point size exceeds limit: size: {len(source)}, limit {MAX_SIZE}")
        return None
    tokens = tokenize(source)
    run = _Parser(source, tokens, macros, issues)
    try:
        if tokens.stray:
            raise _SyntaxFault
        root = run.start()
    except _SyntaxFault:
        issues.kept.clear()
        issues.count = 0
        report_syntax(tokens, issues)
        return None
    except _TooDeep as fault:
        issues.nowhere(str(fault))
        return None
    if issues.count:
        return None
    return Parsed(source, root, run.positions, run.macro_calls)


class _Parser:
    """One pass over the tokens; `depth` counts how deep the grammar's rules stand in each other."""

    def __init__(self, source: str, tokens: Tokens, macros: Mapping[MacroKey, Macro], issues: Issues) -> None:
        self.source = source
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.offsets = tokens.offsets
        self.macros = macros
        self.issues = issues
        self.positions: dict[int, int] = {}
        self.macro_calls: dict[int, Node] = {}
        self.at = 0
        self.depth = 0
        self.operands = {"relation": 0, "calc": 0}  # right-hand operands of these rules around the token at hand
        self.heights: dict[int, int] = {}  # of operators, selections and calls, by node id
        self._last_id = 0

    def next_id(self, offset: int) -> int:
        """A fresh node id."""
        self._last_id += 1
        self.positions[self._last_id] = offset
        return self._last_id

    def start(self) -> Node:
        """The whole text."""
        root = self.expr()
        if self.kinds[self.at] != EOF:
            raise _SyntaxFault
        return root

    def _take(self, kind: str) -> int:
        """Consumes a token of that kind and returns its offset."""
        if self.kinds[self.at] != kind:
            raise _SyntaxFault
        self.at += 1
        return self.offsets[self.at - 1]

    def expr(self) -> Node:
        """`a ? b : c` and everything that binds closer."""
        self.depth += 1
        self._limit_nesting()
        result = self._logic("||", "_||_")
        if self.kinds[self.at] == "?":
            identity = self.next_id(self._take("?"))
            if_true = self._logic("||", "_||_")
            self._take(":")
            if_false = self.expr()
            parts = [result, if_true, if_false]
            result = self._raised(self._call(identity, "_?_:_", None, parts), *parts)
        self.depth -= 1
        return result

    def _limit_nesting(self) -> None:
        if self.depth + max(self.operands.values()) > MAX_DEPTH:
            raise _TooDeep(f"expression recursion limit exceeded: {MAX_DEPTH}")

    def _raised(self, node: Node, *parts: Node, levels: int = 1) -> Node:
        """A node with its height above its parts noted."""
        height = max((self.heights.get(part.id, 0) for part in parts), default=0) + levels
        if height > MAX_DEPTH:
            raise _TooDeep("max recursion depth exceeded")
        self.heights[node.id] = height
        return node

    def _logic(self, operator: str, function: str) -> Node:
        """A chain of `||` over chains of `&&`, each made a balanced tree."""
        lower = function == "_||_"
        terms = [self._logic("&&", "_&&_") if lower else self._relation()]
        ops: list[int] = []
        while self.kinds[self.at] == operator:
            offset = self.offsets[self.at]
            self.at += 1
            terms.append(self._logic("&&", "_&&_") if lower else self._relation())
            ops.append(self.next_id(offset))
        if not ops:
            return terms[0]
        return self._raised(_balanced(function, terms, ops, 0, len(ops) - 1), *terms, levels=0)

    def _relation(self) -> Node:
        return self._chain(_RELATIONS, "relation", self._sum)

    def _sum(self) -> Node:
        return self._chain(_SUMS, "calc", self._product)

    def _product(self) -> Node:
        return self._chain(_PRODUCTS, "calc", self._unary)

    def _chain(self, operators: Mapping[str, str], rule: str, operand: Callable[[], Node]) -> Node:
        """Left-associative operators of one precedence."""
        left = operand()
        while (function := operators.get(self.kinds[self.at])) is not None:
            identity = self.next_id(self.offsets[self.at])
            self.at += 1
            self.operands[rule] += 1
            self._limit_nesting()
            right = operand()
            self.operands[rule] -= 1
            left = self._raised(self._call(identity, function, None, [left, right]), left, right)
        return left

    def _unary(self) -> Node:
        kind = self.kinds[self.at]
        if kind not in ("!", "-"):
            return self._member()
        if kind == "-" and self.kinds[self.at + 1] in ("NUM_INT", "NUM_FLOAT"):
            return self._member()
        offset, first = self.offsets[self.at], self.at
        while self.kinds[self.at] == kind:
            self.at += 1
        count = self.at - first
        if kind == "!" and self.kinds[self.at] == "-" and self.kinds[self.at + 1] not in ("NUM_INT", "NUM_FLOAT"):
            raise _SyntaxFault
        if count % 2 == 0:
            return self._member()
        identity = self.next_id(offset)
        inner = self._member()
        return self._raised(self._call(identity, "!_" if kind == "!" else "-_", None, [inner]), inner, levels=0)

    def _member(self) -> Node:
        node = self._primary()
        while (kind := self.kinds[self.at]) in (".", "["):
            node = self._dot(node) if kind == "." else self._index(node)
        return node

    def _dot(self, operand: Node) -> Node:
        offset = self._take(".")
        optional = self.kinds[self.at] == "?"
        if optional:
            self.at += 1
        kind, name_at = self.kinds[self.at], self.offsets[self.at]
        name = self._field_name()
        if optional:
            identity = self.next_id(offset)
            chosen = Call(identity, "_?._", None, [operand, Constant(self.next_id(name_at), name)])
            return self._raised(chosen, operand)
        if kind == "IDENTIFIER" and self.kinds[self.at] == "(":
            identity = self.next_id(self.offsets[self.at])
            args = self._arguments()
            return self._raised(self._call(identity, name, operand, args), operand, *args)
        return self._raised(Select(self.next_id(offset), operand, name), operand)

    def _field_name(self) -> str:
        kind, text = self.kinds[self.at], self.texts[self.at]
        if kind == "ESC_IDENTIFIER":
            self.issues.at(self.offsets[self.at], "unsupported syntax: '`'")
        elif kind != "IDENTIFIER":
            raise _SyntaxFault
        self.at += 1
        return text

    def _index(self, operand: Node) -> Node:
        identity = self.next_id(self._take("["))
        function = "_[_]"
        if self.kinds[self.at] == "?":
            self.at += 1
            function = "_[?_]"
        index = self.expr()
        self._take("]")
        return self._raised(self._call(identity, function, None, [operand, index]), operand, index)

    def _arguments(self) -> list[Node]:
        self._take("(")
        args: list[Node] = []
        if self.kinds[self.at] != ")":
            args.append(self.expr())
            while self.kinds[self.at] == ",":
                self.at += 1
                args.append(self.expr())
        self._take(")")
        return args

    def _primary(self) -> Node:
        kind = self.kinds[self.at]
        if kind == "IDENTIFIER" or (kind == "." and self.kinds[self.at + 1] == "IDENTIFIER"):
            return self._message() if self._begins_message() else self._ident()
        if kind == "(":
            self.at += 1
            node = self.expr()
            self._take(")")
            return node
        if kind == "[":
            return self._list()
        if kind == "{":
            return self._map()
        return self._literal(kind)

    def _begins_message(self) -> bool:
        at = self.at + (self.kinds[self.at] == ".") + 1
        while self.kinds[at] == "." and self.kinds[at + 1] == "IDENTIFIER":
            at += 2
        return self.kinds[at] == "{"

    def _ident(self) -> Node:
        begin = self.offsets[self.at]
        prefix = ""
        if self.kinds[self.at] == ".":
            prefix = "."
            self.at += 1
        name, offset = self.texts[self.at], self.offsets[self.at]
        self.at += 1
        if name in RESERVED:
            self.issues.at(begin, f"reserved identifier: {name}")
        if self.kinds[self.at] == "(":
            identity = self.next_id(self.offsets[self.at])
            args = self._arguments()
            if name in RESERVED:
                return Ident(identity, name)
            return self._raised(self._call(identity, prefix + name, None, args), *args, levels=0)
        return Ident(self.next_id(offset), prefix + name)

    def _list(self) -> Node:
        identity = self.next_id(self._take("["))
        elements: list[Node] = []
        optional: set[int] = set()
        while self.kinds[self.at] != "]":
            if self.kinds[self.at] == "," and not elements:
                self.at += 1
                break
            if self.kinds[self.at] == "?":
                self.at += 1
                optional.add(len(elements))
            elements.append(self.expr())
            if self.kinds[self.at] != ",":
                break
            self.at += 1
        self._take("]")
        return self._raised(ListExpr(identity, elements, frozenset(optional)), *elements, levels=0)

    def _map(self) -> Node:
        identity = self.next_id(self._take("{"))
        entries: list[Entry] = []

        def add_entry() -> None:
            optional = self._optional()
            key = self.expr()
            colon = self.next_id(self._take(":"))
            entries.append(Entry(colon, key, self.expr(), optional))

        self._braced(add_entry)
        parts = [part for entry in entries for part in (entry.key, entry.value)]
        return self._raised(MapExpr(identity, entries), *parts, levels=0)

    def _message(self) -> Node:
        first = self.at
        while self.kinds[self.at] != "{":
            self.at += 1
        name = "".join(self.texts[first : self.at])
        identity = self.next_id(self._take("{"))
        fields: list[StructField] = []

        def entry() -> None:
            optional = self._optional()
            field = self._field_name()
            colon = self.next_id(self._take(":"))
            fields.append(StructField(colon, field, self.expr(), optional))

        self._braced(entry)
        return StructExpr(identity, name, fields)

    def _optional(self) -> bool:
        if self.kinds[self.at] != "?":
            return False
        self.at += 1
        return True

    def _braced(self, entry: Callable[[], None]) -> None:
        """Entries up to `}`; a comma may follow the last, or stand alone."""
        first = True
        while self.kinds[self.at] != "}":
            if self.kinds[self.at] == "," and first:
                self.at += 1
                break
            entry()
            first = False
            if self.kinds[self.at] != ",":
                break
            self.at += 1
        self._take("}")

    def _literal(self, kind: str) -> Node:
        offset, first = self.offsets[self.at], self.at
        if kind == "-":
            self.at += 1
            kind = self.kinds[self.at]
            if kind not in ("NUM_INT", "NUM_FLOAT"):
                raise _SyntaxFault
        if kind not in literals.LITERALS:
            raise _SyntaxFault
        self.at += 1
        value: Any = None
        try:
            value = literals.LITERALS[kind]("".join(self.texts[first : self.at]))
        except literals.LiteralError as fault:
            self.issues.at(offset, str(fault))
        return Constant(self.next_id(offset), value)

    def _call(self, identity: int, function: str, target: Node | None, args: list[Node]) -> Node:
        """A call, or what a macro of that name and shape makes of it."""
        macro = self.macros.get((function, target is not None, len(args))) or self.macros.get(
            (function, target is not None, None)
        )
        call = Call(identity, function, target, args)
        if macro is None:
            return call
        offset = self.positions[identity]
        try:
            expanded = macro.expand(MacroScope(self, offset), target, args)
        except MacroError as fault:
            place = offset if fault.node is None else self.positions[fault.node.id]
            self.issues.at(place, fault.message)
            return call
        if expanded is None:
            return call
        self.macro_calls[expanded.id] = call
        return expanded


def _balanced(function: str, terms: list[Node], ops: list[int], low: int, high: int) -> Node:
    middle = (low + high + 1) // 2
    left = terms[middle] if middle == low else _balanced(function, terms, ops, low, middle - 1)
    right = terms[middle + 1] if middle == high else _balanced(function, terms, ops, middle + 1, high)
    return Call(ops[middle], function, None, [left, right])
