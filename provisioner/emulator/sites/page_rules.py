"""What the files of a site's pages may be: those of an ExperienceBundle, and content of the CMS.

Folders, types and references are the Metadata guide's [V]; the words of every refusal that has no
other source are a guess.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.component_refusals import refused
from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Mapping

# folder -> the `type` of its files
_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "brandingSets": frozenset({"brandingSet"}),
    "config": frozenset({"appPage", "languageContainer", "nativeConfig", "site"}),
    "routes": frozenset({"route"}),
    "themes": frozenset({"theme"}),
    "variations": frozenset({"experienceVariation"}),
    "views": frozenset({"view"}),
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "appPage": ("currentThemeId", "id", "label", "templateName"),
    "brandingSet": ("definitionName", "values"),
    "languageContainer": ("defaultCode", "defaultLabel"),
    "route": ("activeViewId", "appPageId", "id", "label", "routeType", "urlPrefix"),
    "site": ("mainAppPageId",),
    "theme": ("developerName", "id", "layouts"),
    "view": ("appPageId", "componentName", "id", "label", "viewType"),
}
# reference -> the type that it is the id of
_REFERENCES: Final[Mapping[str, str]] = {
    "activeViewId": "view",
    "appPageId": "appPage",
    "currentThemeId": "theme",
    "forgotPasswordRouteId": "route",
    "loginAppPageId": "appPage",
    "mainAppPageId": "appPage",
    "selfRegistrationRouteId": "route",
}
SERVICE_ROUTE: Final = "service-not-available"
# "only alphanumeric and underscore characters and must begin with a letter" (Metadata guide [V])
_API_NAME: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)
APP_PAGE: Final = "sfdc_cms__appPage"
SITE: Final = "sfdc_cms__site"
_ITEM: Final = ("_meta.json", "content.json")


def check_bundle(files: Mapping[str, bytes]) -> None:
    """Raises for the first file of an ExperienceBundle that breaks a rule."""
    held = {path: _object(path, content) for path, content in sorted(files.items())}
    known: dict[str, set[str]] = {}
    for path, value in held.items():
        folder, _, name = path.rpartition("/")
        kind = str(value.get("type"))
        if kind not in _TYPES.get(folder, ()) or not name.endswith(".json"):
            raise _wrong(f"{path} can't be of the type {kind}")
        for needed in _NEEDED.get(kind, ()):
            if needed not in value:
                raise _wrong(f"{path} needs the property {needed}")
        if "id" in value:
            known.setdefault(kind, set()).add(str(value["id"]))
    for path, value in held.items():
        for name, kind in _REFERENCES.items():
            if name in value and str(value[name]) not in known.get(kind, ()):
                raise _wrong(f"{path}: there is no {kind} with the ID {value[name]}")
    routes = [value for value in held.values() if value["type"] == "route"]
    _check_routes(routes)


def framework(files: Mapping[str, bytes]) -> str:
    """Whether the files of a bundle are those of an LWR site or of an Aura one.

    LWR sites have an `authenticationType` (Metadata guide [V]).
    """
    parsed = (_object(path, files[path]) for path in files if path.startswith("config/"))
    return "LWR" if any("authenticationType" in value for value in parsed) else "Aura"


def template_name(files: Mapping[str, bytes]) -> str | None:
    """The developer name of the template that the main page was made from."""
    for path, content in files.items():
        value = _object(path, content) if path.startswith("config/") else {}
        if value.get("type") == "appPage" and value.get("label") != "login":
            return str(value.get("templateName"))
    return None


def check_content(files: Mapping[str, bytes]) -> None:
    """Raises for the first item of content that breaks a rule; see Metadata guide, "_meta.json"."""
    items: dict[str, set[str]] = {}
    for path, content in sorted(files.items()):
        kind, _, rest = path.partition("/")
        name, _, file = rest.partition("/")
        items.setdefault(f"{kind}/{name}", set()).add(file)
        if not path.endswith(".json"):
            continue
        value = _object(path, content)
        if file == "_meta.json" and (value.get("type"), value.get("apiName")) != (kind, name):
            raise _wrong(f"{path} doesn't match its folder")
        if file == "_meta.json" and not _API_NAME.fullmatch(name):
            raise _wrong(f"{name} is not a valid apiName")
        if file == "content.json" and value.get("type") != kind:
            raise _wrong(f"{path} can't be of the type {value.get('type')}")
        if file == "content.json" and not value.get("title"):
            raise _wrong(f"{path} needs the property title")
    for item, held in sorted(items.items()):
        for needed in _ITEM:
            if needed not in held:
                raise _wrong(f"{item} needs a {needed}")


def check_space(space: str, files: Mapping[str, bytes]) -> None:
    """Refuses to make a site of a workspace without a page to start from.

    devops-center-feedback issue 253 [V]. A site that only holds an app has none [I].
    """
    pages = sum(path.startswith(f"{APP_PAGE}/") and path.endswith("/_meta.json") for path in files)
    bodies = (
        _object(path, content).get("contentBody")
        for path, content in files.items()
        if path.startswith(f"{SITE}/") and path.endswith("/content.json")
    )
    container = any(isinstance(body, dict) and body.get("appContainer") for body in bodies)
    if pages != 1 and not container:
        raise refused(
            f"One piece of content with the contentType {APP_PAGE} is required to create the"
            f" experience space {space}",
            "space",
        )


def _check_routes(routes: list[dict[str, Any]]) -> None:
    """Every site has a route for its worst day (ebikes-lwc issue 315 [V]), and no route twice."""
    if not any(route["routeType"] == SERVICE_ROUTE for route in routes):
        raise _wrong(
            f"Your site needs a route with route type {SERVICE_ROUTE}. Update your file and try"
            " again."
        )
    seen = set()
    for route in routes:
        key = str(route["appPageId"]), str(route["routeType"])
        if key in seen:
            raise _wrong(f"The route type {route['routeType']} is there twice")
        seen.add(key)


def _object(path: str, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise _wrong(f"{path} isn't valid JSON") from None
    if not isinstance(value, dict):
        raise _wrong(f"{path} isn't a JSON object")
    return value


def _wrong(message: str) -> SalesforceError:
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, ())  # the code: guess
