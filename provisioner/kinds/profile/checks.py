"""What Salesforce would reject of profiles: what a new one copies, its licence, its removal."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds.advice import by_full_name, without_seats
from provisioner.kinds.base import Context
from provisioner.kinds.metadata import CLONE
from provisioner.kinds.profile.fields import LICENCE, NAME
from provisioner.kinds.profile.rights import rights_of
from provisioner.model.diagnostics import Diagnostic, did_you_mean
from provisioner.model.resource import Address, Resource


def problems(context: Context) -> Iterator[Diagnostic]:
    """Profiles: what a new one starts from, and its fixed licence. (facts 501 and 504)"""
    yield from _profiles_in_use(context)
    for profile in context.of_kind(NAME):
        yield from _ambiguous_profile(context, profile)
        source, licence = profile.written.get(CLONE), profile.written.get(LICENCE)
        if not context.created(profile):
            if source is not None and not _is_known(context, str(source)):
                yield unknown_profile(context, profile, CLONE, str(source))
            if context.changed(profile, LICENCE):
                live = context.live[profile.address].written.get(LICENCE)
                yield Diagnostic(
                    "licence-is-fixed",
                    f"the licence of a profile cannot be changed: this one has `{live}`",
                    profile.span(LICENCE),
                    help="create a profile with the other licence, and move the users to it",
                )
            continue
        granted = rights_of(profile, context)
        if source is None and licence is None:
            yield Diagnostic(
                "profile-from-nothing",
                f"the org has no profile `{profile.address.name}`, and a new one needs a licence",
                profile.span(),
                help="add `clone_of:` or `userLicense:`",
            )
        elif granted is None and source is not None:
            yield unknown_profile(context, profile, CLONE, str(source))
        elif granted is None:
            yield _unknown_licence(context, profile, str(licence))
        elif granted.licence and licence and granted.licence.name != licence:
            yield Diagnostic(
                "licence-of-clone",
                f"a clone has the licence of its source, which is `{granted.licence.name}`",
                profile.span(LICENCE),
                help="leave `userLicense` out, or clone another profile",
            )


def _is_known(context: Context, profile: str) -> bool:
    """Whether the spec declares the profile, or the org has it, or will have it."""
    declared = Address(NAME, profile) in context.desired
    return declared or bool(context.facts.full_names_of(profile))


def _ambiguous_profile(context: Context, profile: Resource) -> Iterator[Diagnostic]:
    """A profile, or the one it copies, named by a `Name` that several have. (fact 510)"""
    for name, written in ((None, profile.address.name), (CLONE, profile.written.get(CLONE))):
        if not isinstance(written, str):
            continue
        if name and context.desired.get(Address(NAME, written)):
            continue  # reported for that profile
        if not name and not context.facts.profiles_named(written):
            continue  # a new one
        if len(meant := context.facts.full_names_of(written)) > 1:
            yield Diagnostic(
                "ambiguous-reference",
                f"{len(meant)} profiles have the name `{written}`",
                profile.span(name) if name else profile.span(),
                help=by_full_name(meant),
            )


def _profiles_in_use(context: Context) -> Iterator[Diagnostic]:
    for resource in context.desired.values():
        mine = resource.remove and resource.address.kind == NAME
        if mine and resource.address in context.changes:
            yield from _profile_in_use(context, context.live[resource.address], resource)


def _profile_in_use(context: Context, live: Resource, profile: Resource) -> Iterator[Diagnostic]:
    users = context.facts.answers[NAME]["users_of_removed"]
    leaving = {
        c.before.id for c in context.changes.values() if c.before and "ProfileId" in c.names()
    }
    left = [u for u in users if u["ProfileId"] == live.id and u["Id"] not in leaving]
    if left:
        yield Diagnostic(
            "profile-in-use",
            f"{len(left)} users, active or not, have the profile `{profile.address.name}`, "
            "so it cannot be deleted",
            profile.span(),
            help="give them another profile first",
            notes=tuple(sorted(u["Username"] for u in left))[:5],
        )


def unknown_profile(context: Context, resource: Resource, name: str, profile: str) -> Diagnostic:
    """Neither the spec nor the org has the profile that a field of a resource names."""
    return Diagnostic(
        "unknown-reference",
        f"neither the spec nor the org has a profile `{profile}`",
        resource.span(name),
        help=without_seats(profile, context.facts)
        or did_you_mean(profile, [p.name for p in context.facts.profiles]),
    )


def _unknown_licence(context: Context, profile: Resource, licence: str) -> Diagnostic:
    named = [li for li in context.facts.licences.values() if li.name == licence]
    if named:
        return Diagnostic(
            "licence-disabled",
            f"the licence `{licence}` is not active in this org",
            profile.span(LICENCE),
            help="use a licence that is, or have this one enabled",
        )
    names = sorted({li.name for li in context.facts.licences.values() if li.active})
    return Diagnostic(
        "unknown-licence",
        f"the org has no licence `{licence}`",
        profile.span(LICENCE),
        help=did_you_mean(licence, names, f"licences: {', '.join(names)}"),
    )
