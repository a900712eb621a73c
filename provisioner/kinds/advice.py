"""Remedies that the checks of several kinds offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provisioner.kinds.base import Context
from provisioner.kinds.org_facts import FieldInfo, OrgFacts
from provisioner.model.diagnostics import Diagnostic, closest
from provisioner.model.resource import Resource


def my_profile(context: Context) -> str:
    """The profile of the running user, by its name if the org tells it."""
    me = context.facts.running_user
    return f"the profile `{me['Profile.Name']}`" if me else "the profile of the running user"


def nearest_user(
    context: Context, kind: str, name: str, otherwise: str | None = None
) -> str | None:
    """A help that offers the user whose username or full name is nearest to an unknown name."""
    users = context.facts.answers[kind]["candidates"] or ()
    by_name = {str(row[n]): str(row["Username"]) for row in users for n in ("Name", "Username")}
    near = closest(name, by_name)
    return f"did you mean `{by_name[near]}`?" if near else otherwise


def without_seats(profile: str, facts: OrgFacts) -> str | None:
    """The remedy for a profile that enabling would create if its licence had seats."""
    licence = facts.licence_without_seats(profile)
    return licence and (
        f"the org has no seats of the licence `{licence}`, without which `{profile}` does not "
        "come: buy seats, or use a profile of another licence"
    )


def by_full_name(full_names: Sequence[str]) -> str:
    """The remedy for a `Name` that several profiles have."""
    names = " or ".join(f"`{n}`" for n in full_names)
    return f"write the Metadata name of the one you mean: {names}"


def unknown_field(
    context: Context, resource: Resource, sobject: str, name: str, info: Mapping[str, FieldInfo]
) -> Diagnostic:
    """The org has no such field: a diagnostic at the place where the spec names it."""
    near = closest(name, info)
    remedy = (
        f"if the field exists, grant {my_profile(context)} field-level security for it; if it "
        "does not, create it in Setup, since this tool does not create fields"
    )
    return Diagnostic(
        "unknown-field",
        f"the org has no field `{name}` on {sobject}, or does not show it to you",
        resource.span(name),
        help=f"did you mean `{near}`? otherwise, {remedy}" if near else remedy,
    )
