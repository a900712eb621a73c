"""Turn every row of a CSV file into the account, the contact and the user that it stands for.

The templates of a roster are compiled once, and so are the rules that the schemas have for
what they give; a row that breaks none costs little more than filling them in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provisioner.model.canonical import TRUTH_VALUES
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span
from provisioner.model.resource import Address, Spec
from provisioner.spec import document as source
from provisioner.spec import schema, template
from provisioner.spec.document import Document, Path
from provisioner.spec.limits import LONGEST, unwritable
from provisioner.spec.roster import csv_reader as table
from provisioner.spec.roster.templates import (
    Fill,
    Leaf,
    Part,
    RowDocument,
    RowSpans,
    filler,
    type_help,
)

PARTS = ("account", "contact", "user")
"""What a row becomes, in the order in which one is made of the other."""

_IMPLIED: Mapping[str, str] = {"contact": "account", "user": "contact"}
"""The reference that a part has to the one before it, unless it gives its own."""

_SHOWN = 5_000
"""So many problems of one roster are kept; a wrong column has one in every row."""

_COUNTED = 1_000_000
"""So many characters are given by the rows before they are counted with all others."""

_KEY = re.compile(r"\S(.*\S)?")


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster as it is declared in a document whose other templates are filled in."""

    name: str
    document: Document
    data: Mapping[str, Any]

    @property
    def file(self) -> str:
        """The CSV file, from the folder of the document."""
        return str(self.data["file"])

    @property
    def encoding(self) -> str | None:
        return self.data.get("encoding")

    @property
    def delimiter(self) -> str:
        return str(self.data.get("delimiter", ","))

    def at(self, *path: str | int) -> Span:
        span = self.document.span(("rosters", self.name, *path))
        assert span is not None, "what is declared has a place"
        return span


@dataclass(frozen=True, slots=True)
class Filled:
    """What the rows of a roster declare, and what is wrong with them."""

    specs: tuple[Spec, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


def declared(document: Document, problems: Iterable[Diagnostic]) -> Iterator[Roster]:
    """The rosters of a document that none of the problems is about."""
    places = [p.span for p in problems if p.span and p.span.file == document.file]
    for name, declared_ in _rosters(document).items():
        here = document.span(("rosters", name), key=True)
        within = document.span(("rosters", name))
        if not isinstance(declared_, Mapping) or here is None or within is None:
            continue
        begin, end = (here.line, here.column), (within.end_line, within.end_column)
        if not any(begin <= (place.line, place.column) < end for place in places):
            yield Roster(name, document, declared_)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose users a roster is about: those of its profiles, and of its account if it has one.

    `deactivates` says what becomes of those that are in no row.
    """

    roster: str
    profiles: frozenset[str]
    account: str | None
    deactivates: bool
    span: Span


def scopes(documents: Iterable[Document], specs: Iterable[Spec]) -> tuple[Scope, ...]:
    """The scope of each roster that has users, by name; `specs` are those of its rows, too."""
    given: dict[str, set[str]] = {}
    for spec in specs:
        name, colon, _ = spec.address.name.partition(":")
        if colon and spec.address.kind == "user" and isinstance(spec.data.get("profile"), str):
            given.setdefault(name, set()).add(spec.data["profile"])
    found: list[Scope] = []
    for document in documents:
        for name, data in _rosters(document).items():
            span = document.span(("rosters", name), key=True)
            if span is None or not isinstance(data, Mapping) or not data.get("user"):
                continue
            profile = _constant(document, name, "user", "profile")
            profiles = given.get(name, set()) | ({profile} if profile else set())
            account = (
                None if data.get("account") else _constant(document, name, "contact", "account")
            )
            span = document.span(("rosters", name, "absent")) or span
            deactivates = data.get("absent") == "deactivate"
            found.append(Scope(name, frozenset(profiles), account, deactivates, span))
    return tuple(sorted(found, key=lambda scope: scope.roster))


def _constant(document: Document, roster: str, part: str, name: str) -> str | None:
    """The value that a part of a roster gives every row, if it is a text without a template."""
    path = "rosters", roster, part, name
    data = _rosters(document)[roster].get(part)
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, str) and path not in document.by_row else None


def names(document: Document) -> frozenset[str]:
    """The names of all rosters of a document, flawed or not."""
    return frozenset(_rosters(document))


def _rosters(document: Document) -> Mapping[str, Any]:
    data = document.data if isinstance(document.data, Mapping) else {}
    found = data.get("rosters")
    return found if isinstance(found, Mapping) else {}


def by_row(document: Document) -> frozenset[Span]:
    """The places of the templates that are filled in by row, and are no values yet."""
    spans = (document.span(path) for path in document.by_row)
    return frozenset(span for span in spans if span)


def fill(
    roster: Roster,
    lines: Iterable[str],
    file: str,
    names: template.Names,
    identity: Mapping[str, str],
) -> Filled:
    """The resources of every row, in the order of the file, accounts at their first row.

    `lines` are those of `file`, with their line breaks; they are read one at a time. `names`
    are what templates can name besides `row`.
    """
    return _Filling(roster, file, names, identity.get("Account")).run(lines)


class _Filling:
    """One pass over the rows of a roster."""

    def __init__(
        self,
        roster: Roster,
        file: str,
        names: template.Names,
        external: str | None,
    ) -> None:
        self._roster = roster
        self._file = file
        self._names = names
        self._account_keys = (*((external,) if external else ()), "AccountNumber", "Name")
        self._header: list[str] = []
        self._columns: dict[str, int] = {}
        self._problems: list[Diagnostic] = []
        self._untold = 0
        self._templates = self._characters = 0
        self._specs: list[Spec] = []
        self._keys: dict[str, int] = {}
        self._accounts: dict[str, Spec] = {}

    def run(self, lines: Iterable[str]) -> Filled:
        rows = table.rows(lines, self._file, self._roster.delimiter)
        try:
            header = next((row for row in rows if not row.empty), None)
            if header and not self._writable(header):
                return Filled(problems=tuple(self._problems))
            if header is None or not self._compile(header):
                return Filled(problems=tuple(self._problems) or (self._headless(),))
            for row in rows:
                if not row.empty and self._writable(row):
                    self._read(row)
                if self._characters > _COUNTED:
                    self._spend()
        except DiagnosticError as error:
            self._problems += error.diagnostics
        except template.TemplateError as error:
            # The rows together take too much.
            self._problems += [
                Diagnostic(p.code, p.message, self._roster.at("file")) for p in error.problems
            ]
        if self._untold:
            what = f"{self._untold} more problems are not shown"
            self._problems.append(
                Diagnostic("more-problems", what, self._roster.at("file"), help="fix these first")
            )
        return Filled(tuple(self._specs), tuple(self._problems))

    def _spend(self) -> None:
        template.spend(self._templates, characters=self._characters)
        self._templates = self._characters = 0

    def _headless(self) -> Diagnostic:
        span = Span(self._file, 1, 1, 1, 1)
        help_ = "the first line names the columns"
        return Diagnostic("no-header", f"`{self._file}` has no header", span, help=help_)

    def _problem(self, problem: Diagnostic) -> None:
        if len(self._problems) < _SHOWN:
            self._problems.append(problem)
        else:
            self._untold += 1

    # ------------------------------------------------------------ once

    def _compile(self, header: table.Row) -> bool:
        """Compile all templates for these columns; whether they can be filled in."""
        self._header = [cell.strip("\ufeff").strip() for cell in header.cells]
        self._check_header(header)
        key = self._roster.data["key"]
        self._key = self._leaf(("key",), key)
        self._parts = [
            part for kind in PARTS if (part := self._part(kind, self._roster.data.get(kind)))
        ]
        if not self._parts:
            what = f"the rows of `{self._roster.name}` become nothing"
            help_ = "give the roster an `account`, a `contact` or a `user`"
            self._problems.append(
                Diagnostic("empty-roster", what, self._roster.at("file"), help=help_)
            )
        if self._problems:
            return False
        leaves = [self._key, *(leaf for part in self._parts for leaf in part.leaves)]
        used = sorted({c for leaf in leaves for c in leaf.columns})
        self._places = table.Places(self._file, used, self._roster.delimiter)
        for part in self._parts:
            part.columns = {leaf.path: leaf.columns[0] for leaf in part.leaves if leaf.columns}
            for name in (part.implied, part.identity):
                if name and self._key.columns:
                    part.columns[name,] = self._key.columns[0]
        return True

    def _check_header(self, header: table.Row) -> None:
        spans = table.cell_spans(header, self._file, self._roster.delimiter)
        self._columns = {}
        for column, name in enumerate(self._header):
            first = self._columns.setdefault(name, column)
            if name and first != column:
                what = f"two columns are named `{name}`"
                help_, notes = "rename one of them", (f"first named at {spans[first]}",)
                self._problem(
                    Diagnostic("duplicate-column", what, spans[column], help=help_, notes=notes)
                )

    def _part(self, kind: str, data: Any) -> Part | None:
        if data is None:
            return None
        if not isinstance(data, Mapping):
            # The schema does not see it: it is a template of the row.
            what = f"`{kind}` must be a mapping, not one template"
            help_ = "give it fields, and a template to each"
            self._problem(Diagnostic("wrong-type", what, self._roster.at(kind), help=help_))
            return None
        at = "rosters", self._roster.name, kind
        values = self._roster.document.values.items()
        below = {p[3:]: span for p, span in values if p[:3] == at and len(p) > 3}
        part = Part(kind, data, spans=below)
        implied = _IMPLIED.get(kind)
        if implied and self._roster.data.get(implied) and not _gives(data, implied):
            part.implied, part.data = implied, {implied: None, **data}
        for path in below:
            if (*at, *path) in self._roster.document.by_row:
                part.leaves.append(self._leaf((kind, *path), _inside(data, path)))
        part.identity = self._identity(kind, data)
        return part

    def _identity(self, kind: str, data: Mapping[str, Any]) -> str | None:
        """The field of a part that the key of the row is written to."""
        sobject = kind.capitalize()
        named = self._roster.data.get("identity") or {}
        field = named.get(sobject) if isinstance(named, Mapping) else None
        if not isinstance(field, str):
            return None
        if given := next((name for name in data if name.casefold() == field.casefold()), None):
            what = f"`{given}` is filled from the key of the row, and given here, too"
            help_ = f"remove it: `identity: {{{sobject}: {field}}}` fills it"
            self._problem(Diagnostic("two-values", what, self._roster.at(kind, given), help=help_))
        return field

    def _leaf(self, at: Path, text: str) -> Leaf:
        """Compile one template; what can not be mended by any row is told here, once."""
        document, full = self._roster.document, ("rosters", self._roster.name, *at)
        columns = self._columns
        names: template.Names = {"row": columns, **self._names}
        named = template.named(text, "row")
        problems = [template.undefined(n, "row", names) for n in named if n not in columns or not n]
        give: Fill = str
        try:
            if not problems:
                give = filler(text, self._header, self._names)
        except template.TemplateError as error:
            problems += error.problems
        delimiter = self._other_delimiter()
        if delimiter and problems:
            # Every column is missing, for one reason.
            if not self._problems or self._problems[-1].code != delimiter.code:
                self._problems.append(delimiter)
            problems = []
        self._problems += [source.in_template(document, full, problem) for problem in problems]
        used = tuple(columns[name] for name in named if name in columns)
        return Leaf(at[1:], give, used, _truths(str(at[0]), at[1:]))

    def _other_delimiter(self) -> Diagnostic | None:
        """A header that is one column because it has another delimiter."""
        if len(self._header) > 1:
            return None
        found = next((d for d in (";", "\t", "|", ",") if d in self._header[0]), None)
        shown = '"\\t"' if found == "\t" else f'"{found}"'
        if found is None:
            return None
        return Diagnostic(
            "wrong-delimiter",
            f"the header of `{self._roster.file}` is one column, `{self._header[0]}`",
            self._roster.at("file"),
            help=f"add `delimiter: {shown}` to the roster",
        )

    # ------------------------------------------------------------ for each row

    def _read(self, row: table.Row) -> None:
        extra = len(row.cells) - len(self._header)
        if extra > 0 and not any(row.cells[len(self._header) :]):
            row = replace(row, cells=row.cells[: len(self._header)])
            extra = 0
        if extra:
            self._problem(self._uneven(row, extra))
            return
        cells = [cell.strip() for cell in row.cells]
        number = self._places.add(row)
        key = self._key_of(number, cells)
        if key is None:
            return
        made: dict[str, str] = {}
        for part in self._parts:
            values = self._values(part, number, cells)
            if values is not None:
                data = part.filled(values, key, made)
                made[part.kind] = self._declare(part, number, key, data, values)

    def _declare(
        self, part: Part, number: int, key: str, data: Mapping[str, Any], values: Sequence[Any]
    ) -> str:
        """Add the resource that a part of a row declares; its key in the spec."""
        name = f"{self._roster.name}:{key}"
        if part.kind == "account":
            name = f"{self._roster.name}:{self._account_key(data)}"
        spec = self._spec(part, number, name, data)
        known = part.kind == "account" and self._is_known(spec)
        if not known and self._is_valid(part, spec, values):
            self._specs.append(spec)
        return name

    def _writable(self, row: table.Row) -> bool:
        """Whether all characters of a row can be stored; the first that cannot be is reported."""
        if row.text.rstrip("\r\n").isprintable() or not (character := unwritable(row.text)):
            return True
        spans = table.cell_spans(row, self._file, self._roster.delimiter)
        wrong = (s for s, cell in zip(spans, row.cells, strict=False) if unwritable(cell))
        what, at = f"character {character} is not allowed in a cell", next(wrong, spans[0])
        self._problem(Diagnostic("control-character", what, at, help="remove it"))
        return False

    def _spec(self, part: Part, number: int, name: str, data: Mapping[str, Any]) -> Spec:
        column = self._key.columns[0] if self._key.columns else None
        if part.kind == "account":
            named = (part.columns.get((n,)) for n in self._account_keys if data.get(n))
            column = next((c for c in named if c is not None), column)
        span = self._cell(number, column)
        return Spec(Address(part.kind, name), data, span, RowSpans(part, self._places, number))

    def _cell(self, number: int, column: int | None) -> Span:
        if column is not None:
            return self._places.span(number, column)
        line = self._places.line(number)
        return Span(self._file, line, 1, line, 1)

    def _uneven(self, row: table.Row, extra: int) -> Diagnostic:
        spans = table.cell_spans(row, self._file, self._roster.delimiter)
        width = len(self._header)
        cells = f"{len(row.cells)} cell" + ("s" if len(row.cells) != 1 else "")
        what = f"the row has {cells}, and the header {width}"
        if extra > 0:
            help_ = "quote a cell that holds the delimiter, or name the column in the header"
            return Diagnostic("uneven-row", what, spans[width], help=help_)
        missing = self._header[len(row.cells)]
        end = spans[-1]
        at = Span(end.file, end.end_line, end.end_column, end.end_line, end.end_column)
        help_ = f"`{missing}` is the first that is missing: a cell may be empty, but must be there"
        return Diagnostic("uneven-row", what, at, help=help_)

    def _key_of(self, number: int, cells: Sequence[str]) -> str | None:
        try:
            found = self._key.give(cells)
        except template.TemplateError as error:
            self._fails(error, self._key, number, ("key",))
            return None
        if isinstance(found, list | dict):
            what = f"the key of the row is a {'list' if isinstance(found, list) else 'mapping'}"
            self._problem(self._at_leaf("wrong-key", what, self._key, number, ("key",)))
            return None
        key = "" if found is None else str(found).strip()
        if not _KEY.fullmatch(key):
            what = "the key of the row has a line break in it" if key else "the row has no key"
            self._problem(self._at_leaf("wrong-key", what, self._key, number, ("key",)))
            return None
        first = self._keys.setdefault(key, number)
        if first != number:
            column = self._key.columns[0] if self._key.columns else None
            note = f"first declared at {self._cell(first, column)}"
            what = f"`{key}` is the key of two rows"
            help_ = "remove one of them, or choose another column for `key`"
            place = self._cell(number, column)
            self._problem(Diagnostic("duplicate-key", what, place, help=help_, notes=(note,)))
            return None
        return key

    def _values(self, part: Part, number: int, cells: Sequence[str]) -> list[Any] | None:
        values: list[Any] = []
        failed = False
        for leaf in part.leaves:
            try:
                value = leaf.give(cells)
            except template.TemplateError as error:
                failed = True
                self._fails(error, leaf, number, (part.kind, *leaf.path))
                continue
            if isinstance(value, str):
                length = len(value)
                self._characters += length
                if length > LONGEST:
                    failed = True
                    self._too_long(leaf, number, (part.kind, *leaf.path))
                elif not value.strip():
                    value = None
                elif value in leaf.truths:
                    value = leaf.truths[value]
            values.append(value)
        self._templates += len(values)
        return None if failed else values

    def _too_long(self, leaf: Leaf, number: int, at: Path) -> None:
        what = f"the template gives a text of more than {LONGEST:,} characters"
        self._problem(self._at_leaf("template-limit", what, leaf, number, at))

    def _fails(self, error: template.TemplateError, leaf: Leaf, number: int, at: Path) -> None:
        for problem in error.problems:
            found = self._at_leaf(problem.code, problem.message, leaf, number, at)
            self._problem(replace(found, help=problem.help))

    def _at_leaf(self, code: str, what: str, leaf: Leaf, number: int, at: Path) -> Diagnostic:
        span = self._cell(number, leaf.columns[0] if leaf.columns else None)
        return Diagnostic(code, what, span, notes=(self._template_at(at),), cause=self._cause(at))

    def _cause(self, at: Path) -> str:
        """The same for every row: that one template gives a wrong value."""
        return f"{self._roster.document.file} {self._roster.name} {at}"

    def _template_at(self, at: Path) -> str:
        return f"by the template at {self._roster.at(*at)}"

    def _account_key(self, data: Mapping[str, Any]) -> str:
        named = (data.get(name) for name in self._account_keys)
        return str(next((value for value in named if value is not None), "")).strip()

    def _is_known(self, spec: Spec) -> bool:
        """Whether a row before has the account already; it must be the same account."""
        first = self._accounts.setdefault(spec.address.name, spec)
        if first is spec:
            return False
        if first.data != spec.data:
            names = {**first.data, **spec.data}
            name = next(n for n in names if first.data.get(n) != spec.data.get(n))
            shown = [_shown(s.data.get(name)) for s in (spec, first)]
            what = f"`{name}` of `{spec.address}` is {shown[0]} here, and {shown[1]} in another row"
            help_ = "rows of one account give it the same values"
            notes = (f"first given at {first.at(name)}",)
            self._problem(Diagnostic("two-values", what, spec.at(name), help=help_, notes=notes))
        return True

    # ------------------------------------------------------------ the schema

    def _is_valid(self, part: Part, spec: Spec, values: Sequence[Any]) -> bool:
        """Whether the schema accepts the resource; every violation is reported."""
        if schema.validator(f"{part.kind}.schema.json").is_valid(spec.data):
            return True
        if len(self._problems) >= _SHOWN:
            self._untold += 1
            return False
        data = {f"{part.kind}s": {spec.address.name: spec.data}}
        given = {leaf.path: value for leaf, value in zip(part.leaves, values, strict=True)}
        document = RowDocument(self._file, data, spec, given)
        found = schema.check(document, schema.validator("spec.schema.json"))
        for problem in found:
            self._problem(self._of_row(part, spec, problem, given))
        return not found

    def _of_row(
        self, part: Part, spec: Spec, problem: Diagnostic, given: Mapping[Path, Any]
    ) -> Diagnostic:
        """The problem with a help that fits a cell, and with the place of the template."""
        path = next((p for p in given if spec.at(*p) == problem.span), None)
        if path is None:
            return problem
        help_ = problem.help
        if problem.code == "wrong-type":
            column = self._header[part.columns[path]] if path in part.columns else None
            help_ = type_help(problem.message, given[path], column)
        at = (part.kind, *path)
        notes = (*problem.notes, self._template_at(at))
        return replace(problem, help=help_, notes=notes, cause=self._cause(at))


def _truths(kind: str, path: Path) -> Mapping[str, bool]:
    """The texts that stand for a boolean at a path of a resource, where no text is accepted."""
    if not path:
        return {}

    def is_valid(value: Any) -> bool:
        for step in reversed(path):
            value = {step: value} if isinstance(step, str) else [value]
        return validator.is_valid({"remove": True, **value})

    validator = schema.validator(f"{kind}.schema.json")
    return {
        text: truth
        for text, truth in TRUTH_VALUES.items()
        if is_valid(truth) and not is_valid(text)
    }


def _gives(data: Mapping[str, Any], reference: str) -> bool:
    """Whether a part gives the reference, under our name or as the field."""
    return reference in data or f"{reference.title()}Id" in data


def _inside(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _shown(value: Any) -> str:
    return "empty" if value is None else f"`{value}`"
