"""What the local org covers, read from its own code: nothing here is claimed by hand.

Routes come from the tables that serve them; objects from describe; SOQL from its grammar; metadata
types from the registry.
Rules come from the source: each comment or docstring that carries a mark of certainty is one.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import facts
from provisioner.emulator.control import coverage_routes
from provisioner.emulator.control.coverage_routes import Route
from provisioner.emulator.http import context, gate
from provisioner.emulator.metadata.types import registry
from provisioner.emulator.metadata.types.settings import SETTINGS
from provisioner.emulator.schema import objects as describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flask import Flask

    from provisioner.emulator.store.org import Org

# The marks in comments and docstrings, strongest first, and what they are called here. A rule that
# carries several marks, or cites several facts, is as certain as the weakest.
CERTAINTIES: Final[Mapping[str, str]] = {
    "[V]": "verified", "[Q]": "quoted", "[I]": "inferred", "[U]": "unverified", "guess": "guess",
}  # fmt: skip
UNPROVEN: Final = ("unverified", "guess")
_MARK: Final = re.compile(r"\[[VQIU](?:[ ,/][^\]]*)?\]|\bguess(?:es|ed)?\b")
# Salesforce's documentation and recordings of real orgs are primary: verified without a mark.
_PRIMARY: Final = re.compile(
    r"\brecord(?:ed|ing|ings)\b|\b(?:developer|API|SOQL) guide\b|\bdocumentation\b|\bdocs\b",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|REQUIRED|NOT_FOUND|GONE")
_LONGEST: Final = 100  # characters of a statement that is shown
_REFUSALS: Final = ("SalesforceError", "Fault", "OAuthError", "InvalidXml", "JsonKindError")


@dataclass(frozen=True, slots=True)
class SObjectCover:
    """One object; `fields` counts those of an org with no feature but `when`, which it needs."""

    name: str
    fields: int
    createable: bool
    updateable: bool
    deletable: bool
    when: str | None


@dataclass(frozen=True, slots=True)
class Feature:
    """One production or keyword of the SOQL grammar."""

    name: str
    form: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing the code says of Salesforce: where, what, and how certain it is.

    `codes` are Salesforce's error codes in the statement that the rule stands at. A refusal with
    no mark near it has the certainty `unmarked`. `relied_on` tells that a plan, a drift report or
    an explanation of a login relies on the rule although nothing proves it: `answers` if the rule
    is part of what the org answers to them, `state` if it shapes what they read, else empty.
    """

    module: str
    line: int
    function: str
    text: str
    codes: tuple[str, ...]
    certainty: str
    relied_on: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the local org covers, and the register of facts that its code cites."""

    routes: tuple[Route, ...]
    objects: tuple[SObjectCover, ...]
    soql: tuple[Feature, ...]
    metadata_types: tuple[str, ...]
    facts: tuple[facts.Fact, ...]
    relied_on_facts: Mapping[str, tuple[int, ...]]
    rules: tuple[Rule, ...]


def report(app: Flask) -> Report:
    """What the org behind an app covers: its routes, objects, SOQL, metadata types and rules."""
    org: Org = app.extensions[context.EXTENSION]
    return Report(
        routes=coverage_routes.routes(app),
        objects=tuple(
            SObjectCover(
                one.name,
                len(one.fields),
                createable="createable" in one.flags,
                updateable="updateable" in one.flags,
                deletable="deletable" in one.flags,
                when=one.when,
            )
            for _, one in sorted(_objects(org).items())
        ),
        soql=tuple(_features((_package() / "soql" / "grammar.lark").read_text(encoding="utf-8"))),
        metadata_types=tuple(sorted(_metadata_types())),
        facts=tuple(facts.register().values()),
        relied_on_facts={by: tuple(numbers) for by, numbers in _reliance()["facts"].items()},
        rules=rules(),
    )


def _objects(org: Org) -> Mapping[str, describe.SObject]:
    """The objects of the org, and those that it has only with a feature that is off."""
    gated = {
        name: replace(
            whole,
            fields={
                key: field
                for key, field in whole.fields.items()
                if not field.when or whole.when in field.when
            },
        )
        for name, whole in describe.tables().items()
        if whole.when
    }
    return {**gated, **org.catalog().sobjects}


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """Every rule of the local org's source, by module and line."""
    found: list[Rule] = []
    for name, text in sources():
        if not name.startswith(("control.coverage", "facts.")):
            found += rules_in(name, text)
    found += [
        Rule("http.gate", 0, f"{surface}: {check}", cell.source, tuple(filter(None, [cell.code])),
             certainty_of(cell.source) or "unmarked")
        for surface, check, cell in gate.cells()
    ]  # fmt: skip
    return tuple(replace(rule, relied_on=_relied_on(rule)) for rule in found)


def _relied_on(rule: Rule) -> str:
    if rule.certainty not in UNPROVEN:
        return ""
    key = reliance_key(rule)
    return next((by for by in ("answers", "state") if key in _reliance()[by]), "")


def reliance_key(rule: Rule) -> str:
    """What `relied_on.json` calls a rule: its function and the beginning of its text."""
    return f"{rule.function}: {rule.text}"[:_LONGEST]


@lru_cache(maxsize=1)
def _reliance() -> Mapping[str, Any]:
    """What a plan, a drift report or an explanation of a login relies on without proof.

    `answers` and `state` list rules by `reliance_key`, `facts` the numbers of the facts that the
    product cites for `plan` or `explain`. A test traces the local org to check it.
    """
    path = _package() / "control" / "relied_on.json"
    read: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def sources() -> Iterator[tuple[str, str]]:
    """The name and text of every module of the local org, in order."""
    return _sources(_package())


def rules_in(module: str, text: str) -> list[Rule]:
    """The rules that one module's source states, and the refusals that carry no mark."""
    tree = ast.parse(text)
    statements = sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.match_case)),
        key=_span,
    )
    found = []
    for line, note, statement in _notes(tree, text, statements):
        certainty = certainty_of(note)
        if certainty:
            function = _function(tree, getattr(statement, "lineno", line))
            what = _plain(note, statement)
            found.append(Rule(module, line, function, what, _codes(statement), certainty))
    marked = {rule.function for rule in found}
    found += [
        Rule(module, node.lineno, function, "", _codes(node), "unmarked")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _REFUSALS
        and (function := _function(tree, node.lineno)) not in marked
        and _codes(node)
    ]
    return sorted(found, key=lambda rule: rule.line)


def certainty_of(note: str) -> str | None:
    """How certain a comment or docstring says it is, or None when it states no source."""
    marks = [mark if mark.startswith("[") else "guess" for mark in _MARK.findall(note)]
    names = [CERTAINTIES.get(f"{mark[:2]}]", mark) for mark in marks]
    names += [facts.register()[number].level for number in facts.cited(note)]
    if names:
        return max(names, key=list(CERTAINTIES.values()).index)
    return "verified" if _PRIMARY.search(note) else None


def summary(found: Report) -> str:
    """A few lines of Markdown for the help topic; the door for tests is not counted."""
    shown = [route for route in found.routes if route.surface != "control"]
    routes = Counter(route.surface for route in shown)
    listed = ", ".join(f"{count} {name}" for name, count in routes.items())
    fields = sum(one.fields for one in found.objects)
    certain = Counter(rule.certainty for rule in found.rules)
    sure = ", ".join(
        f"{certain[name]} {name}" for name in (*CERTAINTIES.values(), "unmarked") if certain[name]
    )
    relied = sum(1 for rule in found.rules if rule.relied_on)
    known = Counter(fact.certainty for fact in found.facts)
    facts_by_certainty = ", ".join(f"{known[name]} {name}" for name in facts.LEVELS if known[name])
    return "\n".join(
        (
            f"- {len(shown)} routes and operations: {listed}",
            f"- {len(found.objects)} objects with {fields} fields",
            f"- SOQL: {len(found.soql)} productions and keywords of its grammar",
            f"- {len(found.metadata_types)} metadata types: {', '.join(found.metadata_types)}",
            f"- {len(found.facts)} numbered facts with a public source: {facts_by_certainty}",
            f"- {len(found.rules)} rules with their sources: {sure}",
            f"- {relied} of the guesses and unverified rules are marked: a plan relies on them",
        )
    )


def as_json(found: Report) -> str:
    """The report as JSON, the same bytes for the same code."""
    return json.dumps(asdict(found), indent=2, ensure_ascii=False)


def as_text(found: Report) -> str:
    """The report for people: every line of it, then the summary."""
    lines = ["Routes"]
    lines += [f"  {one.surface:10} {','.join(one.methods):18} {one.path}" for one in found.routes]
    lines += ["", "Objects"]
    for thing in found.objects:
        may = [name for name in ("createable", "updateable", "deletable") if getattr(thing, name)]
        needs = [f"(with {thing.when})"] if thing.when else []
        flags = " ".join(may + needs)
        lines.append(f"  {thing.name:26} {thing.fields:4} fields  {flags}".rstrip())
    lines += ["", "SOQL"]
    lines += [f"  {one.name:20} {one.form}" for one in found.soql]
    lines += ["", "Metadata types", *(f"  {name}" for name in found.metadata_types), "", "Facts"]
    for fact in found.facts:
        by = [by for by, numbers in found.relied_on_facts.items() if fact.number in numbers]
        relied = f" (relied on by {' and '.join(by)})" if by else ""
        lines.append(f"  {fact.number}  {fact.certainty:10} {fact.text}{relied}")
        lines.append(f"{'':17}{fact.source}: {fact.url}")
    lines += ["", "Rules"]
    for rule in found.rules:
        codes = f" [{' '.join(rule.codes)}]" if rule.codes else ""
        text = f": {rule.text}" if rule.text else ""
        place = f"{rule.module}:{rule.line}"
        relied = f" (relied on by plan: {rule.relied_on})" if rule.relied_on else ""
        lines.append(f"  {rule.certainty:10} {place:28} {rule.function}{codes}{relied}{text}")
    return "\n".join([*lines, "", summary(found)])


def _metadata_types() -> set[str]:
    named = {one.name for one in registry.by_directory().values()}
    named |= {one.name for one in SETTINGS}
    return named | {name for names in registry.CHILDREN.values() for name in names}


# -- SOQL --------------------------------------------------------------------------------------


def _features(grammar: str) -> Iterator[Feature]:
    """Each rule of the grammar, by its alternatives' names where it has them, and each terminal."""
    name = ""
    for line in re.sub(r"\n\s*\|", "\n|", grammar).splitlines():
        head = re.match(r"[?!]*(\w+)(?:\.-?\d+)?\s*:(.*)", line)
        if head:
            name = head[1]
        elif not line.startswith("|"):
            continue
        form, _, alias = (head[2] if head else line[1:]).partition("->")
        yield Feature(alias.strip() or name, " ".join(form.split()))


# -- rules -------------------------------------------------------------------------------------


def _notes(
    tree: ast.Module, text: str, statements: Sequence[ast.AST]
) -> Iterator[tuple[int, str, ast.AST | None]]:
    """Every comment block and docstring, with its line and the statement it stands at."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            documented = node if isinstance(node, ast.FunctionDef) else None
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or "", documented
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        alone = not token.line[: token.start[1]].strip()
        line = token.start[0]
        if block and alone and line == last + 1:
            block.append(token.string)
        else:
            if block:
                yield first, " ".join(block), _statement(statements, last + 1)
            block, first = [token.string], line
        last = line if alone else line - 1  # a comment behind code belongs to its own line
    if block:
        yield first, " ".join(block), _statement(statements, last + 1)


def _statement(statements: Sequence[ast.AST], line: int) -> ast.AST | None:
    """The smallest statement or case that has a line."""
    return next((s for s in statements if s.lineno <= line <= s.end_lineno), None)  # type: ignore[attr-defined]


def _span(node: ast.AST) -> int:
    if isinstance(node, ast.match_case):
        node.lineno = node.pattern.lineno  # type: ignore[attr-defined]
        node.end_lineno = max(s.end_lineno or 0 for s in node.body)  # type: ignore[attr-defined]
    return int(node.end_lineno - node.lineno)  # type: ignore[attr-defined]


def _function(tree: ast.Module, line: int) -> str:
    """The qualified name of the innermost function or class at a line, or of what it assigns."""
    names: list[str] = []
    level: ast.AST = tree
    while True:
        inner = next(
            (
                node
                for node in ast.walk(level)
                if node is not level
                and isinstance(node, ast.FunctionDef | ast.ClassDef)
                and node.lineno <= line <= (node.end_lineno or 0)
            ),
            None,
        )
        if inner is None:
            return ".".join(names) or _assigned(tree, line)
        names.append(inner.name)
        level = inner


def _assigned(tree: ast.Module, line: int) -> str:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and (
            node.lineno <= line <= (node.end_lineno or 0)
        ):
            return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    return "module"


def _codes(node: ast.AST | None) -> tuple[str, ...]:
    """The error codes among the texts of a statement, in their order, none twice."""
    if node is None:
        return ()
    texts = (
        inner.value.removeprefix("sf:").partition(":")[0]
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    )
    return tuple(dict.fromkeys(text for text in texts if _CODE.fullmatch(text)))


def _plain(note: str, statement: ast.AST | None) -> str:
    """A comment or docstring as one line without its signs; a bare mark with what it stands at."""
    text = " ".join(re.sub(r"(?:^|\s)#\s?", " ", note).split())
    if len(text.split()) > 3 or not isinstance(statement, ast.stmt):
        return text
    return f"{text}: {' '.join(ast.unparse(statement).split())[:_LONGEST]}"


def _package() -> Any:
    return files("provisioner.emulator")


def _sources(package: Any) -> Iterator[tuple[str, str]]:
    """The dotted name and the text of every module of the package, in order."""
    for entry in sorted(package.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py"):
            yield entry.name.removesuffix(".py"), entry.read_text(encoding="utf-8")
        elif entry.is_dir() and (entry / "__init__.py").is_file():
            for name, text in _sources(entry):
                yield f"{entry.name}.{name}", text
