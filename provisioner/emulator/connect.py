"""Connect REST: the list of Experience Cloud sites (platform reference 1.6 [V])."""

from __future__ import annotations

from provisioner.emulator.api import Answer, Call
from provisioner.emulator.errors import SalesforceError, not_found


def answer(call: Call, rest: tuple[str, ...]) -> Answer:
    """The answer to a call below `/connect`.

    404 NOT_FOUND when Digital Experiences is off ([V], its meaning [I]). This org has no sites yet,
    so the list is empty, as recorded of a real org, and nothing below it is found.
    """
    match rest:
        case ("communities",):
            if not call.org.feature("Networks"):
                raise not_found()
            call.allow("GET", "HEAD", "POST")
            if call.method == "POST":  # an honest refusal; code and text are of the local org
                raise SalesforceError(
                    "FUNCTIONALITY_NOT_ENABLED", "The local org can not create sites", status=403
                )
            return Answer(200, {"communities": [], "total": 0})
        case ("communities", "templates") if call.org.feature("Networks"):
            call.allow("GET", "HEAD")  # an honest refusal, as above
            raise SalesforceError(
                "FUNCTIONALITY_NOT_ENABLED", "The local org has no templates of sites", status=403
            )
        case _:
            raise not_found()
