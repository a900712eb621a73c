"""Exit status of the command: a contract with scripts."""

DONE = 0
"""Done, or in sync."""
WRONG = 1
"""The spec or the call is wrong."""
CHANGES = 2
"""Changes are pending, or the org has drifted."""
NO_ORG = 3
"""The org cannot be reached, or refuses the login or a read."""
REFUSED = 4
"""Refused by a policy, a threshold, a lock or a stale plan."""
PARTLY = 5
"""Applied in part."""
