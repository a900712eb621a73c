"""Fill in one template. Names come from the scopes it is given, and nothing else.

A text of plain names (`jane@{{ vars.domain }}`) is filled in without Jinja2, which is
slow to import and to compile; everything else is Jinja2 in its sandbox.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.diagnostics import closest

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

Names = Mapping[str, Mapping[str, Any]]

_MARK = re.compile(r"\{[{%#]")
_PLAIN = re.compile(r"\{\{\s*([^\W\d]\w*(?:\.[^\W\d]\w*)+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a template; `words` is the part of it to point at."""

    code: str
    message: str
    help: str | None = None
    words: str = ""


class TemplateError(Exception):
    """Raised with every problem that was found in a template."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(p.message for p in self.problems))


def is_template(text: str) -> bool:
    return "{" in text and _MARK.search(text) is not None


def fill(text: str, names: Names) -> Any:
    """The value of a template: of any type if it is one expression, else text."""
    return _plainly(text, names) if is_plain(text) else compiled(text)(names)


def is_plain(text: str) -> bool:
    """Whether the template is a text with nothing but names in it, so that no Jinja2 is needed."""
    rest = _PLAIN.sub("", text)
    return not is_template(rest) and "}}" not in rest


def pieces(text: str, names: Names, later: str) -> list[tuple[str, str]]:
    """A plain template as pairs: some text, and the name in the scope `later` after it.

    All other names are filled in, and the last pair has no name. Raises TemplateError.
    """
    found: list[tuple[str, str]] = []
    before, at = "", 0
    for match in _PLAIN.finditer(text):
        before += text[at : match.start()]
        at = match.end()
        scope, _, name = match[1].partition(".")
        if scope == later:
            found.append((before, name))
            before = ""
        else:
            # With a space after it the template is no single expression, but a text.
            before += _plainly(f"{match[0]} ", names)[:-1]
    return [*found, (before + text[at:], "")]


def named(text: str, scope: str) -> tuple[str, ...]:
    """The names that a template asks a scope for by a plain name or a literal, each once."""
    if is_plain(text):
        dotted = (match[1].partition(".") for match in _PLAIN.finditer(text))
        found = [name for first, _, name in dotted if first == scope]
    else:
        found = _named_by_jinja(text, scope)
    return tuple(dict.fromkeys(found))


def compiled(text: str) -> Callable[[Names], Any]:
    """The template as a function of its names, for one that is filled in many times.

    Raises TemplateError for what no names could mend; so does the function, for what these
    names can not.
    """
    if is_plain(text):
        return lambda names: _plainly(text, names)
    with _reported(text, {}):
        render = _compiled(text)

    def filled(names: Names) -> Any:
        with _reported(text, names):
            return render(names)

    return filled


def undefined(name: str, scope: str, names: Names) -> Problem:
    """What is wrong with a template that asks a scope for a name it does not have."""
    return _undefined(name, names[scope], names, f"{scope}.{name}")


def _plainly(text: str, names: Names) -> Any:
    found: dict[str, Any] = {}
    problems: dict[str, Problem] = {}
    for match in _PLAIN.finditer(text):
        name = match[1]
        try:
            found[name] = _lookup(name, names)
            if not _PLAIN.fullmatch(text):
                found[name] = _text(found[name])
        except _Missing as error:
            problems[name] = _undefined(error.name, error.inside, names, words=name)
        except _NotTextError as error:
            problems[name] = Problem("template", f"`{name}` is {error}", _NOT_TEXT, name)
    if problems:
        raise TemplateError(problems.values())
    if whole := _PLAIN.fullmatch(text):
        return _plain(found[whole[1]], text)
    return _PLAIN.sub(lambda match: str(found[match[1]]), text)


# ---------------------------------------------------------------- names and values

_NOT_TEXT = "it can only be a whole value, not a part of a text"


class _Missing(Exception):  # noqa: N818 - never leaves this module
    """`name` is not in the mapping `inside`, or is no scope at all when that is None."""

    def __init__(self, name: str, inside: Any) -> None:
        super().__init__(name)
        self.name = name
        self.inside = inside


class _NotTextError(Exception):
    """A list or a mapping stands where only text fits. The message says which."""


def _lookup(dotted: str, names: Names) -> Any:
    value: Any = names
    for name in dotted.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise _Missing(name, None if value is names else value)
        value = value[name]
    return value


def _undefined(name: str, inside: Any, names: Names, words: str = "") -> Problem:
    if inside is None:
        meant = [f"{scope}.{name}" for scope in names if name in names[scope]]
        *most, last = [f"`{scope}.NAME`" for scope in names]
        anything = f"a template can use {', '.join(most)} and {last}"
        hint = f"did you mean `{meant[0]}`?" if meant else anything
        return Problem("undefined-name", f"`{name}` is not defined", hint, words or name)
    if not isinstance(inside, Mapping):
        what = f"`{words}` is not defined: what stands before `.{name}` is no mapping"
        return Problem("undefined-name", what, None, words)
    scope = _path_of(inside, names)
    full = f"{scope}.{name}" if scope else name
    near = closest(name, inside)
    meant_here = f"did you mean `{scope}.{near}`?" if near else None
    if scope == "env":
        what = f"`{full}` is not set"
        return Problem("undefined-name", what, meant_here or f"set the variable `{name}`", full)
    known = ", ".join(f"`{scope}.{key}`" for key in list(inside)[:10])
    nothing = "the environment defines no variables" if scope == "vars" else None
    otherwise = f"defined are {known}" if known else nothing
    return Problem(
        "undefined-name", f"`{full}` is not defined", meant_here or otherwise, words or full
    )


def _path_of(wanted: Any, names: Mapping[str, Any], path: str = "") -> str | None:
    """The dotted name under which exactly this mapping is found."""
    for name, value in names.items():
        here = f"{path}.{name}" if path else name
        if value is wanted:
            return here
        if path.count(".") < 10 and isinstance(value, Mapping):
            deeper = _path_of(wanted, value, here)
            if deeper:
                return deeper
    return None


def _text(value: Any) -> str:
    """A value inside a text, spelled as YAML spells it; null is nothing."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Mapping():
            raise _NotTextError("a mapping")
        case list() | tuple():
            raise _NotTextError("a list")
        case _:
            raise _NotTextError(f"a {type(value).__name__}")


def _plain(value: Any, text: str) -> Any:
    """The value as YAML could have given it."""
    match value:
        case str():
            return str(value)  # Jinja2's Markup is a str too
        case None | bool() | int() | float():
            return value
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: _plain(item, text) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, text) for item in value]
        case _:
            what = f"the template gives a {type(value).__name__}"
            help_ = "it must give text, a number, true or false, null, a list or a mapping"
            raise TemplateError([Problem("template", what, help_, text)])


# ---------------------------------------------------------------- Jinja2


def _compiled(text: str) -> Callable[[Names], Any]:
    import jinja2

    env = _environment()
    expression = _single(env, text)
    if expression is None:
        template = env.from_string(text)
        return lambda names: template.render(**names)
    compute = env.compile_expression(expression, undefined_to_none=False)

    def value(names: Names) -> Any:
        found = compute(**names)
        if isinstance(found, jinja2.Undefined):
            str(found)  # raises, as any use of it does
        return _plain(found, text)

    return value


def _named_by_jinja(text: str, scope: str) -> list[str]:
    from jinja2 import TemplateSyntaxError, nodes

    try:
        parsed = _environment().parse(text)
    except TemplateSyntaxError:
        return []
    found: list[str] = []
    for node in parsed.find_all((nodes.Getattr, nodes.Getitem)):
        assert isinstance(node, nodes.Getattr | nodes.Getitem)
        if not isinstance(node.node, nodes.Name) or node.node.name != scope:
            continue
        if isinstance(node, nodes.Getattr):
            found.append(node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            found.append(node.arg.value)
    return found


@contextmanager
def _reported(text: str, names: Names) -> Iterator[None]:
    """Raise what goes wrong within as a TemplateError."""
    import jinja2

    try:
        yield
    except TemplateError:
        raise
    except jinja2.TemplateSyntaxError as error:
        words = _failing_part(_environment(), text)
        message = _lower(error.message or "")
        raise TemplateError([Problem("template-syntax", message, None, words)]) from error
    except _Missing as error:
        raise TemplateError([_undefined(error.name, error.inside, names)]) from error
    except _NotTextError as error:
        raise TemplateError([Problem("template", f"a part of it is {error}", _NOT_TEXT)]) from error
    except Exception as error:
        message = _lower(str(error)) or type(error).__name__
        raise TemplateError([Problem("template", f"the template fails: {message}")]) from error


@functools.cache
def _environment() -> SandboxedEnvironment:
    import jinja2
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import SandboxedEnvironment
    from jinja2.utils import missing

    class Undefined(jinja2.StrictUndefined):
        """Any use raises `_Missing`, which keeps what was asked of what."""

        def __init__(
            self, hint: Any = None, obj: Any = missing, name: Any = None, exc: Any = None
        ) -> None:
            def error(message: str) -> Exception:
                if obj is missing or isinstance(obj, Mapping):
                    return _Missing(str(name), obj if isinstance(obj, Mapping) else None)
                return (exc or jinja2.UndefinedError)(message)

            super().__init__(hint, obj, name, error)  # type: ignore[arg-type]

    class Environment(SandboxedEnvironment):
        """A sandbox where `x.y` is an item of `x`, and never a method of a dictionary."""

        intercepted_binops = frozenset({"**"})

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, Mapping):
                return (
                    obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
                )
            return super().getattr(obj, attribute)

        def call_binop(self, _context: Any, operator: str, _left: Any, _right: Any) -> Any:
            # 9**9**9 would never end, and no spec needs it.
            raise SecurityError(f"`{operator}` is not allowed in a template")

    def shown(value: Any) -> str:
        return str(value) if isinstance(value, jinja2.Undefined) else _text(value)

    env = Environment(
        undefined=Undefined,
        finalize=shown,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.globals.clear()
    return env


def _single(env: SandboxedEnvironment, text: str) -> str | None:
    """The expression, if the template is nothing but one."""
    tokens = [(kind, value) for _, kind, value in env.lex(text)]
    kinds = [kind for kind, _ in tokens]
    if kinds[:1] + kinds[-1:] != ["variable_begin", "variable_end"]:
        return None
    if kinds.count("variable_begin") != 1:
        return None
    return "".join(value for _, value in tokens[1:-1])


def _failing_part(env: SandboxedEnvironment, text: str) -> str:
    """The first `{{ ... }}` that can not be parsed by itself; nothing if it is none of them."""
    import jinja2

    for part in re.findall(r"\{\{.*?(?:\}\}|\Z)", text, re.DOTALL):
        try:
            env.parse(part)
        except jinja2.TemplateSyntaxError:
            return str(part)
    return ""


def _lower(message: str) -> str:
    """Someone else's sentence in the style of our messages."""
    message = message.strip().rstrip(".")
    return message[:1].lower() + message[1:]
