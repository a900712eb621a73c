"""The canaries of an apply: who logs in afterwards to prove that the portal works."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from provisioner.cli import logins, output
from provisioner.cli.exit_status import DONE, NO_ORG
from provisioner.model.diagnostics import DiagnosticError
from provisioner.spec.load import LoadedSpec
from provisioner.spec.verify import VerifyEntry

if TYPE_CHECKING:
    from provisioner.login.verify import Credentials
    from provisioner.org.client import Org

Watched = tuple[tuple[VerifyEntry, "Credentials"], ...]


def ready(options: Namespace, loaded: LoadedSpec, org: Org) -> Watched | int:
    """The canaries with their secrets, before anything is written; or the status to exit with.

    Nobody logs in to a real org without being asked to. On the local org a canary whose secret
    is not there is left out, and that is said; elsewhere it stops the apply.
    """
    if not loaded.verify:
        return ()
    rehearsal = logins.is_rehearsal(loaded, org)
    if not rehearsal and not options.verify_real_org:
        count = len(loaded.verify)
        output.talk(
            f"not verified: {count} {'canary' if count == 1 else 'canaries'}, as this is a real "
            "org: `--verify-real-org`"
        )
        return ()
    found: list[tuple[VerifyEntry, Credentials]] = []
    for canary in loaded.verify:
        try:
            found.append((canary, logins.credentials(canary, loaded)))
        except DiagnosticError as error:
            if not rehearsal:
                output.problems(error.diagnostics, loaded, sys.stderr)
                return NO_ORG
            said = "; ".join(d.message for d in error.diagnostics)
            output.talk(f"not verified: the login of `{canary.key}`, as {said}")
    return tuple(found)


def check(watched: Watched, loaded: LoadedSpec, org: Org) -> int:
    """Log every canary in; a canary that fails is a run that failed."""
    if not watched:
        return DONE
    found = [logins.verify_canary(canary, who, loaded, org) for canary, who in watched]
    return logins.show_logins(found, "text")
