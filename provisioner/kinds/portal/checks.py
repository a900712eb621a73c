"""What Salesforce would reject of portals: the feature, required elements, profiles, admin."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.kinds.advice import nearest_user
from provisioner.kinds.base import Context
from provisioner.kinds.portal.fields import (
    MEMBERS,
    NAME,
    REQUIRED,
    SELF_REGISTRATION_PROFILE,
    admins,
    adopts,
    may_be_admin,
)
from provisioner.kinds.profile.checks import unknown_profile
from provisioner.kinds.profile.fields import NAME as PROFILE_KIND
from provisioner.kinds.profile.rights import rights, rights_of
from provisioner.kinds.settings import portal_is_on
from provisioner.model.diagnostics import Diagnostic, Severity
from provisioner.model.resource import Address, Resource


def problems(context: Context) -> Iterator[Diagnostic]:
    """Portals: the feature, the elements a new one needs, its profiles, its admin. (fact 109)"""
    for portal in context.of_kind(NAME):
        created, adopted = context.created(portal), adopts(portal, context.facts)
        if created and not adopted:
            yield from _new_portal(context, portal)
        yield from _admin(context, portal)
        for name in (MEMBERS, SELF_REGISTRATION_PROFILE):
            yield from _portal_profiles(context, portal, name)


def _new_portal(context: Context, portal: Resource) -> Iterator[Diagnostic]:
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


def _admin(context: Context, portal: Resource) -> Iterator[Diagnostic]:
    """A portal's admin needs `Manage Customer Users`, by profile or permission set. (fact 112)"""
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
            else nearest_user(context, NAME, admin, "write a user's full name or username"),
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


def _namesakes(context: Context, portal: Resource, name: str, profile: str) -> Iterator[Diagnostic]:
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


def _portal_profiles(context: Context, portal: Resource, name: str) -> Iterator[Diagnostic]:
    value = portal.written.get(name)
    profiles = value if isinstance(value, tuple) else (value,)
    for profile in profiles:
        # Profiles with one name cannot be told apart, so whether they changed is not known.
        if isinstance(profile, str) and Address(PROFILE_KIND, profile) not in context.desired:
            yield from _namesakes(context, portal, name, profile)
    if not context.changed(portal, name):
        return
    for profile in profiles:
        if not isinstance(profile, str):
            continue
        declared = context.desired.get(Address(PROFILE_KIND, profile))
        if declared and not declared.remove:
            granted = rights_of(declared, context)
        else:
            named = context.facts.profiles_named(profile)
            if not named and context.facts.pending_profile(profile) is None:
                yield unknown_profile(context, portal, name, profile)
                continue
            granted = rights(named[0].id, context) if named else None
        if granted and granted.is_portal is False:
            yield Diagnostic(
                "licence-does-not-fit",
                f"the profile `{profile}` is not on a portal licence, so no portal can have it",
                portal.span(name),
                help="use a profile on a portal licence",
            )
