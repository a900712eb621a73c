"""The pages of a new site: the files of its ExperienceBundle, or its workspace's content.

Which files: a list of an untouched "Build Your Own" site, public bundles and retrievals [V]; that
those of other templates are the same, and how little the views hold: guess.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from provisioner.emulator.sites.templates import SiteTemplate

# File of route and view -> label, route type, theme layout; labels and layouts [I].
_ROUTES: Final = {
    "checkPassword": ("Check Password", "check-password", "Login"),
    "createRecord": ("Create Record", "create-record", "Inner"),
    "error": ("Error", "error", "Inner"),
    "forgotPassword": ("Forgot Password", "forgot-password", "Login"),
    "home": ("Home", "home", "Home"),
    "login": ("Login", "login-main", "Login"),
    "loginError": ("Login Error", "login-error", "Login"),
    "recordDetail": ("Record Detail", "detail", "Inner"),
    "recordList": ("Record List", "list", "Inner"),
    "register": ("Register", "self-register", "Login"),
    "relatedRecordList": ("Related Record List", "relatedlist", "Inner"),
    "search": ("Search", "global-search", "Inner"),
    "serviceNotAvailable": ("Service Not Available", "service-not-available",
                            "ServiceNotAvailable"),
    "tooManyRequests": ("Too Many Requests", "too-many-requests", "ServiceNotAvailable"),
}  # fmt: skip
_LWR_ROUTES: Final = (
    "checkPassword", "error", "forgotPassword", "home", "login", "register",
    "serviceNotAvailable", "tooManyRequests",
)  # fmt: skip
_OF_LOGIN: Final = ("checkPassword", "forgotPassword", "login", "loginError", "register")
_SPACE: Final = uuid.UUID("5a1e5f0c-0000-4000-8000-000000000000")  # for ids that stay: ours


def bundle(name: str, label: str, template: SiteTemplate) -> dict[str, bytes]:
    """The files of an Aura site's ExperienceBundle, by path; ids follow from the name."""
    theme = _camel(template.name)
    ids = _Ids(name)
    files: dict[str, Any] = {
        f"config/{_camel(label)}.json": _site(ids),
        "config/languages.json": {
            "defaultCode": "en_US", "defaultLabel": "English (US)", "id": ids("languages"),
            "type": "languageContainer",
        },
        "config/loginAppPage.json": _app_page(ids, "login", template),
        "config/nativeConfig.json": {
            "id": ids("native"), "nativeMobileNavConfig": {}, "nativeTabMenu": {},
            "showHamburgerMenu": False, "type": "nativeConfig",
        },
        "config/mainAppPage.json": _app_page(ids, "main", template),
        f"brandingSets/{theme}.json": {
            "definitionName": f"{template.theme}:branding-{template.theme}", "id": ids("branding"),
            "label": template.name, "type": "brandingSet", "values": {},
        },
        f"themes/{theme}.json": {
            "activeBrandingSetId": ids("branding"), "customCSS": "",
            "developerName": template.theme, "id": ids("theme"), "label": template.name,
            "layouts": {"Inner": ids("inner"), "Login": ids("login layout")}, "type": "theme",
        },
    }  # fmt: skip
    for route in _ROUTES:
        files[f"routes/{route}.json"] = _route(ids, route)
        files[f"views/{route}.json"] = _view(ids, route)
    return {path: _text(value) for path, value in sorted(files.items())}


def workspace(
    name: str, label: str, path: str, template: SiteTemplate, authentication: str
) -> dict[str, bytes]:
    """The content of the workspace of the enhanced LWR site `name`, by path."""
    ids = _Ids(name)
    theme = re.sub(r"\W+", "_", template.name).strip("_")
    items: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
        ("appPage", "mainAppPage"): (
            "main",
            {
                "currentThemeId": theme, "headMarkup": "", "isLockerServiceEnabled": True,
                "isRelaxedCSPLevel": False, "templateName": template.developer_name,
            },
        ),
        ("brandingSet", theme): (
            template.name,
            {"brandingSetType": "APP", "definitionName": f"{template.theme}:branding-talon",
             "values": {}},
        ),
        ("languageSettings", "languages"): (
            "Languages",
            {"defaultLocale": "en_US", "languages": [{"isActive": True, "locale": "en_US"}]},
        ),
        ("site", name): (
            label,
            {"authenticationType": authentication, "id": ids("site")},
        ),
        ("theme", theme): (template.name, {"brandingSet": theme}),
    }  # fmt: skip
    for route in _LWR_ROUTES:
        title, kind, layout = _ROUTES[route]
        developer_name = title.replace(" ", "_")
        items["route", developer_name] = (
            title,
            {
                "activeViewId": route, "configurationTags": ["allow-in-static-site"],
                "pageAccess": "UseParent", "routeType": kind, "urlPrefix": _prefix(kind),
            },
        )  # fmt: skip
        items["view", route] = (title, {"component": {}, "themeLayoutType": layout,
                                        "viewType": kind})  # fmt: skip
    files: dict[str, bytes] = {}
    for (kind, own), (title, body) in sorted(items.items()):
        full, folder = f"sfdc_cms__{kind}", f"sfdc_cms__{kind}/{own}"
        root = kind in {"appPage", "site"}  # "blank for content types at the root level" [V]
        meta = {"apiName": own, "path": "" if root else f"{kind}s", "type": full}
        url = path if kind == "site" else _prefix(own.lower().replace("_", "-"))
        content = {"contentBody": body, "title": title, "type": full, "urlName": url}
        files |= {f"{folder}/_meta.json": _text(meta), f"{folder}/content.json": _text(content)}
    return files


class _Ids:
    """Identifiers that are the same every time: the same site gives the same files."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, of: str) -> str:
        return str(uuid.uuid5(_SPACE, f"{self._name}/{of}"))


def _site(ids: _Ids) -> dict[str, Any]:
    return {
        "isAvailableToGuests": False,
        "loginAppPageId": ids("app login"),
        "forgotPasswordRouteId": ids("route forgotPassword"),
        "isFilteredComponentsView": False,
        "isProgressiveRenderingEnabled": False,
        "mainAppPageId": ids("app main"),
        "preferredDomain": "",
        "selfRegistrationRouteId": ids("route register"),
        "type": "site",
    }  # fmt: skip


def _app_page(ids: _Ids, label: str, template: SiteTemplate) -> dict[str, Any]:
    return {
        "currentThemeId": ids("theme"),
        "headMarkup": "",
        "id": ids(f"app {label}"),
        "isLockerServiceEnabled": True,
        "isRelaxedCSPLevel": False,
        "label": label,
        "templateName": template.developer_name,
        "type": "appPage",
    }


def _app_of(ids: _Ids, route: str) -> str:
    return ids("app login" if route in _OF_LOGIN else "app main")


def _route(ids: _Ids, route: str) -> dict[str, Any]:
    label, kind, _ = _ROUTES[route]
    return {
        "activeViewId": ids(f"view {route}"),
        "appPageId": _app_of(ids, route),
        "configurationTags": ["allow-in-static-site"],
        "devName": label.replace(" ", "_"),
        "id": ids(f"route {route}"),
        "label": label,
        "pageAccess": "UseParent",
        "routeType": kind,
        "type": "route",
        "urlPrefix": _prefix(kind),
    }


def _view(ids: _Ids, route: str) -> dict[str, Any]:
    label, kind, layout = _ROUTES[route]
    return {
        "appPageId": _app_of(ids, route),
        "componentName": "siteforce:sldsOneColLayout",
        "dataProviders": [],
        "id": ids(f"view {route}"),
        "label": label,
        "regions": [
            {"id": ids(f"region {route}"), "regionName": "content", "type": "region"},
        ],
        "themeLayoutType": layout,
        "type": "view",
        "viewType": kind,
    }


def _prefix(kind: str) -> str:
    return "" if kind == "home" else kind


def _camel(text: str) -> str:
    """A name as the files have it: `Coral Cloud` is `coralCloud`, `E-Bikes` `eBikes` [V]."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    joined = "".join(word[0].upper() + word[1:] for word in words) or "Site"
    return joined[0].lower() + joined[1:]


def _text(value: Any) -> bytes:
    """JSON as retrievals have it: two spaces, and a space on both sides of a colon [V]."""
    return json.dumps(value, indent=2, separators=(",", " : ")).encode()
