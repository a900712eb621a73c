"""Every route and operation of the local org, as its code dispatches them.

A REST call is dispatched by `match` over the parts of its path, from `rest.router._route` on; the
routes are read from the patterns, and from the functions that the rest of a path is handed to. The
operations of a SOAP surface are the keys of its tables from names to functions.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.http import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask

_BASE: Final = "/services/data/<version>"
_QUIET: Final = frozenset({"HEAD", "OPTIONS"})
_EVERY: Final = ("any",)
_PACKAGE: Final = "provisioner.emulator"
_OPERATIONS: Final = "dict[str, Callable[["  # the type of a table of operations


@dataclass(frozen=True, slots=True)
class Route:
    """One address with the methods it takes; an operation of SOAP has its name behind `#`."""

    surface: str
    methods: tuple[str, ...]
    path: str


def routes(app: Flask) -> tuple[Route, ...]:
    """The routes of Flask's map, then those below a REST version, then SOAP's operations."""
    found = {
        Route(
            _surface(rule.rule),
            tuple(sorted((rule.methods or set()) - _QUIET)),
            rule.rule,
        )
        for rule in app.url_map.iter_rules()
    }
    code = {name: ast.parse(text) for name, text in sources(files(_PACKAGE))}
    found |= set(_below(code, "rest.router", "_route", _BASE))
    found |= set(_operations(code))
    order = [*refusals.SURFACES, "control"]
    return tuple(sorted(found, key=lambda one: (order.index(one.surface), one.path, one.methods)))


def sources(package: Any) -> Iterator[tuple[str, str]]:
    """The dotted name and the text of every module of the package, in order."""
    for entry in sorted(package.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py"):
            yield entry.name.removesuffix(".py"), entry.read_text(encoding="utf-8")
        elif entry.is_dir() and (entry / "__init__.py").is_file():
            for name, text in sources(entry):
                yield f"{entry.name}.{name}", text


def _surface(path: str) -> str:
    return "control" if path.startswith("/emulator/") else refusals.surface(path)


def _below(
    code: Mapping[str, ast.Module], module: str, function: str, base: str
) -> Iterator[Route]:
    """The routes that one function dispatches by `match` over the parts behind `base`."""
    found = _find(code, module, function)
    matched = None if found is None else _dispatch(found)
    if matched is None:
        yield Route(_surface(base), _methods(code, module, found), f"{base}/...")
        return
    before = _allowed(found)
    for case in matched.cases:
        if all(isinstance(statement, ast.Raise) for statement in case.body):
            continue
        table = _table(code, module, case)
        for name, target in table:
            yield from _below(code, *target, f"{base}/{name}")
        called = _called(code, module, case)
        if called is not None and not _paths(case.pattern):  # `case _` hands everything on
            yield from _below(code, *called, base)
        for path, more in _paths(case.pattern) if not table else ():
            whole = "/".join([base, *path])
            if more and called is not None:
                yield from _below(code, *called, whole)
                continue
            there = (called[0], _find(code, *called)) if called else (module, None)
            methods = before or _allowed(case) or _methods(code, *there)
            guard = f" ({ast.unparse(case.guard)})" if case.guard else ""
            yield Route(_surface(whole), methods, whole + ("/..." if more else "") + guard)


def _table(
    code: Mapping[str, ast.Module], module: str, case: ast.AST
) -> list[tuple[str, tuple[str, str]]]:
    """The functions by name that a case chooses from, as in `_TABLE[name](call, ...)`."""
    names = [
        node.func.value.id
        for node in ast.walk(case)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Subscript)
        and isinstance(node.func.value, ast.Name)
    ]
    found = []
    for node in code[module].body:
        match node:
            case ast.AnnAssign(target=ast.Name(name), value=ast.Dict(keys, values)) if (
                name in names
            ):
                for key, value in zip(keys, values, strict=True):
                    target = _target(code, module, value)
                    if isinstance(key, ast.Constant) and target is not None:
                        found.append((str(key.value), target))
    return found


def _target(code: Mapping[str, ast.Module], module: str, value: ast.expr) -> tuple[str, str] | None:
    match value:
        case ast.Name(name):
            return module, name
        case ast.Attribute(ast.Name(other), name):
            return _imported(code[module], other), name
        case _:
            return _called(code, module, value)


def _imported(tree: ast.Module, name: str) -> str:
    """The module that a name stands for, without the name of this package."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{_PACKAGE}."):
            for one in node.names:
                if (one.asname or one.name) == name:
                    return f"{node.module}.{one.name}".removeprefix(f"{_PACKAGE}.")
    return name


def _paths(pattern: ast.pattern) -> list[tuple[list[str], bool]]:
    """The paths that a pattern takes, and whether more parts may follow; none for `_`."""
    match pattern:
        case ast.MatchOr(patterns):
            return [path for one in patterns for path in _paths(one)]
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _paths(inner)
        case ast.MatchSequence(patterns):
            ways: list[list[str]] = [[]]
            for one in patterns:
                if not isinstance(one, ast.MatchStar):
                    ways = [[*way, part] for way in ways for part in _parts(one)]
            more = any(isinstance(one, ast.MatchStar) for one in patterns)
            return [(way, more) for way in ways]
        case _:
            return []


def _parts(pattern: ast.pattern) -> list[str]:
    match pattern:
        case ast.MatchOr(patterns):
            return [part for one in patterns for part in _parts(one)]
        case ast.MatchValue(ast.Constant(str() as text)):
            return [text]
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _parts(inner)
        case ast.MatchAs(name=str() as name):
            return [f"<{name.rstrip('_')}>"]
        case _:
            return ["<any>"]


def _dispatch(function: ast.AST) -> ast.Match | None:
    """The `match` whose cases are sequences: the one over a path's parts."""
    for node in ast.walk(function):
        if isinstance(node, ast.Match) and any(_paths(case.pattern) for case in node.cases):
            return node
    return None


def _called(code: Mapping[str, ast.Module], module: str, case: ast.AST) -> tuple[str, str] | None:
    """The module and name of the function of ours that a case hands its call to."""
    for node in ast.walk(case):
        if not isinstance(node, ast.Call) or not any(
            isinstance(argument, ast.Name) and argument.id == "call" for argument in node.args
        ):
            continue
        if not isinstance(node.func, ast.Name | ast.Attribute):
            continue
        target = _target(code, module, node.func)
        if target is not None and _find(code, *target) is not None:
            return target
    return None


def _find(code: Mapping[str, ast.Module], module: str, name: str) -> ast.FunctionDef | None:
    tree = code.get(module)
    return next(
        (
            node
            for node in (tree.body if tree else ())
            if isinstance(node, ast.FunctionDef) and node.name == name
        ),
        None,
    )


def _methods(
    code: Mapping[str, ast.Module], module: str, function: ast.AST | None
) -> tuple[str, ...]:
    """The methods that a function, or the first one it hands its call to, allows."""
    if function is None:
        return _EVERY
    found = _allowed(function)
    if not found:
        target = _called(code, module, function)
        found = _allowed(_find(code, *target)) if target else ()
    return found or _EVERY


def _allowed(node: ast.AST | None) -> tuple[str, ...]:
    """The arguments of the first `call.allow(...)` before any `match` inside."""
    for statement in getattr(node, "body", ()):
        if isinstance(statement, ast.Match):
            break
        for inner in ast.walk(statement):
            match inner:
                case ast.Call(ast.Attribute(ast.Name("call"), "allow"), arguments):
                    given = {arg.value for arg in arguments if isinstance(arg, ast.Constant)}
                    return tuple(sorted(str(method) for method in given - _QUIET))
    return ()


def _operations(code: Mapping[str, ast.Module]) -> Iterator[Route]:
    for surface, letter in (("metadata", "m"), ("partner", "u")):
        path = f"/services/Soap/{letter}/<version>"
        trees = [tree for name, tree in code.items() if name.startswith(surface)]
        for node in (node for tree in trees for node in ast.walk(tree)):
            if isinstance(node, ast.AnnAssign) and _OPERATIONS in ast.unparse(node.annotation):
                for key in _keys(node.value):
                    yield Route(_surface(path), ("POST",), f"{path}#{key}")


def _keys(value: ast.expr | None) -> Iterator[str]:
    for node in ast.walk(value) if value else ():
        if isinstance(node, ast.Dict):
            for key in node.keys:
                if isinstance(key, ast.Constant):
                    yield str(key.value)
