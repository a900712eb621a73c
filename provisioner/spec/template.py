"""Fill in one template. Names come from the scopes it is given, and nothing else.

A text of plain names (`jane@{{ vars.domain }}`) is filled in without Jinja2, which is
slow to import and to compile; everything else is Jinja2 in its sandbox.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from provisioner.model.diagnostics import closest, did_you_mean
from provisioner.model.masking import Masked, MaskedUseError, Opaque
from provisioner.spec.limits import LARGEST, LONGEST, LimitError, Missing, unwritable

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


@dataclass(frozen=True, slots=True, eq=False)
class Environ(Mapping[str, Any]):
    """What `env` is in templates: the variables that the environment `file` lists.

    `given` are the values of those that are set, `listed` all names, and `secrets` the variables
    that hold secrets of this environment, which no template can read.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    file: str = "environments/local.yaml"

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.given)

    def __len__(self) -> int:
        return len(self.given)


class TemplateError(Exception):
    """Raised with every problem that was found in a template."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(p.message for p in self.problems))


@dataclass(slots=True)
class _Total:
    """What all templates of one spec did so far."""

    templates: int = 0
    steps: int = 0
    characters: int = 0


_total: ContextVar[_Total | None] = ContextVar("total", default=None)
_STEPS = 2_000_000, 1_000
_CHARACTERS = 16_000_000, 1_000


@contextmanager
def limited() -> Iterator[None]:
    """Limit what all templates together may do and give, in proportion to their number."""
    token = _total.set(_Total())
    try:
        yield
    finally:
        _total.reset(token)


def spend(templates: int, *, steps: int = 0, characters: int = 0) -> None:
    """Count what templates did. Raises TemplateError when it is too much in all."""
    total = _total.get()
    if total is None:
        return
    total.templates += templates
    total.steps += steps
    total.characters += characters
    if total.steps > _STEPS[0] + _STEPS[1] * total.templates:
        raise TemplateError([Problem("template-limit", "the templates take too many steps in all")])
    if total.characters > _CHARACTERS[0] + _CHARACTERS[1] * total.templates:
        raise TemplateError([Problem("template-limit", "the templates give too much text in all")])


def scopes(vars: Mapping[str, Any], env: Mapping[str, Any]) -> Names:  # noqa: A002 - as templates
    """The names that a template can use; a masked value in them can only be written out."""
    return {"vars": _opaque(vars), "env": env}


def _opaque(value: Any) -> Any:
    match value:
        case Masked():
            return Opaque(value)
        case Mapping():
            return {key: _opaque(item) for key, item in value.items()}
        case list():
            return [_opaque(item) for item in value]
        case _:
            return value


def is_template(text: str) -> bool:
    return "{" in text and _MARK.search(text) is not None


def fill(text: str, names: Names) -> Any:
    """The value of a template: of any type if it is one expression, else text."""
    return compiled(text)(names)


def is_plain(text: str) -> bool:
    """Whether the template is a text with nothing but names in it, so that no Jinja2 is needed."""
    rest = _PLAIN.sub("", text)
    return not is_template(rest) and "}}" not in rest


def with_dotted_names(text: str, scope: str) -> str:
    """The template with `{{ scope['a.b'] }}` for `{{ scope.a.b }}`, as exports name columns."""

    def quoted(match: re.Match[str]) -> str:
        first, _, name = match[1].partition(".")
        return f"{{{{ {scope}['{name}'] }}}}" if first == scope and "." in name else match[0]

    return _PLAIN.sub(quoted, text)


def named(text: str, scope: str) -> tuple[str, ...]:
    """The names that a template asks a scope for by a plain name or a literal, each once."""
    from provisioner.spec import sandbox

    try:
        return tuple(dict.fromkeys(sandbox.names(sandbox.parse(text), scope)))
    except Exception:  # noqa: BLE001 - it is reported when the template is compiled
        return ()


def compiled(text: str) -> Callable[[Names], Any]:
    """The template as a function of its names, for one that is filled in many times.

    Raises TemplateError for what is wrong whatever the names are; the function raises it for
    what is wrong with these names.
    """
    if is_plain(text):
        return lambda names: _plainly(text, names)
    fill_all = compile_all([text])

    def filled(names: Names) -> Any:
        (value,), steps = fill_all(names)
        spend(1, steps=steps, characters=_length(value))
        return value

    return filled


def compile_all(texts: Sequence[str]) -> Callable[[Names], tuple[list[Any], int]]:
    """Many templates as one function of their names: their values, and the steps it took.

    It is faster than to fill in one after the other, which finds out which of them fails. Raises
    TemplateError, and so does the function. The caller counts what they take, with `spend`.
    """
    from provisioner.spec import sandbox

    try:
        fill = sandbox.compile_all(texts, _text)
    except Exception as error:
        raise _template_error(error, texts[0], {}) from error

    def filled(names: Names) -> tuple[list[Any], int]:
        try:
            values, steps = fill(names)
            # Most values are texts of a row, which need no closer look.
            return [
                value if type(value) is str and value.isprintable() else _plain(value, text)
                for value, text in zip(values, texts, strict=True)
            ], steps
        except TemplateError:
            raise
        except Exception as error:
            raise _template_error(error, texts[0], names) from error

    return filled


def undefined(name: str, scope: str, names: Names) -> Problem:
    """What is wrong with a template that asks a scope for a name it does not have."""
    return _undefined(name, names[scope], names, f"{scope}.{name}")


def _plainly(text: str, names: Names) -> Any:
    if len(text) > LONGEST:
        raise TemplateError([_limit(f"a template has at most {LONGEST:,} characters")])
    found: dict[str, Any] = {}
    problems: dict[str, Problem] = {}
    masked, whole, length = False, _PLAIN.fullmatch(text), len(text)
    for match in _PLAIN.finditer(text):
        name = match[1]
        try:
            if name not in found:
                found[name] = _lookup(name, names)
                masked |= type(found[name]) is Opaque
                if not whole:
                    found[name] = _text(found[name])
            length += 0 if whole else len(found[name])
        except Missing as error:
            problems[name] = _undefined(error.name, error.inside, names, words=name)
        except _NotTextError as error:
            problems[name] = Problem("template", f"`{name}` is {error}", _NOT_TEXT, name)
    if problems:
        raise TemplateError(problems.values())
    if whole:
        value = _plain(found[whole[1]], text)
    elif length > LONGEST + len(text):
        raise TemplateError([_limit(f"it gives a text of more than {LONGEST:,} characters")])
    else:
        value = _PLAIN.sub(lambda match: str(found[match[1]]), text)
        value = _plain(Masked(value) if masked else value, text)
    spend(1, characters=_length(value))
    return value


def _limit(message: str, words: str = "") -> Problem:
    return Problem("template-limit", message, None, words)


def _length(value: Any) -> int:
    """How many characters and items there are in a value, about."""
    match value:
        case str():
            return len(value)
        case Mapping():
            return sum(len(key) + _length(item) for key, item in value.items())
        case list():
            return len(value) + sum(map(_length, value))
        case _:
            return 1


# ---------------------------------------------------------------- names and values

_NOT_TEXT = "it can only be a whole value, not a part of a text"


class _NotTextError(Exception):
    """A list or a mapping stands where only text fits. The message says which."""


def _lookup(dotted: str, names: Names) -> Any:
    value: Any = names
    for name in dotted.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise Missing(name, None if value is names else value)
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
        return _not_in_environ(name, inside, meant_here)
    known = ", ".join(f"`{scope}.{key}`" for key in list(inside)[:10])
    nothing = "the environment defines no variables" if scope == "vars" else None
    otherwise = f"defined are {known}" if known else nothing
    return Problem(
        "undefined-name", f"`{full}` is not defined", meant_here or otherwise, words or full
    )


def _not_in_environ(name: str, inside: Mapping[str, Any], meant: str | None) -> Problem:
    full = f"env.{name}"
    if not isinstance(inside, Environ) or name in inside.listed:
        help_ = meant or f"set the variable `{name}`"
        return Problem("undefined-name", f"`{full}` is not set", help_, full)
    if name in inside.secrets:
        what = f"`{name}` holds a secret of this environment, which no template can read"
        return Problem("secret-name", what, None, full)
    help_ = meant or f"list `{name}` under `env:` in {inside.file}"
    return Problem("undefined-name", f"`{full}` is not listed under `env:`", help_, full)


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
        case Opaque():
            return value.text
        case Mapping():
            raise _NotTextError("a mapping")
        case list() | tuple():
            raise _NotTextError("a list")
        case _:
            raise _NotTextError(f"a {type(value).__name__}")


def _plain(value: Any, text: str) -> Any:
    """The value as YAML could have given it."""
    match value:
        case Opaque():
            return _plain(value.text, text)
        case Masked():
            return _writable(value, text)
        case str():
            return _writable(str(value), text)  # Jinja2's Markup is a str too
        case None | bool():
            return value
        case int() | float() if _is_number(value):
            return value
        case int() | float():
            what = "the template gives a number that cannot be stored"
            raise TemplateError([Problem("template", what, None, text)])
        case Mapping() if all(isinstance(key, str) for key in value):
            return {_writable(key, text): _plain(item, text) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, text) for item in value]
        case _:
            what = f"the template gives a {type(value).__name__}"
            help_ = "it must give text, a number, true or false, null, a list or a mapping"
            raise TemplateError([Problem("template", what, help_, text)])


def _is_number(value: float) -> bool:
    return (
        math.isfinite(value) and abs(value) < LARGEST
        if type(value) is float
        else (abs(value) < LARGEST)
    )


def _writable(value: str, text: str) -> str:
    if (character := unwritable(value)) is not None:
        what = f"the template gives the character {character}, which cannot be stored"
        raise TemplateError([Problem("template", what, None, text)])
    return value


# ---------------------------------------------------------------- Jinja2


def _template_error(error: Exception, text: str, names: Names) -> TemplateError:
    """What went wrong with a template, in our words."""
    import jinja2

    from provisioner.spec import sandbox

    match error:
        case sandbox.UnknownFilterError():
            is_filter = error.kind == "filter"
            some = "`lower`, `trim` or `default`" if is_filter else "`defined` or `none`"
            help_ = f"use a {error.kind} of Jinja2, such as {some}"
            help_ = did_you_mean(error.name, error.known) or help_
            problem = Problem("template-syntax", str(error), help_)
        case jinja2.TemplateSyntaxError():
            message, help_ = _lower(error.message or ""), "write it as `{{ name }}`"
            problem = Problem("template-syntax", message, help_, _failing(text))
        case Missing():
            problem = _undefined(error.name, error.inside, names)
        case _NotTextError():
            problem = Problem("template", f"a part of it is {error}", _NOT_TEXT)
        case LimitError():
            problem = _limit(str(error))
        case MaskedUseError():
            help_ = "list its variable as plain, or write it as `{{ env.NAME }}`"
            problem = Problem("masked-value", str(error), help_)
        case _:
            message = _lower(str(error)) or type(error).__name__
            problem = Problem("template", f"the template fails: {message}")
    return TemplateError([problem])


def _failing(text: str) -> str:
    """The first `{{ ... }}` that can not be parsed by itself; nothing if it is none of them."""
    import jinja2

    from provisioner.spec import sandbox

    for part in re.findall(r"\{\{.*?(?:\}\}|\Z)", text, re.DOTALL):
        try:
            sandbox.parse(part)
        except jinja2.TemplateSyntaxError:
            return str(part)
        except Exception:  # noqa: BLE001, S112 - another part is what fails
            continue
    return ""


def _lower(message: str) -> str:
    """Someone else's sentence in the style of our messages."""
    message = message.strip().rstrip(".")
    return message[:1].lower() + message[1:]
