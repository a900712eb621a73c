"""Find who made the differences of a drift report. Pure.

This is evidence, not proof: the last write of a record or a component, and the entries of the setup
audit trail that name it. The writes of the user that this tool logs in as are left out, so that an
apply does not hide who changed something before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from provisioner.kinds import BY_NAME
from provisioner.model.canonical import canonical
from provisioner.model.change import Action
from provisioner.model.operations import Newest, Row
from provisioner.model.plan import Step
from provisioner.model.resource import Address, Resource, Value

MOST_ROWS = 2_000
"""The rows that Salesforce returns in one page. (fact 731)"""
_MOST_KEYS = 200
_BY = "LastModifiedBy.Name"
_USERNAME = "LastModifiedBy.Username"
_AT = "LastModifiedDate"


@dataclass(frozen=True, slots=True)
class Author:
    """Who changed something, when, and how that is known.

    `entry` is the text of the audit trail entry.
    """

    by: str
    at: str
    source: str
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class RunningUser:
    """The user that this tool logs in as; the names are empty if the org does not return them."""

    username: str = ""
    name: str = ""

    def wrote(self, row: Mapping[str, Value]) -> bool:
        """Whether this user made the last write of a record or a component."""
        if username := row.get(_USERNAME):
            return bool(self.username) and str(username).casefold() == self.username.casefold()
        return bool(self.name) and row.get(_BY) == self.name


# ---------------------------------------------------------------- queries


def audit_trail_query(steps: Iterable[Step], username: str) -> Newest | None:
    """The query for what others changed in Setup, if a difference can be in the audit trail.

    SOQL cannot filter by `Display` and `Section`. (Object Reference, SetupAuditTrail)
    """
    if not any(BY_NAME[step.address.kind].in_setup_trail for step in steps):
        return None
    own = (("CreatedBy.Username", (username,)),) if username else ()
    fields = ("Id", "Action", "Section", "Display", "CreatedDate", "CreatedBy.Name", "DelegateUser")
    return Newest("SetupAuditTrail", fields, MOST_ROWS, without=own)


def recycle_bin_queries(steps: Iterable[Step]) -> Iterator[Newest]:
    """The queries for missing records that may be in the recycle bin: one for each object."""
    missing: dict[tuple[str, str], set[str]] = {}
    for step in steps:
        kind = BY_NAME[step.address.kind]
        key = kind.recycle_bin_key()
        value = step.change.after.written.get(key) if key else None
        if step.action is Action.CREATE and kind.sobject and key and value:
            missing.setdefault((kind.sobject, key), set()).add(str(value))
    for (sobject, key), values in sorted(missing.items()):
        first_values = tuple(sorted(values))[:_MOST_KEYS]
        fields = ("Id", key, _BY, _USERNAME, _AT)
        within = ((key, first_values),)
        yield Newest(sobject, fields, MOST_ROWS, within=within, deleted=True)


# ---------------------------------------------------------------- authors


def find_authors(
    steps: Iterable[Step],
    trail: Iterable[Row],
    running_user: RunningUser,
    recycle_bin: Mapping[str, Iterable[Row]] | None = None,
) -> Mapping[Address, Author]:
    """The author of each difference, by the newest evidence; without evidence there is none.

    `trail` are the entries of the setup audit trail, the newest first. `recycle_bin` has the
    deleted records of each kind by its name.
    """
    deleted = {
        (kind, _key(row.get(str(BY_NAME[kind].recycle_bin_key())))): row
        for kind, rows in (recycle_bin or {}).items()
        # The rows are newest first: in this order, the newest row of a key is the one that stays.
        for row in reversed(tuple(rows))
    }
    entries = _AuditTrail(trail)
    authors: dict[Address, Author] = {}
    for step in steps:
        evidence = [
            *_from_record(step.change.before, running_user),
            *_from_trail(step, entries),
            *_from_recycle_bin(step, deleted, running_user),
        ]
        if evidence:
            authors[step.address] = max(evidence, key=lambda author: author.at)
    return authors


def _from_record(before: Resource | None, running_user: RunningUser) -> Iterator[Author]:
    row = before.written if before else {}
    by, at = row.get(_BY), canonical(row.get(_AT), "datetime")
    if by and at and not running_user.wrote(row):
        yield Author(str(by), str(at), "last modified")


def _from_recycle_bin(
    step: Step, deleted: Mapping[tuple[str, str], Row], running_user: RunningUser
) -> Iterator[Author]:
    """Who deleted a missing record: the last write of a record is its deletion. (guess)"""
    kind = step.address.kind
    key = BY_NAME[kind].recycle_bin_key()
    if step.action is not Action.CREATE or key is None:
        return
    row = deleted.get((kind, _key(step.change.after.written.get(key))))
    if row and row.get(_BY) and not running_user.wrote(row):
        yield Author(str(row[_BY]), str(canonical(row[_AT], "datetime")), "deleted")


def _key(value: object) -> str:
    return str(value or "").strip().casefold()


def _from_trail(step: Step, trail: _AuditTrail) -> Iterator[Author]:
    row = trail.newest_naming(*BY_NAME[step.address.kind].setup_trail_names(step.change))
    if row is not None:
        by = str(row.get("DelegateUser") or row.get("CreatedBy.Name") or "")
        at = str(canonical(row["CreatedDate"], "datetime"))
        yield Author(by, at, "setup audit trail", str(row.get("Display") or row["Action"]))


class _AuditTrail:
    """The entries of the setup audit trail, the newest first, indexed by the words in their text.

    Thousands of resources may differ, and there may be thousands of entries: each is read once.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)
        self._texts = tuple(str(row.get("Display") or "").casefold() for row in self._rows)
        self._newest: dict[str, int] = {}
        for number, text in enumerate(self._texts):
            words = _words(text)
            for first, (start, _) in enumerate(words):
                for _, end in words[first : first + _LONGEST_NAME]:
                    self._newest.setdefault(text[start:end], number)

    def newest_naming(self, *names: str) -> Row | None:
        """The newest entry that contains one of the names as whole words."""
        numbers = [n for name in names if name for n in [self._number(name.casefold())] if n >= 0]
        return self._rows[min(numbers)] if numbers else None

    def _number(self, name: str) -> int:
        words = _words(name)
        if words and (words[0][0], words[-1][1]) == (0, len(name)) and len(words) <= _LONGEST_NAME:
            return self._newest.get(name, -1)
        pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return next((n for n, text in enumerate(self._texts) if pattern.search(text)), -1)


def _words(text: str) -> list[tuple[int, int]]:
    return [(match.start(), match.end()) for match in _WORD.finditer(text)]


_WORD = re.compile(r"\w+")
_LONGEST_NAME = 8
