"""Fill in the templates of a spec: plain names such as `{{ vars.x }}`, and Jinja2.

A text of plain names (`jane@{{ vars.domain }}`) is filled in without Jinja2, which takes long to
import; everything else is Jinja2 in the sandbox.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from provisioner.model.diagnostics import closest, did_you_mean
from provisioner.model.masking import Masked, MaskedUseError, Opaque
from provisioner.spec.limits import LARGEST, LONGEST, LimitError, MissingNameError, unwritable
from provisioner.spec.yaml_reader import Yaml

Names = Mapping[str, Mapping[str, object]]
"""The scopes that templates can use, such as `vars` and `env`, each with its names."""

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
class Environ(Mapping[str, object]):
    """What `env` is in templates: the variables that the environment `file` lists.

    `variables` are the values of those that are set, `listed` the names of all of them, and
    `secrets` the variables that hold secrets of this environment, which no template can read.
    """

    variables: Mapping[str, str | Opaque] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    file: str = "environments/local.yaml"

    def __getitem__(self, name: str) -> str | Opaque:
        return self.variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)


class TemplateError(Exception):
    """Raised with every problem that was found in a template."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(p.message for p in self.problems))


@dataclass(slots=True)
class _Total:
    """What all templates of one spec have done so far."""

    templates: int = 0
    steps: int = 0
    characters: int = 0


_total: ContextVar[_Total | None] = ContextVar("total", default=None)
_STEPS = 2_000_000, 1_000
_CHARACTERS = 16_000_000, 1_000


@contextmanager
def limited() -> Iterator[None]:
    """Limit the work and the output of all templates together, in proportion to their number."""
    token = _total.set(_Total())
    try:
        yield
    finally:
        _total.reset(token)


def spend(templates: int, *, steps: int = 0, characters: int = 0) -> None:
    """Count the work of templates. Raises TemplateError if it is too much in total."""
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


def scopes(
    vars: Mapping[str, Yaml],  # noqa: A002 - the name that templates use
    env: Mapping[str, object],
) -> Names:
    """The names that a template can use; a masked value in them can only be written out."""
    return {"vars": {name: _opaque(value) for name, value in vars.items()}, "env": env}


def _opaque(value: Yaml) -> object:
    match value:
        case Masked():
            return Opaque(value)
        case dict():
            return {key: _opaque(item) for key, item in value.items()}
        case list():
            return [_opaque(item) for item in value]
        case _:
            return value


def is_template(text: str) -> bool:
    return "{" in text and _MARK.search(text) is not None


def fill(text: str, names: Names) -> Yaml:
    """The value of a template: of any type if it is one expression, else text."""
    return compiled(text)(names)


def is_plain(text: str) -> bool:
    """Whether a template has only plain names, so that Jinja2 is not needed."""
    rest = _PLAIN.sub("", text)
    return not is_template(rest) and "}}" not in rest


def with_dotted_names(text: str, scope: str) -> str:
    """The template with `{{ scope['a.b'] }}` for `{{ scope.a.b }}`, as exports name columns."""

    def quoted(match: re.Match[str]) -> str:
        first, _, name = match[1].partition(".")
        return f"{{{{ {scope}['{name}'] }}}}" if first == scope and "." in name else match[0]

    return _PLAIN.sub(quoted, text)


def named(text: str, scope: str) -> tuple[str, ...]:
    """The names of a scope that a template uses as `scope.name` or `scope['name']`, each once."""
    from provisioner.spec import sandbox

    try:
        return tuple(dict.fromkeys(sandbox.names(sandbox.parse(text), scope)))
    except Exception:  # noqa: BLE001 - it is reported when the template is compiled
        return ()


def compiled(text: str) -> Callable[[Names], Yaml]:
    """The template as a function of its names, for one that is filled in many times.

    Raises TemplateError for what is wrong whatever the names are; the function raises it for
    what is wrong with these names.
    """
    if is_plain(text):
        return lambda names: _plainly(text, names)
    fill_all = compile_all([text])

    def filled(names: Names) -> Yaml:
        (value,), steps = fill_all(names)
        spend(1, steps=steps, characters=_length(value))
        return value

    return filled


def compile_all(texts: Sequence[str]) -> Callable[[Names], tuple[list[Yaml], int]]:
    """Many templates as one function of their names: their values, and the steps it took.

    It is faster than to fill in one after the other, which finds out which of them fails. Raises
    TemplateError, and so does the function. The caller counts what they take, with `spend`.
    """
    from provisioner.spec import sandbox

    try:
        fill = sandbox.compile_all(texts, _text)
    except Exception as error:
        raise _template_error(error, texts[0], {}) from error

    def filled(names: Names) -> tuple[list[Yaml], int]:
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
    """The problem of a template that uses a name which its scope does not have."""
    return _undefined(name, names[scope], names, f"{scope}.{name}")


def _plainly(text: str, names: Names) -> Yaml:
    if len(text) > LONGEST:
        raise TemplateError([_limit(f"a template has at most {LONGEST:,} characters")])
    whole = _PLAIN.fullmatch(text)
    values: dict[str, object] = {}
    problems: dict[str, Problem] = {}
    for name in dict.fromkeys(match[1] for match in _PLAIN.finditer(text)):
        try:
            values[name] = _lookup(name, names)
            if not whole:
                _text(values[name])
        except MissingNameError as error:
            problems[name] = _undefined(error.name, error.inside, names, words=name)
        except _NotTextError as error:
            problems[name] = Problem("template", f"`{name}` is {error}", _NOT_TEXT, name)
    if problems:
        raise TemplateError(problems.values())
    if whole:
        value = _plain(values[whole[1]], text)
    else:
        texts = {name: _text(value) for name, value in values.items()}
        length = len(text) + sum(len(texts[match[1]]) for match in _PLAIN.finditer(text))
        if length > LONGEST + len(text):
            raise TemplateError([_limit(f"it gives a text of more than {LONGEST:,} characters")])
        filled = _PLAIN.sub(lambda match: texts[match[1]], text)
        is_masked = any(isinstance(value, Opaque) for value in values.values())
        value = _plain(Masked(filled) if is_masked else filled, text)
    spend(1, characters=_length(value))
    return value


def _limit(message: str, words: str = "") -> Problem:
    return Problem("template-limit", message, None, words)


def _length(value: Yaml) -> int:
    """About how many characters and items a value has."""
    match value:
        case str():
            return len(value)
        case dict():
            return sum(len(key) + _length(item) for key, item in value.items())
        case list():
            return len(value) + sum(map(_length, value))
        case _:
            return 1


# ---------------------------------------------------------------- names and values

_NOT_TEXT = "it can only be a whole value, not a part of a text"


class _NotTextError(Exception):
    """A list or a mapping is used as a part of a text. The message says which of them."""


def _lookup(dotted: str, names: Names) -> object:
    value: object = names
    for name in dotted.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise MissingNameError(name, None if value is names else value)
        value = value[name]
    return value


def _undefined(name: str, inside: object, names: Names, words: str = "") -> Problem:
    if inside is None:
        meant = [f"{scope}.{name}" for scope in names if name in names[scope]]
        *most, last = [f"`{scope}.NAME`" for scope in names]
        anything = f"a template can use {', '.join(most)} and {last}"
        hint = f"did you mean `{meant[0]}`?" if meant else anything
        return Problem("undefined-name", f"`{name}` is not defined", hint, words or name)
    if not isinstance(inside, Mapping):
        what = f"`{words}` is not defined: the value before `.{name}` is not a mapping"
        return Problem("undefined-name", what, None, words)
    scope = _path_of(inside, names)
    full = f"{scope}.{name}" if scope else name
    near = closest(name, inside)
    meant_here = f"did you mean `{scope}.{near}`?" if near else None
    if scope == "env":
        return _not_in_environ(name, inside, meant_here)
    names_here = ", ".join(f"`{scope}.{key}`" for key in list(inside)[:10])
    nothing = "the environment defines no variables" if scope == "vars" else None
    otherwise = f"defined are {names_here}" if names_here else nothing
    return Problem(
        "undefined-name", f"`{full}` is not defined", meant_here or otherwise, words or full
    )


def _not_in_environ(name: str, inside: Mapping[str, object], meant: str | None) -> Problem:
    full = f"env.{name}"
    if not isinstance(inside, Environ) or name in inside.listed:
        help_ = meant or f"set the variable `{name}`"
        return Problem("undefined-name", f"`{full}` is not set", help_, full)
    if name in inside.secrets:
        what = f"`{name}` holds a secret of this environment, which no template can read"
        return Problem("secret-name", what, None, full)
    help_ = meant or f"list `{name}` under `env:` in {inside.file}"
    return Problem("undefined-name", f"`{full}` is not listed under `env:`", help_, full)


def _path_of(mapping: object, names: Mapping[str, object], path: str = "") -> str | None:
    """The dotted name of exactly this mapping."""
    for name, value in names.items():
        here = f"{path}.{name}" if path else name
        if value is mapping:
            return here
        if path.count(".") < 10 and isinstance(value, Mapping):
            deeper = _path_of(mapping, value, here)
            if deeper:
                return deeper
    return None


def _text(value: object) -> str:
    """A value as a part of a text, as YAML writes it; null is empty."""
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


def _plain(value: object, text: str) -> Yaml:
    """The value as YAML data. Raises TemplateError if a spec cannot have it."""
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
            help_ = did_you_mean(error.name, error.names) or help_
            problem = Problem("template-syntax", str(error), help_)
        case jinja2.TemplateSyntaxError():
            message, help_ = _lower(error.message or ""), "write it as `{{ name }}`"
            problem = Problem("template-syntax", message, help_, _failing(text))
        case MissingNameError():
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
    """The first `{{ ... }}` that cannot be parsed alone; empty if each of them can."""
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
    """A message of Jinja2 or Python in the style of ours."""
    message = message.strip().rstrip(".")
    return message[:1].lower() + message[1:]
