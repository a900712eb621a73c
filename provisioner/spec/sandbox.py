"""Jinja2 for untrusted templates: they change nothing, and their time and memory are limited.

Every operation counts against the limits of the template that runs. An operation that could build
a large value in one step (`*`, `~`, padding, `replace`, `join`, formats) is checked before it
starts.
"""

from __future__ import annotations

import functools
import math
import re
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from provisioner.model.masking import Masked, MaskedUseError, Opaque
from provisioner.spec.limits import DEEPEST, LARGEST, LONGEST, LimitError, MissingNameError

STEPS = 100_000
"""The work that one template may do: about a tenth of a second."""
_WIDEST = 1_000

_FILTERS = frozenset(
    {
        *("abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e"),
        *("escape", "filesizeformat", "first", "float", "forceescape", "format", "groupby"),
        *("indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max"),
        *("min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select"),
        *("selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson"),
        *("trim", "truncate", "unique", "upper", "urlencode", "wordcount", "wordwrap"),
    }
)
_SIMPLE = frozenset({"lower", "string", "trim", "upper"})
"""Filters whose result is about as long as their text: most of the filters in a roster."""
_PADDING = frozenset({"batch", "center", "indent", "round", "slice", "tojson", "wordwrap"})
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {
            *("capitalize", "casefold", "center", "count", "endswith", "find", "format", "index"),
            *("isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower"),
            *("isnumeric", "isprintable", "isspace", "istitle", "isupper", "join", "ljust"),
            *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind"),
            *("rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines"),
            *("startswith", "strip", "swapcase", "title", "upper", "zfill"),
        }
    ),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
}
_LOOP = frozenset(
    {
        *("changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length"),
        *("nextitem", "previtem", "revindex", "revindex0"),
    }
)
_WIDE_PERCENT = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(?:\d{4,}|\*|\d*\.(?:\d{4,}|\*))")
_WIDE_BRACES = re.compile(r"\{[^{}]*:[^{}]*(?:\d{4,}|\{)")


class UnknownFilterError(Exception):
    """A template uses a filter or a test that does not exist; `kind` says which of the two."""

    def __init__(self, name: str, kind: str, names: Sequence[str]) -> None:
        super().__init__(f"no {kind} named '{name}'")
        self.name = name
        self.kind = kind
        self.names = names


@dataclass(slots=True)
class _Work:
    """The work left to the template that runs, and whether it wrote a masked value."""

    steps: int = STEPS
    written: int = LONGEST
    masked: bool = False


_work: ContextVar[_Work] = ContextVar("work")


def parse(text: str) -> nodes.Template:
    """The syntax of a template. Raises TemplateSyntaxError and LimitError."""
    if len(text) > LONGEST:
        raise LimitError(f"a template has at most {LONGEST:,} characters")
    try:
        tree = _environment().parse(text)
        numbers = [number.value for number in tree.find_all(nodes.Const)]
    except RecursionError:
        raise LimitError("it is nested too deeply") from None
    except ValueError:  # a number of more digits than Python reads
        raise LimitError("a number in it is too large") from None
    for value in numbers:
        if (isinstance(value, int) and abs(value) >= LARGEST) or value in (math.inf, -math.inf):
            raise LimitError("a number in it is too large")
    return tree


def names(tree: nodes.Template, scope: str) -> list[str]:
    """The names of a scope that a template uses as `scope.name` or `scope['name']`."""
    names: list[str] = []
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        assert isinstance(node, nodes.Getattr | nodes.Getitem)
        if not isinstance(node.node, nodes.Name) or node.node.name != scope:
            continue
        if isinstance(node, nodes.Getattr):
            names.append(node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            names.append(node.arg.value)
    return names


def compile_all(
    texts: Sequence[str], write: Callable[[object], str]
) -> Callable[[Mapping[str, object]], tuple[list[object], int]]:
    """The templates as one function of their names: their values, and the steps that all took.

    The value of a template that is one expression has any type, of another it is a text.

    `write` turns a value into a part of a text. A text with a masked value in it is a `Masked`,
    a value that is one is an `Opaque`. Raises MissingNameError, LimitError, MaskedUseError,
    UnknownFilterError, and what Python and Jinja2 raise.
    """
    env = _environment()
    try:
        with _limited(), warnings.catch_warnings():
            # Python warns of `1[0]` when it compiles it, and the template fails when it runs.
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = _combined([parse(text) for text in texts])
            tree.set_environment(env)
            template = env.from_string(tree)
    except RecursionError:
        raise LimitError("it is nested too deeply") from None

    def fill(names: Mapping[str, object]) -> tuple[list[object], int]:
        work = _Work()
        tokens = _work.set(work), _write.set(write)
        try:
            context = template.new_context(names, shared=True)  # type: ignore[arg-type]
            deque(template.root_render_func(context), maxlen=0)
            values: list[object] = context.vars["values"]
            for value in values:
                if isinstance(value, jinja2.Undefined):
                    str(value)  # raises, as any use of it does
            return values, STEPS - work.steps
        except RecursionError:
            raise LimitError("it is nested too deeply") from None
        finally:
            _work.reset(tokens[0])
            _write.reset(tokens[1])

    return fill


def _combined(trees: Sequence[nodes.Template]) -> nodes.Template:
    """One template that assigns the values of all others to `values`."""
    body: list[nodes.Node] = []
    values: list[nodes.Expr] = []
    parser = Parser(_environment(), "")
    for tree in trees:
        _check(tree)
        expression = _expression(tree)
        _Limits().visit(tree)
        if expression is not None:
            (output,) = tree.body
            assert isinstance(output, nodes.Output)
            values.append(output.nodes[0])
            continue
        text, checked = parser.free_identifier(1), parser.free_identifier(1)
        body.append(nodes.AssignBlock(text, None, tree.body, lineno=1))
        body.append(nodes.Assign(checked, _filter(text, " written"), lineno=1))
        values.append(checked)
    body.append(nodes.Assign(nodes.Name("values", "store"), nodes.List(values), lineno=1))
    return nodes.Template(body, lineno=1)


_write: ContextVar[Callable[[object], str]] = ContextVar("write")


@contextmanager
def _limited() -> Iterator[_Work]:
    work = _Work()
    token = _work.set(work)
    try:
        yield work
    finally:
        _work.reset(token)


# ---------------------------------------------------------------- syntax


def _expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression, if the template is nothing but one."""
    match tree.body:
        case [nodes.Output(nodes=[nodes.Expr() as only])] if not isinstance(
            only, nodes.TemplateData
        ):
            return only
        case _:
            return None


_REFUSED = {
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.Block: "block",
    nodes.Extends: "extends",
}


def _check(tree: nodes.Template) -> None:
    """Raise for what can call itself, for unknown filters, and for `env` without a name."""
    for node in tree.find_all(tuple(_REFUSED)):
        raise SecurityError(f"`{{% {_REFUSED[type(node)]} %}}` is not allowed in a template")
    for used in tree.find_all((nodes.Filter, nodes.Test)):
        assert isinstance(used, nodes.Filter | nodes.Test)
        is_filter = isinstance(used, nodes.Filter)
        available = filters() if is_filter else tests()
        if used.name not in available:
            raise UnknownFilterError(used.name, "filter" if is_filter else "test", available)
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            raise SecurityError("a recursive loop is not allowed in a template")
    whole = sum(1 for name in tree.find_all(nodes.Name) if name.name == "env")
    if whole > len(names(tree, "env")):
        raise SecurityError("`env` can only be used as `env.NAME`")


class _Limits(jinja2.visitor.NodeTransformer):
    """Wraps whatever can grow, repeat or compare in filters that charge for it.

    Their names cannot be written in a template.
    """

    def __init__(self) -> None:
        self._captured = 0

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja2's names
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return _filter(parts, " concat")

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filter(node, " result")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filter(node, " result")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filter(node, " result") if node.ctx == "load" else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _filter(node.expr, " compared")
        for operand in node.ops:
            operand.expr = _filter(operand.expr, " compared")
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        data = sum(len(part.data) for part in node.find_all(nodes.TemplateData))
        size = sum(1 for _ in node.find_all(nodes.Node))
        self.generic_visit(node)
        each = [nodes.Const(data), nodes.Const(1 + size // 10)]
        node.iter = _filter(node.iter, " each", *each)
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:  # noqa: N802
        return self._capture(node)

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> nodes.Node:  # noqa: N802
        return self._capture(node)

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if self._captured:
            # A variable that a masked value was written to could be read.
            node.nodes = [
                part if isinstance(part, nodes.TemplateData) else _filter(part, " seen")
                for part in node.nodes
            ]
        return node

    def _capture(self, node: nodes.Node) -> nodes.Node:
        self._captured += 1
        self.generic_visit(node)
        self._captured -= 1
        return node


def _filter(node: nodes.Node, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)


# ---------------------------------------------------------------- charging


def _charge(steps: int) -> None:
    work = _work.get()
    work.steps -= steps
    if work.steps < 0:
        raise LimitError(f"it takes more than {STEPS:,} steps")


def _size(value: object) -> int:
    """How many characters and items a value has, and the keys of mappings.

    A part that is in it twice counts twice. Raises LimitError if it is too large.
    """
    if isinstance(value, str):
        return len(value)
    size, depth = 0, 0
    level: list[object] = [value]
    while level:
        depth += 1
        below: list[object] = []
        for item in level:
            match item:
                case str():
                    size += len(item)
                case Mapping():
                    below += [*item.keys(), *item.values()]
                case list() | tuple() | set():
                    below += item
            size += 1
            if size + len(below) > 2 * LONGEST:
                raise LimitError("a value in it is too large")
        if depth > DEEPEST:
            raise LimitError("a value in it is nested too deeply")
        level = below
    return size


def _check_length(length: int) -> None:
    if length > LONGEST:
        raise LimitError(f"it gives a text of more than {LONGEST:,} characters")


def _charge_for(*values: object) -> None:
    """Charge for the operands of one operation."""
    for value in values:
        if isinstance(value, Opaque):
            raise MaskedUseError
    _charge(1 + sum(_size(v) for v in values if not isinstance(v, int | float)) // 100)


def _result(value: Any) -> Any:
    """The result of one operation. Raises LimitError if it is too large."""
    if type(value) is str:
        _check_length(len(value))
        return value
    match value:
        case bool() | None | float() | Opaque() | jinja2.Undefined():
            return value
        case str():
            _check_length(len(value))
            return str(value)  # Jinja2's Markup is a str too
        case int():
            if abs(value) >= LARGEST:
                raise LimitError("a number in it is too large")
            return value
        case Mapping() | list() | tuple():
            _charge(1 + _size(value) // 100)
            return value
        case Iterator():
            return _counted(value)
        case _:
            return value


def _counted(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        _charge(1)
        yield value


# ---------------------------------------------------------------- operations


def _concat(parts: list[object]) -> object:
    shown = [part.text if isinstance(part, Opaque) else str(part) for part in parts]
    _check_length(sum(map(len, shown)))
    _charge(1 + len(shown))
    text = "".join(shown)
    return Opaque(text) if any(isinstance(part, Opaque) for part in parts) else text


def _compared(value: object) -> object:
    if type(value) is str:
        _charge(1 + len(value) // 1_000)
        return value
    if isinstance(value, Opaque):
        raise MaskedUseError
    if not isinstance(value, bool | int | float | jinja2.Undefined | None):
        _charge(1 + _size(value) // 1_000)
    return value


def _each(values: Iterable[object], data: int, cost: int) -> object:
    """The items of a loop, whose body writes `data` characters and takes `cost` steps."""
    if isinstance(values, Opaque):
        raise MaskedUseError
    if isinstance(values, jinja2.Undefined):
        return values  # which raises when it is iterated over
    work = _work.get()
    items: list[object] = []
    for item in values:
        _charge(cost)
        work.written -= data
        if work.written < 0:
            _check_length(LONGEST + 1)
        items.append(item)
    return items


def _written(text: str) -> str:
    """What a whole template wrote."""
    _check_length(len(text))
    work = _work.get()
    masked, work.masked = work.masked, False
    return Masked(text) if masked else text


def _seen(value: object) -> object:
    if isinstance(value, Opaque):
        raise MaskedUseError
    return value


def _multiply(left: Any, right: Any) -> Any:
    for many, count in ((left, right), (right, left)):
        if isinstance(many, str | list | tuple) and isinstance(count, int):
            _check_length(max(_size(many), 1) * max(count, 0))
    return left * right


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        _check_format(left, [right], percent=True)
    return left % right


def _check_format(text: str, values: Iterable[object], *, percent: bool) -> None:
    wide = _WIDE_PERCENT if percent else _WIDE_BRACES
    if wide.search(text):
        raise LimitError(f"a width in a format is at most {_WIDEST - 1}")
    # Each place can take every value.
    places = text.count("%" if percent else "{")
    if places * max(map(_size, values), default=0) > 100 * LONGEST:
        _check_length(LONGEST + 1)


def _replace(text: object, old: object = "", new: object = "", *_: object) -> None:
    if isinstance(text, str) and isinstance(old, str) and isinstance(new, str):
        _check_length(len(text) + text.count(old) * len(new))


def _join(between: object, items: object) -> None:
    if isinstance(between, str) and isinstance(items, str | list | tuple | Mapping):
        _check_length(len(between) * len(items) + _size(items))


def _narrow(name: str, values: Iterable[object]) -> None:
    for value in values:
        if isinstance(value, int) and abs(value) > _WIDEST:
            raise LimitError(f"`{name}` takes a number of at most {_WIDEST:,}")


def _before_filter(name: str, values: tuple[object, ...], named: Mapping[str, object]) -> None:
    value, *arguments = values
    every = [*arguments, *named.values()]
    if name in _PADDING:
        _narrow(name, every)
        widest = max((len(a) for a in every if isinstance(a, str)), default=0)
        if isinstance(value, str):
            lines = len(value) if name == "wordwrap" else value.count("\n") + 1
            _check_length(widest * lines)
            if name == "indent":
                _check_length(lines * max((a for a in every if type(a) is int), default=0))
    match name:
        case "replace":
            texts = dict(zip(("old", "new"), arguments, strict=False)) | dict(named)
            _replace(value, texts.get("old", ""), texts.get("new", ""))
        case "join":
            _join(arguments[0] if arguments else named.get("d", ""), value)
        case "format":
            _check_format(str(value), every, percent=True)
        case _:
            pass


def _before_call(method: types.BuiltinMethodType, values: tuple[object, ...]) -> None:
    owner, name = method.__self__, method.__name__
    match name:
        case "center" | "ljust" | "rjust" | "zfill":
            _narrow(name, values)
        case "replace":
            _replace(owner, *values)
        case "join":
            _join(owner, *values)
        case _:
            pass


def _wrapped(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """A filter that is charged for, and whose result is checked."""
    takes_context = hasattr(function, "jinja_pass_arg")
    is_simple = name in _SIMPLE

    def filtered(*values: object, **named: object) -> object:
        if is_simple and len(values) == 1 and type(values[0]) is str:
            _charge(1 + len(values[0]) // 100)
            return _result(function(values[0]))
        # An iterator is a list here, so that its length is known.
        values = tuple(list(v) if isinstance(v, Iterator) else v for v in values)
        own = values[1:] if takes_context else values
        if name not in ("default", "d"):
            _charge_for(*own, *named.values())
            _before_filter(name, own, named)
        return _result(function(*values, **named))

    return functools.update_wrapper(filtered, function)


def _tested(name: str, function: Any) -> Callable[..., bool]:
    takes_context = hasattr(function, "jinja_pass_arg")

    def tested(*values: object) -> bool:
        if name not in ("defined", "undefined"):
            _charge_for(*(values[1:] if takes_context else values))
        return bool(function(*values))

    return functools.update_wrapper(tested, function)


# ---------------------------------------------------------------- the environment


class _Undefined(jinja2.StrictUndefined):
    """A name that is not defined: any use raises `MissingNameError`."""

    def __init__(
        self,
        hint: str | None = None,
        obj: object = missing,
        name: str | None = None,
        exc: type[jinja2.TemplateRuntimeError] = jinja2.UndefinedError,
    ) -> None:
        def error(message: str) -> Exception:
            if obj is missing or isinstance(obj, Mapping):
                return MissingNameError(str(name), obj if isinstance(obj, Mapping) else None)
            return exc(message)

        super().__init__(hint, obj, name, error)  # type: ignore[arg-type]


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox where `x.y` is an item of `x`, and never a method of a mapping."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def getattr(self, obj: object, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]  # a row, where it counts
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, Opaque):
            raise MaskedUseError
        return super().getattr(obj, attribute)

    def getitem(self, obj: object, argument: object) -> Any:
        if isinstance(obj, Mapping) and isinstance(argument, str):
            return self.getattr(obj, argument)
        if isinstance(obj, Opaque) or isinstance(argument, Opaque):
            raise MaskedUseError
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        if isinstance(obj, LoopContext):
            return attr in _LOOP
        if isinstance(obj, tuple) and attr in getattr(obj, "_fields", ()):
            return True  # the pairs of `groupby`
        allowed = next((m for type_, m in _METHODS.items() if isinstance(obj, type_)), frozenset())
        return attr in allowed and super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _charge_for(left, right)
        match operator:
            case "**":
                # 9**9**9 would never end, and no spec needs it.
                raise SecurityError("`**` is not allowed in a template")
            case "*":
                return _result(_multiply(left, right))
            case "%":
                return _result(_modulo(left, right))
            case _:
                return _result(self.binop_table[operator](left, right))

    def call(
        __self,  # noqa: N805 - as Jinja2 has it, for arguments of any name
        __context: Context,
        __obj: Any,
        *args: object,
        **kwargs: object,
    ) -> object:
        owner = getattr(__obj, "__self__", None)
        if isinstance(__obj, types.BuiltinMethodType) and isinstance(owner, str | list | tuple):
            _charge_for(owner, *args, *kwargs.values())
            _before_call(__obj, args)
        elif isinstance(getattr(__obj, "__wrapped__", None), types.BuiltinMethodType):
            text = __obj.__wrapped__.__self__
            _charge_for(text, *args, *kwargs.values())
            _check_format(text, [*args, *kwargs.values()], percent=False)
        elif isinstance(owner, LoopContext):
            _charge_for(*args, *kwargs.values())
        elif not isinstance(__obj, jinja2.Undefined):
            raise SecurityError(f"a {type(__obj).__name__} cannot be called")
        return _result(super().call(__context, __obj, *args, **kwargs))


def _finalized(value: object) -> str:
    if isinstance(value, jinja2.Undefined):
        return str(value)  # raises, as any use of it does
    work = _work.get()
    if isinstance(value, Opaque):
        work.masked = True
        text: str = value.text
    else:
        write = _write.get(None)
        if write is None:
            raise RuntimeError("a constant is written when the template runs")
        text = write(value)
    work.written -= len(text)
    if work.written < 0:
        _check_length(LONGEST + 1)
    return text


def filters() -> tuple[str, ...]:
    """The filters that a template can use."""
    return tuple(sorted(name for name in _environment().filters if name.isidentifier()))


def tests() -> tuple[str, ...]:
    """The tests that a template can use."""
    return tuple(sorted(name for name in _environment().tests if name.isidentifier()))


@functools.cache
def _environment() -> _Environment:
    env = _Environment(
        undefined=_Undefined,
        finalize=_finalized,
        keep_trailing_newline=True,
        autoescape=False,
        optimized=False,
    )
    env.globals.clear()
    env.filters = {n: _wrapped(n, f) for n, f in env.filters.items() if n in _FILTERS}
    env.filters |= {
        " concat": _concat,
        " result": _result,
        " compared": _compared,
        " each": _each,
        " seen": _seen,
        " written": _written,
    }
    env.tests = {n: _tested(n, f) for n, f in env.tests.items()}
    return env
