"""Users and portals on the command line: by their key in the spec, or by their name in the org."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds.portal.kind import PortalKind
from provisioner.login.spec_lines import find_user, place
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.login.check_results import Explanation
    from provisioner.login.read import Target
    from provisioner.render.logins import Places
    from provisioner.spec.verify import VerifyEntry


def username_of(name: str, spec: LoadedSpec) -> str:
    """The username of a user, given as its key in the spec or as the username itself."""
    user = find_user(name, spec.specs)
    return str(user.data.get("Username", name)).strip().lower() if user else name.strip()


def target(portal: str | None, spec: LoadedSpec, entry: VerifyEntry | None = None) -> Target:
    """The portal to log in to: the given one, that of the entry under `verify:`, or the spec's."""
    from provisioner.login.read import Target

    name = portal or (entry.portal if entry else None)
    declared = tuple(s.address.name for s in spec.specs if PortalKind.owns(s.address))
    return Target(name, declared)


def cause_spans(trace: Explanation, spec: LoadedSpec) -> Places:
    """Where in the spec each cause can be fixed."""
    specs = {s.address: s for s in spec.specs}
    spans = {f.cause: place(f.cause, trace.facts, specs) for f in trace.findings}
    return {cause: span for cause, span in spans.items() if span}
