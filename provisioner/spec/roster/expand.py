"""Turn every row of a CSV file into the account, the contact and the user that it declares.

The templates of a roster are compiled once, and the schemas only say whether a resource is valid:
a row without a problem costs little more than filling in its templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from provisioner.kinds import BY_NAME, ROSTER_KINDS
from provisioner.kinds.account import AccountKind
from provisioner.kinds.contact.kind import ContactKind
from provisioner.kinds.user.kind import UserKind
from provisioner.model.canonical import TRUTH_VALUES
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span
from provisioner.model.resource import Address, Spec
from provisioner.spec import schema, template
from provisioner.spec.document import Document, in_template
from provisioner.spec.limits import unwritable
from provisioner.spec.roster import csv_reader
from provisioner.spec.roster.templates import (
    CsvFile,
    Leaf,
    Part,
    RowDocument,
    RowSpans,
    RowTemplates,
    compiled,
)
from provisioner.spec.yaml_reader import Path, Yaml

_IMPLIED: Mapping[str, str] = {
    kind.name: reference.name
    for kind in ROSTER_KINDS
    for reference in kind.references
    if reference.of_row
}
"""The reference of each kind to another resource of the same row, unless the roster gives one."""

_SHARED = frozenset(kind.name for kind in ROSTER_KINDS if kind.shared_by_rows)
"""The kinds whose resources several rows declare together."""

_MOST_PROBLEMS = 5_000
"""More problems of one roster are only counted; a wrong column has one in every row."""

_COUNTED = 1_000_000
"""So many characters and steps of the rows are not yet counted with those of other templates."""

_KEY = re.compile(r"\S(.*\S)?")


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster as it is declared in a document whose other templates are filled in."""

    name: str
    document: Document
    data: Mapping[str, Yaml]

    @property
    def file(self) -> str:
        """The CSV file, from the folder of the document."""
        return str(self.data["file"])

    @property
    def encoding(self) -> str | None:
        encoding = self.data.get("encoding")
        return str(encoding) if encoding else None

    @property
    def delimiter(self) -> str:
        return str(self.data.get("delimiter", ","))

    def at(self, *path: str | int) -> Span:
        span = self.document.span(("rosters", self.name, *path))
        assert span is not None, "what is declared has a place"
        return span


@dataclass(frozen=True, slots=True)
class Expanded:
    """What the rows of a roster declare, and what is wrong with them."""

    specs: tuple[Spec, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose users a roster is about: those of its profiles, and of its account if it has one.

    `deactivates` says what is done with those that are in no row.
    """

    roster: str
    profiles: frozenset[str]
    account: str | None
    deactivates: bool
    span: Span


def without_problems(document: Document, problems: Iterable[Diagnostic]) -> Iterator[Roster]:
    """The rosters of a document that none of the problems is about."""
    places = [p.span for p in problems if p.span and p.span.file == document.file]
    for name, data in _rosters(document).items():
        key = document.span(("rosters", name), key=True)
        value = document.span(("rosters", name))
        if not isinstance(data, dict) or key is None or value is None:
            continue
        begin, end = (key.line, key.column), (value.end_line, value.end_column)
        if not any(begin <= (place.line, place.column) < end for place in places):
            yield Roster(name, document, data)


def scopes(documents: Iterable[Document], specs: Iterable[Spec]) -> tuple[Scope, ...]:
    """The scope of each roster that has users, by name; `specs` includes those of its rows."""
    profiles: dict[str, set[str]] = {}
    for spec in specs:
        name, colon, _ = spec.address.name.partition(":")
        if colon and UserKind.owns(spec.address) and isinstance(spec.data.get("profile"), str):
            profiles.setdefault(name, set()).add(spec.data["profile"])
    result: list[Scope] = []
    for document in documents:
        for name, data in _rosters(document).items():
            span = document.span(("rosters", name), key=True)
            if span is None or not isinstance(data, dict) or not data.get(UserKind.name):
                continue
            profile = _constant(document, name, UserKind.name, "profile")
            own = profiles.get(name, set()) | ({profile} if profile else set())
            account = (
                None
                if data.get(AccountKind.name)
                else _constant(document, name, ContactKind.name, "account")
            )
            span = document.span(("rosters", name, "absent")) or span
            deactivates = data.get("absent") == "deactivate"
            result.append(Scope(name, frozenset(own), account, deactivates, span))
    return tuple(sorted(result, key=lambda scope: scope.roster))


def _constant(document: Document, roster: str, part: str, name: str) -> str | None:
    """The value that a part of a roster gives every row, if it is a text without a template."""
    data = _rosters(document)[roster]
    fields = data.get(part) if isinstance(data, dict) else None
    value = fields.get(name) if isinstance(fields, dict) else None
    is_constant = ("rosters", roster, part, name) not in document.by_row
    return value if isinstance(value, str) and is_constant else None


def names(document: Document) -> frozenset[str]:
    """The names of all rosters of a document, also of those with problems."""
    return frozenset(_rosters(document))


def _rosters(document: Document) -> Mapping[str, Yaml]:
    data = document.data if isinstance(document.data, dict) else {}
    rosters = data.get("rosters")
    return rosters if isinstance(rosters, dict) else {}


def by_row(document: Document) -> frozenset[Span]:
    """The places of the templates that are filled in by row, and have no values yet."""
    spans = (document.span(path) for path in document.by_row)
    return frozenset(span for span in spans if span)


def expand(
    roster: Roster,
    lines: Iterable[str],
    file: str,
    names: template.Names,
    identity: Mapping[str, str],
) -> Expanded:
    """The resources of every row, in the order of the file, accounts at their first row.

    `lines` are those of `file`, with their line breaks; they are read one at a time. `names`
    are the scopes that templates can use besides `row`.
    """
    return _Expansion(roster, file, names, identity.get(AccountKind.sobject)).run(lines)


class _Expansion:
    """One pass over the rows of a roster."""

    def __init__(
        self, roster: Roster, file: str, names: template.Names, external_id: str | None
    ) -> None:
        self._roster = roster
        self._file = CsvFile(file, roster.delimiter)
        self._names = names
        self._account_keys = (*((external_id,) if external_id else ()), "AccountNumber", "Name")
        self._header: list[str] = []
        self._columns: dict[str, int] = {}
        self._problems: list[Diagnostic] = []
        self._not_shown = 0
        self._filled = self._characters = 0
        self._specs: list[Spec] = []
        self._keys: dict[str, tuple[int, str]] = {}
        self._accounts: dict[str, Spec] = {}

    def run(self, lines: Iterable[str]) -> Expanded:
        rows = csv_reader.rows(lines, self._file.name, self._file.delimiter)
        try:
            header = next((row for row in rows if not row.empty), None)
            if header and not self._is_writable(header):
                return Expanded(problems=tuple(self._problems))
            if header is None or not self._compile(header):
                return Expanded(problems=tuple(self._problems) or (self._no_header(),))
            for row in rows:
                if not row.empty and self._is_writable(row):
                    self._read(row)
                if self._characters + self._templates.steps > _COUNTED:
                    self._spend()
        except DiagnosticError as error:
            self._problems += error.diagnostics
        except template.TemplateError as error:
            # The rows together take too much.
            self._problems += [
                Diagnostic(p.code, p.message, self._roster.at("file")) for p in error.problems
            ]
        if self._not_shown:
            what = f"{self._not_shown} more problems are not shown"
            self._problems.append(
                Diagnostic("more-problems", what, self._roster.at("file"), help="fix these first")
            )
        return Expanded(tuple(self._specs), tuple(self._problems))

    def _spend(self) -> None:
        steps = self._templates.steps
        template.spend(self._filled, steps=steps, characters=self._characters)
        self._filled = self._characters = self._templates.steps = 0

    def _no_header(self) -> Diagnostic:
        span = Span(self._file.name, 1, 1, 1, 1)
        help_ = "the first line names the columns"
        return Diagnostic("no-header", f"`{self._file.name}` has no header", span, help=help_)

    def _report(self, problem: Diagnostic) -> None:
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(problem)
        else:
            self._not_shown += 1

    # ------------------------------------------------------------ once

    def _compile(self, header: csv_reader.Row) -> bool:
        """Compile all templates for these columns. Returns whether they can be filled in."""
        self._header = [cell.strip("\ufeff").strip() for cell in header.cells]
        self._read_header(header)
        self._key = self._leaf(("key",), str(self._roster.data["key"]))
        self._parts = [
            part
            for kind in ROSTER_KINDS
            if (part := self._part(kind.name, self._roster.data.get(kind.name)))
        ]
        if not self._parts:
            what = f"the rows of `{self._roster.name}` declare nothing"
            help_ = "give the roster an `account`, a `contact` or a `user`"
            self._problems.append(
                Diagnostic("empty-roster", what, self._roster.at("file"), help=help_)
            )
        if self._problems:
            return False
        leaves = [self._key, *(leaf for part in self._parts for leaf in part.leaves)]
        self._templates = RowTemplates([leaf.text for leaf in leaves])
        self._key_column = self._key.columns[0] if self._key.columns else None
        for part in self._parts:
            part.columns = {leaf.path: leaf.columns[0] for leaf in part.leaves if leaf.columns}
            for name in (part.implied, part.identity):
                if name and self._key_column is not None:
                    part.columns[name,] = self._key_column
        return True

    def _read_header(self, header: csv_reader.Row) -> None:
        spans = self._spans(header)
        for column, name in enumerate(self._header):
            first = self._columns.setdefault(name, column)
            if name and first != column:
                what = f"two columns are named `{name}`"
                help_, notes = "rename one of them", (f"first named at {spans[first]}",)
                self._report(
                    Diagnostic("duplicate-column", what, spans[column], help=help_, notes=notes)
                )

    def _part(self, kind: str, data: Yaml) -> Part | None:
        if data is None:
            return None
        if not isinstance(data, dict):
            # The schema does not see it: it is a template of the row.
            what = f"`{kind}` must be a mapping, not one template"
            help_ = "give it fields, and a template to each"
            self._report(Diagnostic("wrong-type", what, self._roster.at(kind), help=help_))
            return None
        at = "rosters", self._roster.name, kind
        values = self._roster.document.values.items()
        below = {p[3:]: span for p, span in values if p[:3] == at and len(p) > 3}
        validator = schema.validator(f"{kind}.schema.json")
        part = Part(kind, data, self._file, validator, spans=below)
        implied = _IMPLIED.get(kind)
        if implied and self._roster.data.get(implied) and not _has_reference(data, implied):
            part.implied, part.data = implied, {implied: None, **data}
        for path in below:
            if (*at, *path) in self._roster.document.by_row:
                part.leaves.append(self._leaf((kind, *path), str(_value_at(data, path))))
        part.identity = self._identity(kind, data)
        return part

    def _identity(self, kind: str, data: Mapping[str, Yaml]) -> str | None:
        """The field of a part that the key of the row is written to."""
        sobject = BY_NAME[kind].sobject or ""
        identity = self._roster.data.get("identity")
        field = identity.get(sobject) if isinstance(identity, dict) else None
        if not isinstance(field, str):
            return None
        if own := next((name for name in data if name.casefold() == field.casefold()), None):
            what = f"`{own}` is filled from the key of the row, and is also declared here"
            help_ = f"remove it: `identity: {{{sobject}: {field}}}` fills it"
            self._report(Diagnostic("two-values", what, self._roster.at(kind, own), help=help_))
        return field

    def _leaf(self, at: Path, text: str) -> Leaf:
        """Compile one template. What is wrong with it in every row is reported here, once."""
        document, path = self._roster.document, ("rosters", self._roster.name, *at)
        columns = self._columns
        text = template.with_dotted_names(text, "row")
        names: template.Names = {"row": dict.fromkeys(columns, ""), **self._names}
        used = template.named(text, "row")
        problems = [template.undefined(n, "row", names) for n in used if n not in columns or not n]
        try:
            fill = None if problems else compiled(text)
            if fill and template.is_plain(text):
                fill(names)
        except template.TemplateError as error:
            problems += error.problems
        delimiter = self._other_delimiter()
        if delimiter and problems:
            # Every column is missing, for one reason.
            if not self._problems or self._problems[-1].code != delimiter.code:
                self._problems.append(delimiter)
            problems = []
        self._problems += [in_template(document, path, problem) for problem in problems]
        places = tuple(columns[name] for name in used if name in columns)
        return Leaf(at[1:], text, places, _truths(str(at[0]), at[1:]))

    def _other_delimiter(self) -> Diagnostic | None:
        """A header that is one column because it has another delimiter."""
        if len(self._header) > 1:
            return None
        other = next((d for d in (";", "\t", "|", ",") if d in self._header[0]), None)
        if other is None:
            return None
        shown = '"\\t"' if other == "\t" else f'"{other}"'
        return Diagnostic(
            "wrong-delimiter",
            f"the header of `{self._roster.file}` is one column, `{self._header[0]}`",
            self._roster.at("file"),
            help=f"add `delimiter: {shown}` to the roster",
        )

    # ------------------------------------------------------------ for each row

    def _read(self, row: csv_reader.Row) -> None:
        extra = len(row.cells) - len(self._header)
        if extra > 0 and not any(row.cells[len(self._header) :]):
            row = replace(row, cells=row.cells[: len(self._header)])
            extra = 0
        if extra:
            self._report(self._uneven(row, extra))
            return
        cells = dict(zip(self._header, map(str.strip, row.cells), strict=True))
        value, *values = self._templates.fill({"row": cells, **self._names})
        key = self._key_of(row, value)
        if key is None:
            return
        declared: dict[str, str] = {}
        name = f"{self._roster.name}:{key}"
        start = 0
        for part in self._parts:
            end = start + len(part.leaves)
            own = self._checked(part, row, values[start:end])
            start = end
            if own is None:
                continue
            data = part.filled(own, key, declared)
            if part.kind in _SHARED:
                declared[part.kind] = self._declare_shared(part, row, data, own)
            else:
                declared[part.kind] = name
                self._declare(part, row, name, self._key_column, data, own)

    def _declare(
        self,
        part: Part,
        row: csv_reader.Row,
        name: str,
        column: int | None,
        data: dict[str, Yaml],
        values: Sequence[Yaml],
    ) -> Spec:
        """Add the resource that a part of a row declares, if it is valid."""
        spec = Spec(Address(part.kind, name), data, RowSpans(part, row.text, row.line, column))
        if part.validator.is_valid(data) or self._explain(part, spec, values):
            self._specs.append(spec)
        return spec

    def _declare_shared(
        self, part: Part, row: csv_reader.Row, data: dict[str, Yaml], values: Sequence[Yaml]
    ) -> str:
        """Add an account unless a row before has declared it. Returns its key in the spec."""
        name = f"{self._roster.name}:{self._account_key(data)}"
        first = self._accounts.get(name)
        if first is not None and first.data == data:
            return name
        columns = (part.columns.get((n,)) for n in self._account_keys if data.get(n))
        column = next((c for c in columns if c is not None), self._key_column)
        if first is None:
            self._accounts[name] = self._declare(part, row, name, column, data, values)
        else:
            spans = RowSpans(part, row.text, row.line, column)
            self._report_difference(first, Spec(first.address, data, spans))
        return name

    def _is_writable(self, row: csv_reader.Row) -> bool:
        """Whether all characters of a row can be stored; the first that cannot is reported."""
        if row.text.rstrip("\r\n").isprintable() or not (character := unwritable(row.text)):
            return True
        spans = self._spans(row)
        wrong = (s for s, cell in zip(spans, row.cells, strict=False) if unwritable(cell))
        what, at = f"character {character} is not allowed in a cell", next(wrong, spans[0])
        self._report(Diagnostic("control-character", what, at, help="remove it"))
        return False

    def _spans(self, row: csv_reader.Row) -> Sequence[Span]:
        return csv_reader.cell_spans(row.text, row.line, self._file.name, self._file.delimiter)

    def _cell(self, row: csv_reader.Row, columns: Sequence[int]) -> Span:
        """The place of the first of some columns in a row, or of the row."""
        if columns:
            return self._spans(row)[columns[0]]
        return Span(self._file.name, row.line, 1, row.line, 1)

    def _uneven(self, row: csv_reader.Row, extra: int) -> Diagnostic:
        spans = self._spans(row)
        width = len(self._header)
        cells = f"{len(row.cells)} cell" + ("s" if len(row.cells) != 1 else "")
        what = f"the row has {cells}, and the header {width}"
        if extra > 0:
            help_ = "quote a cell that contains the delimiter, or name the column in the header"
            return Diagnostic("uneven-row", what, spans[width], help=help_)
        missing = self._header[len(row.cells)]
        end = spans[-1]
        at = Span(end.file, end.end_line, end.end_column, end.end_line, end.end_column)
        help_ = f"`{missing}` is the first that is missing: a cell may be empty, but must be there"
        return Diagnostic("uneven-row", what, at, help=help_)

    def _key_of(self, row: csv_reader.Row, value: Yaml | template.TemplateError) -> str | None:
        """The key of a row, if it has one that no row before it has."""
        if isinstance(value, template.TemplateError):
            self._report_failure(value, self._key, row, ("key",))
            return None
        if isinstance(value, list | dict):
            what = f"the key of the row is a {'list' if isinstance(value, list) else 'mapping'}"
            self._report(self._at_leaf("wrong-key", what, self._key, row, ("key",)))
            return None
        key = "" if value is None else str(value).strip()
        if not _KEY.fullmatch(key):
            what = "the key of the row has a line break in it" if key else "the row has no key"
            self._report(self._at_leaf("wrong-key", what, self._key, row, ("key",)))
            return None
        line, text = self._keys.setdefault(key, (row.line, row.text))
        if line != row.line:
            what = f"`{key}` is the key of two rows"
            help_ = "remove one of them, or choose another column for `key`"
            first = csv_reader.Row((), line, text)
            note = f"first declared at {self._cell(first, self._key.columns)}"
            at = self._cell(row, self._key.columns)
            self._report(Diagnostic("duplicate-key", what, at, help=help_, notes=(note,)))
            return None
        return key

    def _checked(
        self,
        part: Part,
        row: csv_reader.Row,
        values: Sequence[Yaml | template.TemplateError],
    ) -> list[Yaml] | None:
        """The values of a part's templates, null for an empty text; `None` if one has failed."""
        result: list[Yaml] = []
        for leaf, value in zip(part.leaves, values, strict=True):
            if isinstance(value, str):
                self._characters += len(value)
                if not value or value.isspace():
                    result.append(None)
                elif leaf.truths and value in leaf.truths:
                    result.append(leaf.truths[value])
                else:
                    result.append(value)
            elif isinstance(value, template.TemplateError):
                self._report_failure(value, leaf, row, (part.kind, *leaf.path))
            else:
                result.append(value)
        self._filled += len(values)
        return result if len(result) == len(values) else None

    def _report_failure(
        self, error: template.TemplateError, leaf: Leaf, row: csv_reader.Row, at: Path
    ) -> None:
        for problem in error.problems:
            diagnostic = self._at_leaf(problem.code, problem.message, leaf, row, at)
            self._report(replace(diagnostic, help=problem.help))

    def _at_leaf(
        self, code: str, what: str, leaf: Leaf, row: csv_reader.Row, at: Path
    ) -> Diagnostic:
        span = self._cell(row, leaf.columns)
        return Diagnostic(code, what, span, notes=(self._template_at(at),), cause=self._cause(at))

    def _cause(self, at: Path) -> str:
        """The same for every row: that one template gives a wrong value."""
        return f"{self._roster.document.file} {self._roster.name} {at}"

    def _template_at(self, at: Path) -> str:
        return f"from the template at {self._roster.at(*at)}"

    def _account_key(self, data: Mapping[str, Yaml]) -> str:
        values = (data.get(name) for name in self._account_keys)
        return str(next((value for value in values if value is not None), "")).strip()

    def _report_difference(self, first: Spec, spec: Spec) -> None:
        """Report an account that a row before has declared with another value."""
        names = {**first.data, **spec.data}
        name = next(n for n in names if first.data.get(n) != spec.data.get(n))
        shown = [_shown(s.data.get(name)) for s in (spec, first)]
        what = f"`{name}` of `{spec.address}` is {shown[0]} here, and {shown[1]} in another row"
        help_ = "rows of one account give it the same values"
        notes = (f"first declared at {first.at(name)}",)
        self._report(Diagnostic("two-values", what, spec.at(name), help=help_, notes=notes))

    # ------------------------------------------------------------ the schema

    def _explain(self, part: Part, spec: Spec, values: Sequence[Yaml]) -> bool:
        """Report what the schema has against a resource. Returns whether that is nothing."""
        if len(self._problems) >= _MOST_PROBLEMS:
            self._not_shown += 1
            return False
        data: Yaml = {BY_NAME[part.kind].section: {spec.address.name: dict(spec.data)}}
        by_path = {leaf.path: value for leaf, value in zip(part.leaves, values, strict=True)}
        columns = {path: self._header[column] for path, column in part.columns.items()}
        document = RowDocument(self._file.name, data, spec, by_path, columns)
        problems = schema.check(document, schema.validator("spec.schema.json"))
        for problem in problems:
            self._report(self._of_row(part, spec, problem, by_path))
        return not problems

    def _of_row(
        self, part: Part, spec: Spec, problem: Diagnostic, values: Mapping[Path, Yaml]
    ) -> Diagnostic:
        """The problem with the place of the template that gives the value."""
        path = next((p for p in values if spec.at(*p) == problem.span), None)
        if path is None:
            return problem
        at = (part.kind, *path)
        notes = (*problem.notes, self._template_at(at))
        return replace(problem, notes=notes, cause=self._cause(at))


def _truths(kind: str, path: Path) -> Mapping[str, bool]:
    """The texts that stand for a boolean at a path of a resource, where no text is accepted."""
    if not path:
        return {}

    def is_valid(value: Yaml) -> bool:
        for step in reversed(path[1:]):
            value = {step: value} if isinstance(step, str) else [value]
        return validator.is_valid({"remove": True, str(path[0]): value})

    validator = schema.validator(f"{kind}.schema.json")
    return {
        text: truth
        for text, truth in TRUTH_VALUES.items()
        if is_valid(truth) and not is_valid(text)
    }


def _has_reference(data: Mapping[str, Yaml], reference: str) -> bool:
    """Whether a part has the reference, under our name or as the field."""
    return reference in data or f"{reference.title()}Id" in data


def _value_at(data: Yaml, path: Path) -> Yaml:
    for step in path:
        data = data[step]  # type: ignore[index]  # the path was read from the data
    return data


def _shown(value: Yaml) -> str:
    return "empty" if value is None else f"`{value}`"
