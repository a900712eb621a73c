"""Write a `Select` or a `Lookup` as SOQL, in pieces that Salesforce accepts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from simple_salesforce.format import format_soql, quote_soql_value

from provisioner.model.operations import Newest, Select
from provisioner.model.resource import Lookup
from provisioner.org.errors import Refused

# Salesforce takes 100,000 characters. (fact 730)
LONGEST = 90_000
_NAME = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*", re.ASCII)


def selects(select: Select, longest: int = LONGEST) -> list[str]:
    """The queries that together return the rows of `select`, each with `Id`.

    A row can be in the answer to more than one of them. Raises Refused for an invalid name.
    """
    fields = list(dict.fromkeys(("Id", *select.fields)))
    names = ", ".join(map(_name, fields))
    start = f"SELECT {names} FROM {_name(select.sobject)}"  # noqa: S608 - names are checked
    if not select.any_of:
        return [start]
    start += " WHERE "
    return [start + clause for clause in _clauses(select, longest - len(start))]


def newest(query: Newest) -> str:
    """The query for the newest rows."""
    names = ", ".join(map(_name, dict.fromkeys(("Id", *query.fields))))
    wheres = [
        f"{_name(field)} {word} ({','.join(map(_value, values))})"
        for word, conditions in (("IN", query.within), ("NOT IN", query.without))
        for field, values in conditions
    ]
    if query.deleted:
        wheres.append("IsDeleted = TRUE")
    where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
    start = f"SELECT {names} FROM {_name(query.sobject)}{where}"  # noqa: S608 - names are checked
    return f"{start} ORDER BY CreatedDate DESC LIMIT {query.limit:d}"


def lookup(lookup: Lookup) -> str:
    """The query for the Ids of the records that have all these values."""
    query = format_soql("SELECT Id FROM {:literal}", _name(lookup.sobject))
    wheres = [format_soql("{:literal} = {}", _name(field), value) for field, value in lookup.where]
    return f"{query} WHERE {' AND '.join(wheres)}" if wheres else query


def last_logins(user_id: str, fields: Iterable[str], count: int) -> str:
    """The query for the last rows of a user's LoginHistory, the newest first."""
    names = ", ".join(map(_name, fields))
    return format_soql(
        "SELECT {:literal} FROM LoginHistory WHERE UserId = {}"
        " ORDER BY LoginTime DESC, Id DESC LIMIT {}",
        names,
        user_id,
        count,
    )


def domains() -> str:
    """The query for the hosts that were assigned to sites."""
    return "SELECT Domain FROM Domain"


def count_active(profile_ids: Iterable[str]) -> str:
    """The query that counts the active users of these profiles, by profile."""
    counting = "SELECT ProfileId, COUNT(Id) users FROM User WHERE IsActive = TRUE"
    return format_soql(counting + " AND ProfileId IN {} GROUP BY ProfileId", list(profile_ids))


def _clauses(select: Select, longest: int) -> Iterator[str]:
    """Clauses `a IN (...) OR b IN (...)` that together contain every value."""
    clause: dict[str, list[str]] = {}
    size = 0
    for field, values in select.any_of:
        for value in dict.fromkeys(values):
            quoted = quote_soql_value(value)
            cost = len(quoted) + 1 + (0 if field in clause else len(f" OR {field} IN ()"))
            if clause and size + cost > longest:
                yield _clause(clause)
                clause, size = {}, 0
                cost = len(quoted) + 1 + len(f" OR {field} IN ()")
            clause.setdefault(_name(field), []).append(quoted)
            size += cost
    if clause:
        yield _clause(clause)


def _clause(clause: dict[str, list[str]]) -> str:
    return " OR ".join(f"{field} IN ({','.join(values)})" for field, values in clause.items())


def _value(value: object) -> str:
    return str(quote_soql_value(value))


def _name(name: str) -> str:
    """`name`, if it is a valid name of a field or an object. Raises Refused."""
    if not _NAME.fullmatch(name):
        raise Refused("INVALID_FIELD", f"`{name}` cannot be the name of a field or an object")
    return name
