"""What can be changed in a piece of code: for one node of a syntax tree, the nodes that may stand in its place.

Each change is one a tired person could make: a bound off by one, the wrong comparison, a forgotten argument, a rule
that lost a condition. Text for people is left alone; words without a space (states, reasons, keys of rows) are not.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator

_WORD = re.compile(r"\S*")
_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TRANSPARENT = {"abs", "sorted"}
_TEXT_METHODS = {"ljust", "lstrip", "removeprefix", "removesuffix", "replace", "rstrip", "strip"}


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that may stand where `node` stands; the node itself is not changed."""
    change = _CHANGES.get(type(node))
    if change is not None:
        yield from change(node)


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        for other in _COMPARE[type(operator)]:
            changed = copy.deepcopy(node)
            changed.ops[index] = other()
            yield changed


def _boolean(node: ast.BoolOp) -> Iterator[ast.AST]:
    swapped = copy.deepcopy(node)
    swapped.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield swapped
    for index in range(len(node.values)):
        yield _one_less(node, "values", index) if len(node.values) > 2 else node.values[1 - index]


def _arithmetic(node: ast.BinOp) -> Iterator[ast.AST]:
    other = _ARITHMETIC.get(type(node.op))
    if other is not None:
        changed = copy.deepcopy(node)
        changed.op = other()
        yield changed


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield node.operand


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
    elif isinstance(value, str) and _WORD.fullmatch(value):
        yield ast.Constant(value + "~")
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"~")


def _call(node: ast.Call) -> Iterator[ast.AST]:
    match node.func:
        case ast.Name(name) if name in _SWAPPED:
            changed = copy.deepcopy(node)
            changed.func = ast.Name(_SWAPPED[name], ast.Load())
            yield changed
        case ast.Name(name) if name in _TRANSPARENT:
            yield node.args[0]
        case ast.Attribute(value, name) if name in _TEXT_METHODS:
            yield value
    for index, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield _one_less(node, "keywords", index)
    if len(node.args) > 1:
        yield _one_less(node, "args", len(node.args) - 1)


def _condition(node: ast.If | ast.While | ast.IfExp) -> Iterator[ast.AST]:
    if isinstance(node.test, ast.Compare) and len(node.test.ops) == 1 and len(_COMPARE[type(node.test.ops[0])]) == 1:
        return  # `is` becomes `is not` anyway
    if isinstance(node.test, ast.UnaryOp):
        return  # `not` is dropped anyway
    changed = copy.copy(node)  # shallow: the branches stay the nodes they are
    changed.test = ast.UnaryOp(ast.Not(), node.test)
    yield changed


def _filter(node: ast.comprehension) -> Iterator[ast.AST]:
    for index in range(len(node.ifs)):
        yield _one_less(node, "ifs", index)


def _collection(node: ast.Tuple | ast.List | ast.Set) -> Iterator[ast.AST]:
    if isinstance(node, ast.Set) or isinstance(node.ctx, ast.Load):
        for index in range(len(node.elts) if not isinstance(node, ast.Set) or len(node.elts) > 1 else 0):
            yield _one_less(node, "elts", index)


def _dictionary(node: ast.Dict) -> Iterator[ast.AST]:
    for index in range(len(node.keys)):
        changed = copy.copy(node)
        changed.keys = node.keys[:index] + node.keys[index + 1 :]
        changed.values = node.values[:index] + node.values[index + 1 :]
        yield changed


def _slice(node: ast.Slice) -> Iterator[ast.AST]:
    if node.lower is not None:
        yield ast.Slice(None, node.upper, node.step)
    if node.upper is not None:
        yield ast.Slice(node.lower, None, node.step)


def _guard(node: ast.match_case) -> Iterator[ast.AST]:
    if node.guard is not None:
        changed = copy.copy(node)
        changed.guard = ast.UnaryOp(ast.Not(), node.guard)
        yield changed


def _return(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(None)


def _augmented(node: ast.AugAssign) -> Iterator[ast.AST]:
    other = _ARITHMETIC.get(type(node.op))
    if other is not None:
        yield ast.AugAssign(node.target, other(), node.value)
    yield ast.Pass()


def _dropped(node: ast.AST) -> Iterator[ast.AST]:
    yield ast.Pass()


def _dropped_expression(node: ast.Expr) -> Iterator[ast.AST]:
    if not isinstance(node.value, ast.Constant):
        yield ast.Pass()


def _one_less(node: ast.AST, field: str, index: int) -> ast.AST:
    changed = copy.copy(node)
    kept = list(getattr(node, field))
    del kept[index]
    setattr(changed, field, kept)
    return changed


# Assertions stay: they are checks themselves. An assignment is dropped only where one before it may stand in for it:
# everywhere else the name would be missing and any test would notice.
_CHANGES: dict[type[ast.AST], Callable[..., Iterator[ast.AST]]] = {
    ast.Assign: _dropped,
    ast.AugAssign: _augmented,
    ast.BinOp: _arithmetic,
    ast.BoolOp: _boolean,
    ast.Break: _dropped,
    ast.Call: _call,
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.Continue: _dropped,
    ast.Dict: _dictionary,
    ast.Expr: _dropped_expression,
    ast.If: _condition,
    ast.IfExp: _condition,
    ast.List: _collection,
    ast.Raise: _dropped,
    ast.Return: _return,
    ast.Set: _collection,
    ast.Slice: _slice,
    ast.Tuple: _collection,
    ast.UnaryOp: _unary,
    ast.While: _condition,
    ast.comprehension: _filter,
    ast.match_case: _guard,
}
