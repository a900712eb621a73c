"""Guards over setup: switches, removals, portals and profiles."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds import BY_NAME
from provisioner.kinds.base import Removal
from provisioner.kinds.metadata import CLONE
from provisioner.kinds.portal import (
    MEMBERS,
    REQUIRED,
    SELF_REGISTRATION_PROFILE,
    admins,
    adopts,
    may_be_admin,
)
from provisioner.kinds.profile import LICENCE
from provisioner.kinds.settings import PORTAL_SWITCH, SITES_SWITCH, portal_is_on
from provisioner.model.diagnostics import Diagnostic, Severity, did_you_mean
from provisioner.model.resource import Address, Resource
from provisioner.plan.preflight.context import (
    PlanContext,
    by_full_name,
    nearest_user,
    without_seats,
)

_ONE_WAY = {
    PORTAL_SWITCH: "the Customer Portal",
    SITES_SWITCH: "Digital Experiences",
}


def switching_off(context: PlanContext) -> Iterator[Diagnostic]:
    """The Customer Portal and Digital Experiences can not be switched off again. (1.1, 1.4)"""
    for settings in context.of_kind("settings"):
        change = context.changes.get(settings.address)
        for field in change.fields if change else ():
            if field.name in _ONE_WAY and field.after is not True:
                yield Diagnostic(
                    "one-way-switch",
                    f"{_ONE_WAY[field.name]} is on, and Salesforce never lets it be switched off",
                    field.span,
                    help="to keep people out, set the portal's `active` to false"
                    if field.name == PORTAL_SWITCH
                    else "to keep people out, take the sites offline",
                )


def removals(context: PlanContext) -> Iterator[Diagnostic]:
    """What a spec asks to remove and Salesforce, or this tool, does not. (page one 1, 12)"""
    for resource in context.desired.values():
        change = context.changes.get(resource.address)
        if not resource.remove or change is None:
            continue
        if BY_NAME[resource.address.kind].removal is Removal.NEVER:
            yield Diagnostic(
                "never-removed",
                f"`{resource.address}` can not be removed",
                resource.span(),
                help="leave it out of the spec: what is left out is not managed",
            )
        if resource.address.kind == "profile":
            yield from _profile_in_use(context, context.live[resource.address], resource)


def portals(context: PlanContext) -> Iterator[Diagnostic]:
    """Portals: the feature, the elements a new one needs, its profiles, its admin. (1.2)"""
    for portal in context.of_kind("portal"):
        created, adopted = context.created(portal), adopts(portal, context.facts)
        if created and not adopted:
            yield from _new_portal(context, portal)
        yield from _admin(context, portal)
        for name in (MEMBERS, SELF_REGISTRATION_PROFILE):
            yield from _portal_profiles(context, portal, name)


def profiles(context: PlanContext) -> Iterator[Diagnostic]:
    """Profiles: what a new one starts from, and the licence, which never changes. (4.1)"""
    for profile in context.of_kind("profile"):
        yield from _ambiguous_profile(context, profile)
        source, licence = profile.written.get(CLONE), profile.written.get(LICENCE)
        if not context.created(profile):
            if source is not None and not _is_known(context, str(source)):
                yield _unknown_profile(context, profile, CLONE, str(source))
            if context.changed(profile, LICENCE):
                live = context.live[profile.address].written.get(LICENCE)
                yield Diagnostic(
                    "licence-is-fixed",
                    f"a profile keeps its licence for ever: this one has `{live}`",
                    profile.span(LICENCE),
                    help="make a new profile with the other licence, and move its users there",
                )
            continue
        rights = context.rights_of(profile)
        if source is None and licence is None:
            yield Diagnostic(
                "profile-from-nothing",
                f"the org has no profile `{profile.address.name}`, and a new one needs a licence",
                profile.span(),
                help="add `clone_of:` or `userLicense:`",
            )
        elif rights is None and source is not None:
            yield _unknown_profile(context, profile, CLONE, str(source))
        elif rights is None:
            yield _unknown_licence(context, profile, str(licence))
        elif rights.licence and licence and rights.licence.name != licence:
            yield Diagnostic(
                "licence-of-clone",
                f"a clone has the licence of its source, which is `{rights.licence.name}`",
                profile.span(LICENCE),
                help="leave `userLicense` out, or clone another profile",
            )


def _is_known(context: PlanContext, profile: str) -> bool:
    """Whether the spec declares the profile, or the org has it, or will have it."""
    declared = Address("profile", profile) in context.desired
    return declared or bool(context.facts.full_names_of(profile))


def _new_portal(context: PlanContext, portal: Resource) -> Iterator[Diagnostic]:
    missing = [n for n in REQUIRED if portal.written.get(n) is None]
    if missing:
        yield Diagnostic(
            "missing-field",
            f"a new portal needs {', '.join(f'`{n}`' for n in missing)}",
            portal.span(),
            help="give the missing elements, or name the portal to adopt with `was:`",
        )
    if context.facts.enabling_step is None and not portal_is_on(context.facts):
        yield Diagnostic(
            "portal-is-off",
            "the Customer Portal is off in this org, so there can be no portals",
            portal.span(),
            help="this org has sites instead: declare no portal for it"
            if context.facts.has_site_users
            else "add `enableCustomerSuccessPortal: true` under `settings:`, `OrgSettings:`",
        )
    elif portal.written.get("type") == "CustomerSuccess":
        yield Diagnostic(
            "unproven-portal",
            "a second Customer Portal: that the Metadata API makes one is not proven",
            portal.span(),
            help="adopt the first one with `was: Customer Portal` where you can",
            severity=Severity.WARNING,
        )


def _admin(context: PlanContext, portal: Resource) -> Iterator[Diagnostic]:
    """A portal's admin needs `Manage Customer Users`, by profile or permission set. (1.2)"""
    admin = portal.written.get("admin")
    if not isinstance(admin, str) or not context.changed(portal, "admin"):
        return
    rows = admins(admin, context.facts)
    if len(rows) != 1:
        yield Diagnostic(
            "ambiguous-admin" if rows else "unknown-admin",
            f"the org has {len(rows) or 'no'} user{'s' if rows else ''} called `{admin}`",
            portal.span("admin"),
            help="write the user's username"
            if rows
            else nearest_user(context, "portal", admin, "write a user's full name or username"),
            notes=tuple(sorted(r["Username"] for r in rows)),
        )
    elif not rows[0]["IsActive"]:
        yield Diagnostic(
            "inactive-admin",
            f"the user `{admin}` is not active",
            portal.span("admin"),
            help="name an active user, or activate this one first",
        )
    elif may_be_admin(rows[0], context.facts) is False:
        yield Diagnostic(
            "admin-without-permission",
            f"`{admin}` may not manage customer users, which a portal's admin must",
            portal.span("admin"),
            help="give it by the user's profile or a permission set (`ManageCssUsers`)",
        )


def _ambiguous_profile(context: PlanContext, profile: Resource) -> Iterator[Diagnostic]:
    """A profile, or the one it copies, named by a `Name` that several have. (4.2)"""
    for name, written in ((None, profile.address.name), (CLONE, profile.written.get(CLONE))):
        if not isinstance(written, str):
            continue
        if name and context.desired.get(Address("profile", written)):
            continue  # said of that one
        if not name and not context.facts.profiles_named(written):
            continue  # a new one
        if len(meant := context.facts.full_names_of(written)) > 1:
            yield Diagnostic(
                "ambiguous-reference",
                f"{len(meant)} profiles have the name `{written}`",
                profile.span(name) if name else profile.span(),
                help=by_full_name(meant),
            )


def _namesakes(
    context: PlanContext, portal: Resource, name: str, profile: str
) -> Iterator[Diagnostic]:
    if shared := context.facts.namesakes(profile):
        meant = context.facts.full_names_of(profile)
        yield Diagnostic(
            "ambiguous-reference",
            f"{len(shared)} profiles have the name of `{profile}`, and a portal tells its "
            "profiles apart by that name only",
            portal.span(name),
            help="use a copy with a name of its own: "
            + " or ".join(f"`clone_of: {full_name}`" for full_name in meant),
            notes=shared,
        )


def _portal_profiles(context: PlanContext, portal: Resource, name: str) -> Iterator[Diagnostic]:
    value = portal.written.get(name)
    given = value if isinstance(value, tuple) else (value,)
    for profile in given:
        # Whether it changed is not known of what can not be told apart.
        if isinstance(profile, str) and Address("profile", profile) not in context.desired:
            yield from _namesakes(context, portal, name, profile)
    if not context.changed(portal, name):
        return
    for profile in given:
        if not isinstance(profile, str):
            continue
        declared = context.desired.get(Address("profile", profile))
        if declared and not declared.remove:
            rights = context.rights_of(declared)
        else:
            named = context.facts.profiles_named(profile)
            if not named and context.facts.pending_profile(profile) is None:
                yield _unknown_profile(context, portal, name, profile)
                continue
            rights = context.rights(named[0].id) if named else None
        if rights and rights.is_portal is False:
            yield Diagnostic(
                "licence-does-not-fit",
                f"the profile `{profile}` is not on a portal licence, so no portal can have it",
                portal.span(name),
                help="use a profile on a portal licence",
            )


def _profile_in_use(
    context: PlanContext, live: Resource, profile: Resource
) -> Iterator[Diagnostic]:
    users = context.facts.answers["profile"]["users_of_removed"]
    leaving = {
        c.before.id
        for a, c in context.changes.items()
        if a.kind == "user" and c.before and "ProfileId" in c.names()
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


def _unknown_profile(
    context: PlanContext, resource: Resource, name: str, profile: str
) -> Diagnostic:
    return Diagnostic(
        "unknown-reference",
        f"neither the spec nor the org has a profile `{profile}`",
        resource.span(name),
        help=without_seats(profile, context.facts)
        or did_you_mean(profile, [p.name for p in context.facts.profiles]),
    )


def _unknown_licence(context: PlanContext, profile: Resource, licence: str) -> Diagnostic:
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
