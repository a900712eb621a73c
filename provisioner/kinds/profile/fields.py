"""The names that a profile has in specs, in records and in the Metadata API."""

from __future__ import annotations

from urllib.parse import quote

from provisioner.kinds.org_facts import OrgFacts

NAME = "profile"
LICENCE = "userLicense"


def source_name(name: str, facts: OrgFacts) -> str:
    """The Metadata name of the profile to copy, existing or pending."""
    existing = facts.profiles_named(name)
    if existing:
        return existing[0].full_name
    pending = facts.pending_profile(name)
    return pending.full_name if pending else encoded(name)


def encoded(name: str) -> str:
    """The name of a profile as a Metadata full name: specials percent-encoded, spaces kept.

    The dot of `Force%2Ecom - Free User` is one of the specials. (fact 512)
    """
    return quote(name, safe=" ").replace(".", "%2E")
