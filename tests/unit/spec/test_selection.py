"""Addresses and globs, in and out."""

import pytest

from provisioner.model.resource import Address
from provisioner.spec.selection import Selection

KNOWN = [
    Address("account", "acme"),
    Address("contact", "jane"),
    Address("contact", "jon"),
    Address("profile", "Acme [EU]"),
    Address("user", "jane"),
]


def names(addresses):
    return sorted(map(str, addresses))


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ((), []),
        (("contact/jane",), ["contact/jane"]),
        (("contact/*",), ["contact/jane", "contact/jon"]),
        (("*/jane",), ["contact/jane", "user/jane"]),
        (("contact/j?n",), ["contact/jon"]),
        (("contact/j[o]n", "account/acme"), ["account/acme", "contact/jon"]),
        (("profile/Acme [EU]",), ["profile/Acme [EU]"]),
        (("contact/JANE",), []),
    ],
)
def test_patterns_match_addresses(patterns, found):
    assert names(Selection(excludes=patterns).excluded(KNOWN)) == found


def test_without_targets_everything_is_selected():
    assert Selection().targeted(KNOWN) == frozenset(KNOWN)
    assert not Selection()
    assert Selection(excludes=("user/jane",)).targeted(KNOWN) == frozenset(KNOWN)


def test_a_pattern_without_a_match_suggests_the_nearest_address():
    selection = Selection(("contact/jan", "contact/*"), ("portal/*", "zzz"))
    assert selection.unknown(KNOWN) == (
        ("contact/jan", "did you mean `contact/jane`?"),
        ("portal/*", selection.unknown(KNOWN)[1][1]),
        (
            "zzz",
            "the spec has account/acme, contact/jane, contact/jon, profile/Acme [EU], user/jane",
        ),
    )


def test_a_long_spec_is_not_listed_whole():
    many = [Address("contact", f"p{n:03}") for n in range(100)]
    ((_, remedy),) = Selection(("zzz",)).unknown(many)
    assert remedy.endswith("contact/p011 and 88 more")
    assert Selection(("zzz",)).unknown([]) == (("zzz", "the spec is empty"),)
