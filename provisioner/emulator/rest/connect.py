"""Connect REST: the sites of Experience Cloud, their templates, making and publishing them."""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import permissions
from provisioner.emulator.base import ids, json_input
from provisioner.emulator.base.errors import SalesforceError, not_found
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Handler, Route, read
from provisioner.emulator.sites import jobs, members, networks, templates
from provisioner.emulator.sites import pages as site_pages
from provisioner.emulator.sites.settings import FEATURE

if TYPE_CHECKING:
    from collections.abc import Mapping

_POST_SINCE: Final = 46  # Connect REST API guide, Communities List
_TAKEN_IN: Final = frozenset(
    {"name", "description", "templateName", "templateParams", "urlPathPrefix"}
)
_LWR: Final = "Build Your Own (LWR)"
# fact 212
_AUTHENTICATION: Final = frozenset(
    {"AUTHENTICATED", "AUTHENTICATED_WITH_PUBLIC_ACCESS_ENABLED", "UNAUTHENTICATED"}
)
_CREATING: Final = (  # the answer as verified in a live org, in Salesforce's own guide of it [V]
    "Your site is almost ready. To track the site creation status, query the BackgroundOperation"
    " object and enter the jobId as the Id."
)
_PUBLISHING: Final = (  # fact 215
    "We are publishing your changes now. You will receive an email confirmation when your changes"
    " are live."
)
# CommunityStatus (Connect REST API guide); that an offline site is the inactive one [I].
_STATUS: Final = {"DownForMaintenance": "Inactive"}
# Properties of a site and since which version they are there (Connect REST API guide); booleans by
# the option of `Network` that they show.
_OPTIONS: Final[Mapping[str, tuple[str, int]]] = {
    "allowChatterAccessWithoutLogin": ("GuestChatterEnabled", 31),
    "allowMembersToFlag": ("AllowMembersToFlag", 30),
    "builderBasedSnaEnabled": ("ExperienceBundleBasedSnaOverrideEnabled", 52),
    "guestMemberVisibilityEnabled": ("GuestMemberVisibility", 47),
    "imageOptimizationCDNEnabled": ("ImageOptimizationCDNEnabled", 56),
    "invitationsEnabled": ("InvitationsEnabled", 28),
    "knowledgeableEnabled": ("KnowledgeableEnabled", 30),
    "memberVisibilityEnabled": ("MemberVisibility", 45),
    "nicknameDisplayEnabled": ("NicknameDisplayEnabled", 32),
    "privateMessagesEnabled": ("PrivateMessagesEnabled", 30),
    "reputationEnabled": ("ReputationEnabled", 31),
    "sendWelcomeEmail": ("SendWelcomeEmail", 28),
    "siteAsContainerEnabled": ("SiteAsContainerEnabled", 36),
}


def _served(handler: Handler) -> Handler:
    """The handler, or 404 NOT_FOUND when Digital Experiences is off (fact 214)."""

    @wraps(handler)
    def serve(call: Call, **values: str) -> Answer:
        if not call.org.feature(FEATURE):
            raise not_found()
        return handler(call, **values)

    return serve


def _templates(_call: Call) -> Answer:
    found = [
        {"publisher": "Salesforce", "templateName": one.name} for one in templates.SITE_TEMPLATES
    ]
    return Answer(200, {"templates": found, "total": len(found)})


def _one(call: Call, id_: str) -> Answer:
    return Answer(200, _shown(call, _site(call, id_)))


def _list(call: Call) -> Answer:
    shown = [_shown(call, network) for network in networks.select(call.org) if _seen(call, network)]
    wanted = call.params.get("status")
    if wanted is not None:
        known = {"Live", "Inactive", "UnderConstruction"}
        if wanted not in known:
            raise SalesforceError(  # code and text: guess
                "ILLEGAL_QUERY_PARAMETER_VALUE", f"Unknown value for parameter status: {wanted}"
            )
        shown = [site for site in shown if site["status"] == wanted]
    return Answer(200, {"communities": shown, "total": len(shown)})


def _seen(call: Call, network: Mapping[str, Any]) -> bool:
    """Who sees a site: its members, unless it is offline, and who may see all (object reference).

    "Users without these permissions see only the Preview or Published sites that they're members
    of".
    """
    if any(permissions.has(call.org, call.by, one) for one in _SEES_ALL):
        return True
    offline = network["Status"] in _STATUS
    return not offline and members.is_member(call.org, call.by, network["Id"])


_SEES_ALL: Final = ("ModifyAllData", "ViewAllData", "ManageNetworks")


def _site(call: Call, text: str) -> dict[str, Any]:
    id_ = ids.normal(text)
    network = call.org.get(networks.NETWORK, id_) if id_ else None
    if network is None or not _seen(call, network):
        raise not_found()
    return network


def _shown(call: Call, network: Mapping[str, Any]) -> dict[str, Any]:
    """A site with the properties of the call's version, in the order of their names."""
    held = networks.details(call.org, network["Id"])
    shown: dict[str, Any] = {
        name: bool(network[f"Options{option}"])
        for name, (option, since) in _OPTIONS.items()
        if call.version >= since
    }
    shown |= {
        "description": network["Description"],
        "id": network["Id"],
        "loginUrl": networks.login_address(call.instance, network),
        "name": network["Name"],
        "siteUrl": networks.address(call.instance, network),
        "status": _STATUS.get(network["Status"], network["Status"]),
        "templateName": held.get("templateName"),
        "url": f"{call.base}/connect/communities/{network['Id']}",
        "urlPathPrefix": network["UrlPathPrefix"],
    }
    if call.version >= 56:  # Connect REST API guide; null without Builder; the address: guess
        pages = site_pages.find(call.org, held.get("picassoSite", ""))
        id_ = pages.row.id if pages else ""
        path = f"/sfsites/picasso/core/config/commeditor.jsp?siteId={id_}"
        builder = network["OptionsSiteAsContainerEnabled"]
        shown["builderUrl"] = f"{call.instance}{path}" if builder else None
    if call.version >= 62:  # ConnectApi.Community; this org has no content spaces
        shown["contentSpaceId"] = None
    return dict(sorted(shown.items()))


def _create(call: Call) -> Answer:
    """Queues a new site: 202 with the job's id (fact 211)."""
    if call.version < _POST_SINCE:
        call.allow("GET", "HEAD")
    _may_set_up(call)
    given = call.json()
    for name in given:
        if name not in _TAKEN_IN:  # these five and no more [V]; code and text as remembered [U]
            raise json_input.unrecognized(name, call.text)
    name, prefix = _text(given, "name", 40), _text(given, "urlPathPrefix", 40)
    description = _text(given, "description", 255)
    template = templates.site_template(_text(given, "templateName", 255))
    if not name:
        raise SalesforceError("INVALID_INPUT", "Enter a name for your community.")  # text: guess
    if template is None:  # text as Salesforce's own guide has it [Q]; code: guess
        raise SalesforceError("INVALID_INPUT", "The specified template does not exist.")
    if not re.fullmatch("[A-Za-z0-9]*", prefix):
        # text as Salesforce's own guide has it [Q]; code: guess
        raise SalesforceError("INVALID_INPUT", "The URL can only contain alphanumeric characters.")
    _check_params(given.get("templateParams"), template.name)
    path = networks.path_of(prefix, template)
    with call.org.transaction():
        networks.check_free(call.org, name, path)
        waiting = jobs.queued(call.org, jobs.CREATE)
        for one in waiting:  # that a site on its way holds its name already: guess
            if one["name"].casefold() == name.casefold():
                message = "Enter a different name. That one already exists."
                raise SalesforceError("INVALID_INPUT", message)
        networks.check_room(call.org, asked=len(waiting))
        about = {
            "name": name,
            "prefix": prefix,
            "description": description or None,
            "template": template.name,
            "authentication": (given.get("templateParams") or {}).get(
                "AuthenticationType", site_pages.AUTHENTICATED
            ),
        }
        job = jobs.start(call.org, call.by, jobs.CREATE, about)
    return Answer(202, {"jobId": job, "message": _CREATING, "name": name})


def _publish(call: Call, id_: str) -> Answer:
    """Queues the publishing of a site's pages (fact 215; status as above [I])."""
    network = _site(call, id_)
    _may_set_up(call)
    if not network["OptionsSiteAsContainerEnabled"]:
        # not for sites of Visualforce (fact 220); code and text: guess
        raise SalesforceError(
            "INVALID_INPUT", "A Salesforce Tabs + Visualforce site can't be published."
        )
    with call.org.transaction():
        job = jobs.start(call.org, call.by, jobs.PUBLISH, {"id": network["Id"]})
    return Answer(
        202,
        {
            "id": network["Id"],
            "jobId": job,
            "message": _PUBLISHING,
            "name": network["Name"],
            "url": networks.address(call.instance, network),
        },
    )


def _may_set_up(call: Call) -> None:
    if not permissions.has(call.org, call.by, "ManageNetworks"):
        raise SalesforceError(  # the permission [V]; code, status and text: guess
            "INSUFFICIENT_ACCESS", "You don't have permission to set up sites.", status=403
        )


def _text(given: Mapping[str, Any], name: str, most: int) -> str:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise SalesforceError(  # guess
            "JSON_PARSER_ERROR", f"Cannot deserialize instance of string for {name}"
        )
    text = (value or "").strip()
    if len(text) > most:  # the lengths are those of Network's fields; code and text: guess
        raise SalesforceError("INVALID_INPUT", f"{name} can't be longer than {most} characters.")
    return text


def _check_params(params: object, template: str) -> None:
    """`AuthenticationType` only, and only for one template (fact 212); code and texts: guess."""
    if params is None:
        return
    if not isinstance(params, dict):
        raise SalesforceError(
            "JSON_PARSER_ERROR", "Cannot deserialize instance of map for templateParams"
        )
    for name, value in params.items():
        if name != "AuthenticationType" or template != _LWR:
            raise SalesforceError("INVALID_INPUT", f"Unknown template parameter: {name}")
        if value not in _AUTHENTICATION:
            raise SalesforceError("INVALID_INPUT", f"Unknown AuthenticationType: {value}")


ROUTES: Final = (
    Route("/connect/communities", read(_served(_list)) | {"POST": _served(_create)}),
    Route("/connect/communities/templates", read(_served(_templates))),
    # 405 to PATCH, as seen in a live org [V]; a site is never deleted (fact 221)
    Route("/connect/communities/<id_>", read(_served(_one))),
    Route("/connect/communities/<id_>/publish", {"POST": _served(_publish)}),
)
