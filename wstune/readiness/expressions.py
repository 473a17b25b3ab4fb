"""Expressions of profiles: integers, + - * //, a few functions and names, and nothing else reachable.

simpleeval does the arithmetic. It is given exactly our operators, functions and names, and every kind of syntax node
that is not arithmetic is taken away from it, so that no attribute, string, index, comparison or lambda can be reached.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

MAX_LENGTH = 400
"""Characters of an expression."""

MAX_NUMBER = 2**63 - 1
"""Largest number, either sign, that may stand in an expression or come out of any step of it: LONG_MAX."""

_MAX_DEPTH = 60


class ExpressionError(ValueError):
    """An expression that is refused: ``str(error)`` is a fragment, ``tip`` the nearest right name (may be empty)."""

    def __init__(self, message: str, tip: str = "") -> None:
        super().__init__(message)
        self.tip = tip


def _ceil_div(number: int, by: int) -> int:
    """number / by, rounded up."""
    return -(-number // by)


def _pow2(number: int) -> int:
    """The least power of two that is not below the number."""
    return 1 if number <= 1 else 1 << (number - 1).bit_length()


FUNCTIONS: dict[str, Callable[..., int]] = {"min": min, "max": max, "ceil_div": _ceil_div, "pow2": _pow2}
"""What an expression may call; each takes and gives integers."""

_ARITY = {"min": (2, 20), "max": (2, 20), "ceil_div": (2, 2), "pow2": (1, 1)}

_OPERATORS: dict[type[ast.AST], Callable[..., int]] = {
    ast.Add: lambda a, b: _bounded(a + b),
    ast.Sub: lambda a, b: _bounded(a - b),
    ast.Mult: lambda a, b: _bounded(a * b),
    ast.FloorDiv: lambda a, b: _bounded(a // b),
    ast.USub: lambda a: _bounded(-a),
}

_NODES = (ast.Name, ast.UnaryOp, ast.BinOp, ast.Call, ast.Constant)


def evaluate(text: str, names: Mapping[str, int]) -> int:
    """The number that the expression comes to.

    Raises:
        ExpressionError: for anything but integers, + - * //, the functions and the given names; for a division by zero,
            a number above LONG_MAX, or a text longer than MAX_LENGTH.
    """
    tree = _parsed(text)
    _check(tree, names, 0)
    from simpleeval import InvalidExpression, SimpleEval  # 10 ms: only who evaluates pays for it

    evaluator = SimpleEval(operators=dict(_OPERATORS), functions=dict(FUNCTIONS), names=dict(names))
    evaluator.nodes = {kind: handler for kind, handler in evaluator.nodes.items() if kind in _NODES}
    try:
        result: Any = evaluator.eval(text, previously_parsed=tree)
    except ZeroDivisionError:
        raise ExpressionError("divides by zero") from None
    except (InvalidExpression, TypeError, RecursionError, OverflowError) as error:
        raise ExpressionError(f"cannot be worked out: {error}") from None
    if type(result) is not int:
        raise ExpressionError(f"comes to {result!r:.40}, not an integer")
    return _bounded(result)


def names_in(text: str) -> frozenset[str]:
    """The variables that an expression names. Raises ExpressionError when it is not an expression."""
    tree = _parsed(text)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called)


def _parsed(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"is {len(text)} characters long, at most {MAX_LENGTH} are taken")
    try:
        with warnings.catch_warnings():  # `1if 2` is a warning to the tokenizer, and nobody's business here
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (RecursionError, MemoryError):
        raise ExpressionError("is nested too deeply") from None
    except (SyntaxError, ValueError) as error:
        deep = "too many nested" in str(error)
        raise ExpressionError("is nested too deeply" if deep else "is not an expression") from None


def _check(node: ast.expr, names: Mapping[str, int], depth: int) -> None:
    """Refuse, before anything is worked out, what is not ours; say the nearest right name."""
    if depth > _MAX_DEPTH:
        raise ExpressionError("is nested too deeply")
    match node:
        case ast.Constant(value=number):
            if type(number) is not int:
                raise ExpressionError(f"has {number!r:.40} in it; only integers are taken")
            _bounded(number)
        case ast.Name(id=name):
            if name not in names:
                raise ExpressionError(f"names {name!r}, which is no variable here", _near(name, names))
        case ast.UnaryOp(op=operator, operand=operand):
            _check_operator(operator)
            _check(operand, names, depth + 1)
        case ast.BinOp(op=operator, left=left, right=right):
            _check_operator(operator)
            _check(left, names, depth + 1)
            _check(right, names, depth + 1)
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
            if function not in FUNCTIONS:
                raise ExpressionError(f"calls {function!r}, which is no function here", _near(function, FUNCTIONS))
            least, most = _ARITY[function]
            if not least <= len(arguments) <= most:
                raise ExpressionError(f"gives {function} {len(arguments)} numbers, it takes {_amount(least, most)}")
            for argument in arguments:
                _check(argument, names, depth + 1)
        case _:
            raise ExpressionError(f"is more than arithmetic ({type(node).__name__.lower()})", _TAKEN)


_TAKEN = "an expression takes integers, + - * //, min max ceil_div pow2, and variables"


def _check_operator(operator: ast.operator | ast.unaryop) -> None:
    if type(operator) not in _OPERATORS:
        raise ExpressionError(f"uses the operator {type(operator).__name__.lower()}", _TAKEN)


def _amount(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def _near(name: str, known: Mapping[str, object]) -> str:
    close = closest(name, known)
    return f"did you mean {close}?" if close else f"known here: {', '.join(known)}"


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one; empty when none is near."""
    from difflib import get_close_matches  # 4 ms: only who has mistyped pays for it

    return next(iter(get_close_matches(name, list(known), n=1)), "")


def _bounded(number: int) -> int:
    if not -MAX_NUMBER <= number <= MAX_NUMBER:
        raise ExpressionError("comes to a number above 2^63 - 1")
    return number
