"""Texts of arithmetic expressions to trees: the language of Image.expression, Number.expression and Filter.expression.

Operators bind as in JavaScript. Source: https://developers.google.com/earth-engine/guides/image_math#expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gee_scripts.engine.local.language.registry import AlgorithmError


@dataclass(frozen=True, slots=True)
class Literal:
    """A number or a text."""

    value: int | float | str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Pick:
    """Parts of a value: `image.band`, `image[0, "name"]`."""

    base: Term
    parts: tuple[int | float | str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of terms; operators are functions by their Earth Engine names."""

    function: str
    arguments: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Assigned:
    """`name = value`, at the top only."""

    name: str
    value: Term


Term = Literal | Name | Pick | Call | Assigned

_BINARY: dict[str, tuple[int, str]] = {
    # Operator -> how strongly it binds, and the function it stands for.
    "||": (2, "or"), "&&": (3, "and"), "|": (4, "bitwiseOr"), "^": (5, "bitwiseXor"), "&": (6, "bitwiseAnd"),
    "==": (7, "eq"), "!=": (7, "neq"), "<": (8, "lt"), "<=": (8, "lte"), ">": (8, "gt"), ">=": (8, "gte"),
    "<<": (9, "leftShift"), ">>": (9, "rightShift"), "+": (10, "add"), "-": (10, "subtract"),
    "*": (11, "multiply"), "/": (11, "divide"), "%": (11, "mod"), "**": (13, "pow"), "in": (8, "inList"),
}
# Filters may be written in words, too.
_WORDS = {"and": "&&", "or": "||", "in": "in"}
_UNARY = {"!": "not", "~": "bitwiseNot", "-": "negated", "+": "same"}
_UNARY_BINDS, _TERNARY_BINDS = 12, 1
_TOKEN = re.compile(r"""\s*(?:
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<text>'[^']*'|"[^"]*")
  | (?P<name>%s)
  | (?P<sign>\*\*|\|\||&&|==|!=|<=|>=|<<|>>|[-+*/%%^&|<>!~?:=.,()\[\]])
)""" % r"[A-Za-z_$][\w$]*", re.VERBOSE)  # noqa: UP031 (braces would have to be doubled)
_TOKEN_OF_FILTER = re.compile(_TOKEN.pattern.replace(r"[A-Za-z_$][\w$]*", r"[A-Za-z_$][\w$:.]*"), re.VERBOSE)
_END = ("", "")


def parse(text: str, of_filter: bool = False) -> Term:
    """The tree of an expression.

    Args:
        text: what was written.
        of_filter: names of properties may hold colons and dots, as in system:time_start.

    Raises:
        AlgorithmError: it is none.
    """
    return _Parser(text, _TOKEN_OF_FILTER if of_filter else _TOKEN).whole()


def fold(term: Term, leaf: Callable[[Literal | Name | Pick], object],
         call: Callable[[Call, Sequence[object]], object]) -> object:
    """A value made of a tree from its leaves upwards; assigned names are left to the caller."""
    if isinstance(term, Call):
        return call(term, [fold(item, leaf, call) for item in term.arguments])
    if isinstance(term, Assigned):
        return fold(term.value, leaf, call)
    return leaf(term)


def names(term: Term) -> set[str]:
    """The free variables of a tree."""
    if isinstance(term, Name):
        return {term.name}
    if isinstance(term, Pick):
        return names(term.base)
    if isinstance(term, Assigned):
        return names(term.value)
    if isinstance(term, Call):
        return {name for item in term.arguments for name in names(item)}
    return set()


class _Parser:
    """Precedence climbing over the tokens of a text."""

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self.text = text
        self.words = _WORDS if pattern is _TOKEN_OF_FILTER else {}
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while text[place:].strip():
            found = pattern.match(text, place)
            if found is None or found.lastgroup is None:
                raise self.refusal(f"{text[place:].strip()[:20]!r} cannot be read")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()
        self.place = 0

    def refusal(self, what: str) -> AlgorithmError:
        return AlgorithmError(f"Unable to parse the expression {self.text[:200]!r}: {what}",
                              mend="write it as in \"(b('B8') - b('B4')) / (b('B8') + b('B4'))\"")

    def next(self) -> tuple[str, str]:
        return self.tokens[self.place] if self.place < len(self.tokens) else _END

    def taken(self, sign: str) -> bool:
        """Whether the next token is that sign, which is then passed."""
        if self.next() != ("sign", sign):
            return False
        self.place += 1
        return True

    def required(self, sign: str) -> None:
        if not self.taken(sign):
            raise self.refusal(f"'{sign}' is missing before {self.next()[1] or 'the end'!r}")

    def whole(self) -> Term:
        if not self.tokens:
            raise self.refusal("it is empty")
        name = ""
        if self.tokens[0][0] == "name" and self.tokens[1:2] == [("sign", "=")]:
            name, self.place = self.tokens[0][1], 2
        term = self.term(0)
        if self.next() != _END:
            raise self.refusal(f"{self.next()[1]!r} is not expected there")
        return Assigned(name, term) if name else term

    def term(self, least: int) -> Term:
        left = self.operand()
        while True:
            kind, sign = self.next()
            if kind == "name" and sign in self.words:
                kind, sign = "sign", self.words[sign]
            if kind != "sign":
                return left
            if sign == "?" and least <= _TERNARY_BINDS:
                self.place += 1
                chosen = self.term(_TERNARY_BINDS)
                self.required(":")
                left = Call("choose", (left, chosen, self.term(_TERNARY_BINDS)))
                continue
            binds, function = _BINARY.get(sign, (-1, ""))
            if binds < max(least, 0):
                return left
            self.place += 1
            # Powers are taken from the right, everything else from the left.
            left = Call(function, (left, self.term(binds if sign == "**" else binds + 1)))

    def operand(self) -> Term:
        kind, token = self.next()
        self.place += 1
        if kind == "sign" and token in _UNARY:
            return Call(_UNARY[token], (self.term(_UNARY_BINDS),))
        if self.words and (kind, token) == ("name", "not"):
            return Call("not", (self.term(_BINARY["&&"][0] + 1),))
        if self.words and (kind, token) == ("sign", "["):
            return Call("list", self.listed("]"))
        if kind == "number":
            return self.parts(Literal(int(token) if token.isdigit() else float(token)))
        if kind == "text":
            return Literal(token[1:-1])
        if kind == "name":
            if self.taken("("):
                return self.parts(Call(token, self.listed(")")))
            return self.parts(Name(token))
        if (kind, token) == ("sign", "("):
            inner = self.term(0)
            self.required(")")
            return self.parts(inner)
        raise self.refusal(f"{token or 'the end'!r} is not expected there")

    def parts(self, base: Term) -> Term:
        """What follows a term: .name, [0, "name"], or the call of a function of Math."""
        while True:
            if self.taken("."):
                kind, token = self.next()
                if kind != "name":
                    raise self.refusal("a name is missing after '.'")
                self.place += 1
                if base == Name("Math") and self.taken("("):
                    base = Call(token, self.listed(")"))
                else:
                    base = Pick(base, (token,))
            elif self.taken("["):
                keys = self.listed("]")
                if not all(isinstance(key, Literal) for key in keys):
                    raise self.refusal("bands are chosen by numbers and texts")
                base = Pick(base, tuple(key.value for key in keys if isinstance(key, Literal)))
            else:
                return base

    def listed(self, end: str) -> tuple[Term, ...]:
        found: list[Term] = []
        if self.taken(end):
            return ()
        while True:
            found.append(self.term(0))
            if self.taken(end):
                return tuple(found)
            self.required(",")
