"""What one run does with a spec: which part of it, under which policy, with or without emails."""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.spec.policy import Policy
from provisioner.spec.selection import Selection


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The choices of one run, apart from what the spec says.

    `policy` replaces the policy of the environment. With `no_email` no step sends an email.
    """

    selection: Selection = field(default_factory=Selection)
    policy: Policy | None = None
    no_email: bool = False
