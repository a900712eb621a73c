"""One call of the SOAP partner API: who asks, for what, and the refusals that calls share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.emulator.access import visible
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http import soap_partner
from provisioner.emulator.http.call import Call as RestCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import Catalog, SObject
    from provisioner.emulator.store.org import Org
    from provisioner.emulator.store.state import Session


@dataclass(frozen=True, slots=True)
class Call:
    """One SOAP call: the org, the version asked in, who asks, and the request."""

    org: Org
    version: int
    session: Session | None
    body: Any
    headers: Mapping[str, Any]

    @property
    def by(self) -> str:
        """The user who calls."""
        assert self.session is not None, "login is the only call without a session"
        return self.session.user_id

    @property
    def base(self) -> str:
        """Where the REST API of this version has the same records."""
        return f"/services/data/v{self.version}.0"

    def rest(self) -> RestCall:
        """The same caller as the REST API knows callers."""
        assert self.session is not None
        return RestCall(self.org, self.session, self.version, "GET", ())


def moment(text: str) -> str:
    """A date and time as XML Schema writes it."""
    return text.replace("+0000", "Z")


def sobject_of(call: Call, name: str) -> SObject:
    """The object of that name; INVALID_TYPE when the caller sees none."""
    return sobject_in(visible.catalog(call.org, call.by, call.version), name)


def sobject_in(known: Catalog, name: str) -> SObject:
    """The object of that name among those known; INVALID_TYPE when there is none."""
    found = known.get(name)
    if found is None:  # fact 720
        raise SalesforceError(
            "INVALID_TYPE",
            f"sObject type '{name}' is not supported. If you are attempting to use a custom"
            " object, be sure to append the '__c' after the entity name. Please reference your"
            " WSDL or the describe call for the appropriate names.",
        )
    return found


def triggers_user_email(call: Call) -> bool:
    """Whether a mail about passwords is asked for; the API sends none by itself (fact 607)."""
    asked = soap_partner.text(call.headers.get("EmailHeader"), "triggerUserEmail")
    return asked.strip() in {"true", "1"}


def too_many(most: int) -> SalesforceError:
    """The refusal of a call with more items than the SOAP guide allows."""
    return SalesforceError(  # text: quoted in a public Java client of the Metadata API [Q]
        "EXCEEDED_ID_LIMIT",
        f"record limit reached. cannot submit more than {most} records into this call",
    )
