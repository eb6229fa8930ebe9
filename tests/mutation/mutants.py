"""All mutants of a module: where each one is, what it changes, and a name that survives edits elsewhere in the file."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.mutation.operators import variants

ROOT = Path(__file__).parent.parent.parent
CONTROL = -1
"""The number of a mutant that changes nothing: every test must let it live, or the machinery finds too much."""
_SHOWN = 160
_OUTER = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LEFT_AS_IT_IS = (ast.Assert, ast.Import, ast.ImportFrom)
_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `function` is the outermost function around it with its first line; None: it acts at import."""

    number: int
    module: str
    scope: str
    before: str
    after: str
    first_line: int
    last_line: int
    function: tuple[str, int] | None
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.scope}: {self.before}  ->  {self.after}"


@dataclass(slots=True)
class _Place:
    """Where the walk is: the node's place in its parent, and what lies around it."""

    parent: ast.AST
    field: str
    index: int | None = None
    scope: tuple[str, ...] = ()
    function: tuple[str, int] | None = None
    statement: ast.stmt | ast.ExceptHandler | ast.match_case | None = None
    nested: bool = False
    annotation: bool = False
    raised: bool = False
    subscript: bool = False

    def put(self, node: ast.AST) -> None:
        """Let `node` stand here."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


@dataclass(slots=True)
class _Found:
    mutants: list[Mutant] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


def mutants_of(module: str) -> list[Mutant]:
    """Every mutant of one file, given by its path from the root of the tree, in the order of the source."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    found = _Found()
    for number, (place, node, changed) in enumerate(_changes(tree)):
        statement = place.statement
        assert statement is not None
        shown_before = _shown(node)
        whole_before = _head(statement)
        place.put(changed)
        shown_after, whole_after = _shown(changed), "" if isinstance(changed, ast.Pass) else _head(statement)
        place.put(node)
        scope = ".".join(place.scope) or "module"
        text = f"{module}\0{scope}\0{whole_before}\0{shown_before}\0{whole_after}\0{shown_after}"
        found.seen[text] += 1
        digest = hashlib.sha256(f"{text}\0{found.seen[text]}".encode()).hexdigest()[:10]
        first, last = _lines(statement)
        mutant = Mutant(number, module, scope, shown_before, shown_after, first, last, place.function)
        found.mutants.append(replace(mutant, name=digest))
    return found.mutants


def control() -> Mutant:
    """A mutant inside a function that changes nothing."""
    inside = next(mutant for mutant in mutants_of("gateway/prepayment/money.py") if mutant.function is not None)
    return replace(inside, number=CONTROL, name="control", before="", after="")


def mutated(module: str, number: int) -> ast.Module:
    """The module's tree with the change of this number made."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    if number == CONTROL:
        return tree
    for count, (place, _, changed) in enumerate(_changes(tree)):
        if count == number:
            place.put(changed)
            return ast.fix_missing_locations(tree)
    raise ValueError(f"{module} has no mutant {number}")


def _changes(tree: ast.Module) -> Iterator[tuple[_Place, ast.AST, ast.AST]]:
    for place, node in _walk(tree, _Place(tree, "")):
        if _allowed(place, node):
            for changed in variants(node):
                yield place, node, changed


def _walk(node: ast.AST, here: _Place) -> Iterator[tuple[_Place, ast.AST]]:
    """Every node with its place, in the order of the source; annotations only inside their calls (`Meta(...)`)."""
    for name, value in ast.iter_fields(node):
        if name in {"decorator_list", "format_spec"}:
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if isinstance(child, ast.AST) and not isinstance(child, _LEFT_AS_IT_IS) and not _says_nothing(child):
                place = _place(node, name, index if isinstance(value, list) else None, child, here)
                yield place, child
                yield from _walk(child, place)


def _says_nothing(node: ast.AST) -> bool:
    """A list of exports, or a case that mypy proves impossible."""
    match node:
        case ast.Assign(targets=[ast.Name("__all__")]):
            return True
        case ast.Expr(ast.Call(ast.Name("assert_never"))):
            return True
        case _:
            return False


def _place(parent: ast.AST, name: str, index: int | None, child: ast.AST, here: _Place) -> _Place:
    scope, function = here.scope, here.function
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        scope = (*scope, parent.name)
        if not isinstance(parent, ast.ClassDef) and name == "body" and function is None:
            first = min([parent.lineno, *(decorator.lineno for decorator in parent.decorator_list)])
            function = (".".join(scope), first)
    is_statement = isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case)
    return _Place(
        parent,
        name,
        index,
        scope,
        function,
        child if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) else here.statement,
        nested=is_statement and not isinstance(parent, _OUTER),
        annotation=name in {"annotation", "returns"} or (here.annotation and not isinstance(parent, ast.Call)),
        raised=here.raised or isinstance(parent, ast.Raise),
        subscript=isinstance(parent, ast.Subscript) or (here.subscript and not isinstance(parent, ast.Call)),
    )


def _allowed(place: _Place, node: ast.AST) -> bool:
    """Whether changing this node says anything about the tests."""
    if place.annotation:
        return isinstance(node, ast.Call)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        documents = isinstance(place.parent, ast.Expr)
        return not (documents or place.raised)
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Attribute | ast.Subscript) or (
            place.nested and isinstance(node.targets[0], ast.Name)
        )
    return not (place.subscript and isinstance(node, ast.Tuple | ast.List))


def _head(statement: ast.AST) -> str:
    """The statement as text, without the statements inside it."""
    bare = type(statement)(**{name: _without(name, value) for name, value in ast.iter_fields(statement)})
    return ast.unparse(ast.fix_missing_locations(bare))


def _without(name: str, value: object) -> object:
    if name == "body" and isinstance(value, list):
        return [ast.Pass()]
    return [] if name in _BODIES and isinstance(value, list) else value


def _shown(node: ast.AST) -> str:
    if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
        text = _head(node).splitlines()[0]
    elif isinstance(node, ast.comprehension):
        text = " ".join(["for", ast.unparse(node.target), "in", ast.unparse(node.iter), *map(_filtered, node.ifs)])
    else:
        text = ast.unparse(ast.fix_missing_locations(node))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _filtered(test: ast.expr) -> str:
    return f"if {ast.unparse(test)}"


def _lines(statement: ast.stmt | ast.ExceptHandler | ast.match_case) -> tuple[int, int]:
    """The first and last line of the statement's head."""
    if isinstance(statement, ast.match_case):
        return statement.pattern.lineno, statement.body[0].lineno
    body = getattr(statement, "body", None)
    last = statement.end_lineno or statement.lineno
    if isinstance(body, list) and body:
        last = max(statement.lineno, body[0].lineno - 1)
    return statement.lineno, last
