"""The pages of sites: ExperienceBundle, SiteDotCom, and the workspaces of enhanced LWR sites."""

import base64
import json
import re

import pytest

from ...package_zip import Soap, manifest, messages, problems
from .test_metadata_sites import SITE, file, network, profiles

TYPES = ("CustomSite", "DigitalExperienceBundle", "DigitalExperienceConfig", "ExperienceBundle",
         "Network", "SiteDotCom")  # fmt: skip
SETTING = {
    "package.xml": manifest(Settings=["ExperienceBundle"]),
    "settings/ExperienceBundle.settings": file(
        "ExperienceBundleSettings",
        "<enableExperienceBundleMetadata>true</enableExperienceBundleMetadata>",
    ),
}


@pytest.fixture
def soap(rest):
    return Soap(rest)


@pytest.fixture
def bundles_on(soap, sites_on):
    assert problems(soap.deploy(SETTING)) == []


def package(soap, **types):
    """What a retrieve gives, as a package to deploy, and the result."""
    result, files = soap.retrieve(**(types or {name: ["*"] for name in TYPES}))
    return {name.removeprefix("unpackaged/"): text for name, text in files.items()}, result


def elsewhere(files, **names):
    """A package with other names, as for another org; ids of files are the same there."""

    def moved(text):
        for old, new in {"Acme Help": "Acme Shop", **names}.items():
            text = text.replace(old, new)
        return text

    return {moved(name): moved(text) for name, text in files.items()}


def told(result):
    return sorted(one[1:] for one in problems(result))


def names(rows):
    return [(row["Name"], row["SiteType"], row["UrlPathPrefix"]) for row in rows]


# -- Aura --------------------------------------------------------------------------------------


def test_a_new_aura_site_has_two_rows_and_one_guest(rest, site):
    site()
    rows = rest.rows(
        "SELECT Name, SiteType, UrlPathPrefix, MasterLabel, GuestUserId FROM Site ORDER BY Name"
    )
    assert names(rows) == [
        ("Acme_Help", "ChatterNetwork", "help"),
        ("Acme_Help1", "ChatterNetworkPicasso", "help/s"),
    ]
    assert {row["MasterLabel"] for row in rows} == {"Acme Help"}
    assert len({row["GuestUserId"] for row in rows}) == 1


def test_aura_sites_are_bundles_once_the_setting_is_on(soap, site):
    site()
    _, result = package(soap, ExperienceBundle=["Acme_Help1"])
    assert result["messages"]["problem"] == (
        "Entity of type 'ExperienceBundle' named 'Acme_Help1' cannot be found"
    )
    assert problems(soap.deploy(SETTING)) == []
    files, result = package(soap, ExperienceBundle=["*"])
    assert "experiences/Acme_Help1.site-meta.xml" in files
    assert "<urlPathPrefix>help/s</urlPathPrefix>" in files["experiences/Acme_Help1.site-meta.xml"]
    assert {name.split("/")[2] for name in files if name.count("/") == 3} == {
        "brandingSets", "config", "routes", "themes", "views",
    }  # fmt: skip
    page = json.loads(files["experiences/Acme_Help1/config/mainAppPage.json"])
    assert page["templateName"] == "Service Community Template"
    listed = {(one["type"], one["fullName"]) for one in result["fileProperties"]}
    assert ("ExperienceBundle", "Acme_Help1/routes/home") in listed
    read = soap("readMetadata", "<type>ExperienceBundle</type><fullNames>Acme_Help1</fullNames>")
    assert (read["records"]["label"], read["records"]["type"]) == (
        "Acme Help", "ChatterNetworkPicasso",
    )  # fmt: skip


def test_a_whole_site_moves_to_another_org(rest, soap, bundles_on, site):
    site()
    files, _ = package(soap, CustomSite=["*"], ExperienceBundle=["*"], Network=["*"])
    same = soap.deploy(files)
    assert problems(same) == []
    assert {one["changed"] for one in messages(same) if one["componentType"]} == {"false"}
    other = elsewhere(files, Acme_Help="Acme_Shop", help="shop")
    assert problems(soap.deploy(other)) == []
    _, shown = rest("GET", "/connect/communities")
    sites = {one["name"]: one for one in shown["communities"]}
    assert sites["Acme Shop"]["templateName"] == "Customer Service"
    assert sites["Acme Shop"]["siteUrl"].endswith("/shop")
    assert len(rest.rows("SELECT Id FROM Site")) == 4


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda files: files.pop("sites/Acme_Shop.site"), [
            ("Acme Shop", "In field: PicassoSite - no SiteDotCom named Acme_Shop1 found"),
            ("Acme_Shop1", "In field: Network - no Network named Acme Shop found"),
        ]),
        (lambda files: files.pop("networks/Acme Shop.network"), [
            ("Acme_Shop", "In field: Name - no Network named Acme Shop found"),
            ("Acme_Shop1", "In field: Network - no Network named Acme Shop found"),
        ]),
        (lambda files: [files.pop(one) for one in list(files) if "experiences" in one], [
            ("Acme Shop", "In field: PicassoSite - no SiteDotCom named Acme_Shop1 found"),
            ("Acme_Shop", "In field: Name - no Network named Acme Shop found"),
        ]),
    ],
)  # fmt: skip
def test_half_a_site_is_not_deployed(rest, soap, bundles_on, site, change, expected):
    site()
    files, _ = package(soap, CustomSite=["*"], ExperienceBundle=["*"], Network=["*"])
    other = elsewhere(files, Acme_Help="Acme_Shop", help="shop")
    change(other)
    assert told(soap.deploy(other, allowMissingFiles=True, rollbackOnError=False)) == expected
    assert len(rest.rows("SELECT Id FROM Site")) == 2
    assert len(rest.rows("SELECT Id FROM User WHERE UserType = 'Guest'")) == 1


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("routes/serviceNotAvailable.json", None,
         ("Your site needs a route with route type service-not-available. Update your file and try"
         " again.")),
        (".site-meta.xml", ("help/s", "help"),
         ("The value for urlPathPrefix in ExperienceBundle isn't valid. Check the value and try"
         " again.")),
        (".site-meta.xml", ("Picasso<", "<"),
         "An ExperienceBundle can't be of the type ChatterNetwork"),
        ("views/home.json", ("{", "["), "views/home.json isn't valid JSON"),
        ("views/home.json", ('"view"', '"route"'), "views/home.json can't be of the type route"),
        ("routes/home.json", ('"urlPrefix"', '"url"'), "routes/home.json needs the property urlPrefix"),
    ],
)  # fmt: skip
def test_a_bundle_that_breaks_a_rule_is_refused(soap, bundles_on, site, name, change, message):
    site()
    files, _ = package(soap, ExperienceBundle=["*"])
    (whole,) = (one for one in files if one.endswith(name) and "Acme_Help1" in one)
    if change is None:
        del files[whole]
    else:
        files[whole] = files[whole].replace(*change, 1)
    assert told(soap.deploy(files)) == [("Acme_Help1", message)]


def test_a_bundle_of_aura_fails_while_its_setting_is_off(soap, bundles_on, site):
    site()
    files, _ = package(soap, ExperienceBundle=["*"])
    off = {name: text.replace("true", "false") for name, text in SETTING.items()}
    assert problems(soap.deploy(off)) == []
    ((_, message),) = told(soap.deploy(files))
    assert message == "The name Acme_Help1 is taken"
    ((_, message),) = told(soap.deploy(elsewhere(files, Acme_Help="Acme_Shop", help="shop")))
    assert message.startswith("An unexpected error occurred. Please include this ErrorId")


def test_a_file_that_is_gone_from_a_bundle_is_gone_from_the_site(soap, bundles_on, site):
    site()
    files, _ = package(soap, ExperienceBundle=["*"])
    for kind in ("routes", "views"):
        del files[f"experiences/Acme_Help1/{kind}/search.json"]
    (message, _) = messages(soap.deploy(files))
    assert (message["changed"], message["created"], message["id"][:3]) == ("true", "false", "0DM")
    again, _ = package(soap, ExperienceBundle=["*"])
    assert again == files


def test_pages_follow_their_site_and_stay_with_it(rest, soap, bundles_on, site):
    id_ = site()
    assert rest("PATCH", f"/sobjects/Network/{id_}", {"UrlPathPrefix": "support"})[0] == 204
    rows = rest.rows("SELECT Name, SiteType, UrlPathPrefix FROM Site ORDER BY Name")
    assert names(rows)[1] == ("Acme_Help1", "ChatterNetworkPicasso", "support/s")
    gone = soap("deleteMetadata", "<type>ExperienceBundle</type><fullNames>Acme_Help1</fullNames>")
    assert gone["errors"]["statusCode"] == "DEPENDENCY_EXISTS"


def test_a_site_dot_com_is_a_file_and_its_xml(soap, site):
    site()
    read = soap("readMetadata", "<type>SiteDotCom</type><fullNames>Acme_Help1</fullNames>")
    content = base64.b64decode(read["records"]["content"])
    meta = file("SiteDotCom", "<label>Acme Help</label><siteType>ChatterNetworkPicasso</siteType>")
    files = {
        "package.xml": manifest(SiteDotCom=["Acme_Help1"]),
        "siteDotComSites/Acme_Help1.site": content,
        "siteDotComSites/Acme_Help1.site-meta.xml": meta,
    }
    assert problems(soap.deploy(files)) == []
    files["siteDotComSites/Acme_Help1.site"] = b"another product's"
    ((_, message),) = told(soap.deploy(files))
    assert message == "The .site file was not retrieved from this kind of org"


def test_sites_of_visualforce_have_no_pages(rest, soap, site):
    site(template="Salesforce Tabs + Visualforce")
    rows = rest.rows("SELECT Name, SiteType, UrlPathPrefix FROM Site")
    assert names(rows) == [("Acme_Help", "ChatterNetwork", "help")]
    files, _ = package(soap)
    assert sorted(files) == ["networks/Acme Help.network", "package.xml", "sites/Acme_Help.site"]


# -- enhanced LWR ------------------------------------------------------------------------------

LWR = {"template": "Build Your Own (LWR)"}
OF_LWR = ("CustomSite", "DigitalExperienceBundle", "DigitalExperienceConfig", "Network")


def test_a_new_lwr_site_is_a_workspace(rest, soap, site):
    params = {"AuthenticationType": "AUTHENTICATED_WITH_PUBLIC_ACCESS_ENABLED"}
    site(**LWR, templateParams=params)
    rows = rest.rows("SELECT Name, SiteType, UrlPathPrefix FROM Site ORDER BY Name")
    assert names(rows) == [
        ("Acme_Help", "ChatterNetwork", "helpvforcesite"),
        ("Acme_Help1", "ChatterNetworkPicasso", "help"),
    ]
    files, result = package(soap)
    config = files["digitalExperienceConfigs/Acme_Help1.digitalExperienceConfig"]
    assert re.findall("<(label|urlPathPrefix|space)>(.*?)<", config) == [
        ("label", "Acme Help"), ("urlPathPrefix", "help"), ("space", "site/Acme_Help1"),
    ]  # fmt: skip
    place = "digitalExperiences/site/Acme_Help1"
    assert "<label>Acme Help</label>" in files[f"{place}/Acme_Help1.digitalExperience-meta.xml"]
    own = json.loads(files[f"{place}/sfdc_cms__site/Acme_Help1/content.json"])
    assert own["contentBody"]["authenticationType"] == params["AuthenticationType"]
    meta = json.loads(files[f"{place}/sfdc_cms__view/forgotPassword/_meta.json"])
    assert (meta["apiName"], meta["type"]) == ("forgotPassword", "sfdc_cms__view")
    assert not [one for one in files if one.startswith(("experiences", "siteDotCom"))]
    (one,) = (
        one
        for one in result["fileProperties"]
        if one["fullName"] == "site/Acme_Help1/sfdc_cms__view/forgotPassword/_meta"
    )
    assert (one["type"], one["id"][:3]) == ("DigitalExperienceBundle", "0jd")
    assert "<members>site/Acme_Help1</members>" in files["package.xml"]


def test_an_lwr_site_moves_to_another_org(rest, soap, site):
    site(**LWR)
    files, _ = package(soap)
    assert {one["changed"] for one in messages(soap.deploy(files)) if one["componentType"]} == {
        "false"
    }
    other = elsewhere(files, Acme_Help="Acme_Shop", help="shop")
    assert problems(soap.deploy(other)) == []
    _, shown = rest("GET", "/connect/communities")
    templates = {one["name"]: one["templateName"] for one in shown["communities"]}
    assert templates["Acme Shop"] == "Build Your Own (LWR)"


def test_an_lwr_site_needs_a_page_to_start_from(soap, site):
    site(**LWR)
    files, _ = package(soap)
    other = elsewhere(files, Acme_Help="Acme_Shop", help="shop")
    other = {name: text for name, text in other.items() if "appPage" not in name}
    result = soap.deploy(other, rollbackOnError=False)
    assert told(result) == [
        ("Acme Shop", "In field: PicassoSite - no SiteDotCom named Acme_Shop1 found"),
        ("Acme_Shop", "In field: Name - no Network named Acme Shop found"),
        ("Acme_Shop1", ("One piece of content with the contentType sfdc_cms__appPage is required"
         " to create the experience space site/Acme_Shop1")),
    ]  # fmt: skip
    assert result["status"] == "SucceededPartial", "the workspace needs nobody"


def test_a_site_that_holds_an_app_is_deployed_from_its_least_files(rest, soap, sites_on):
    site = {"type": "sfdc_cms__site", "title": "Acme", "urlName": "acme",
            "contentBody": {"appContainer": True, "appSpace": "c__acme"}}  # fmt: skip
    place = "digitalExperiences/site/Help1"
    body = SITE.format("", "ChatterNetwork").replace(">Help<", ">Acme Help<")
    custom = file("CustomSite", body.replace(">help<", ">helpvforcesite<"))
    files = {
        "package.xml": manifest(
            CustomSite=["Help"], Network=["Acme Help"], DigitalExperienceBundle=["site/Help1"],
            DigitalExperienceConfig=["Help1"],
        ),
        "sites/Help.site-meta.xml": custom,
        "networks/Acme Help.network-meta.xml": file(
            "Network",
            network(more=profiles("admin") + "<picassoSite>Help1</picassoSite>",
                    path="helpvforcesite"),
        ),
        "digitalExperienceConfigs/Help1.digitalExperienceConfig-meta.xml": file(
            "DigitalExperienceConfig",
            "<label>Acme Help</label><site><urlPathPrefix>help</urlPathPrefix></site>"
            "<space>site/Help1</space>",
        ),
        f"{place}/Help1.digitalExperience-meta.xml": file(
            "DigitalExperienceBundle", "<label>Help1</label>"
        ),
        f"{place}/sfdc_cms__site/Help1/_meta.json": json.dumps(
            {"apiName": "Help1", "path": "", "type": "sfdc_cms__site"}
        ),
        f"{place}/sfdc_cms__site/Help1/content.json": json.dumps(site),
    }  # fmt: skip
    assert problems(soap.deploy(files)) == []
    (row,) = rest.rows("SELECT UrlPathPrefix FROM Site WHERE Name = 'Help1'")
    assert row["UrlPathPrefix"] == "help"
    del files[f"{place}/sfdc_cms__site/Help1/content.json"]
    assert ("site/Help1", "sfdc_cms__site/Help1 needs a content.json") in told(soap.deploy(files))


def test_one_item_of_content_is_retrieved_changed_and_taken_out(soap, site):
    site(**LWR)
    name = "site/Acme_Help1.sfdc_cms__view/forgotPassword"
    files, result = package(soap, DigitalExperience=[name])
    place = "digitalExperiences/site/Acme_Help1/sfdc_cms__view/forgotPassword"
    assert sorted(files) == [f"{place}/_meta.json", f"{place}/content.json", "package.xml"]
    told_of = {(one["type"], one["fullName"]) for one in result["fileProperties"]}
    assert (
        "DigitalExperienceBundle",
        "site/Acme_Help1/sfdc_cms__view/forgotPassword/_meta",
    ) in told_of
    content = json.loads(files[f"{place}/content.json"]) | {"title": "Forgotten?"}
    files[f"{place}/content.json"] = json.dumps(content)
    result = soap.deploy(files)
    assert problems(result) == []
    (message, _) = messages(result)
    assert (message["componentType"], message["fullName"], message["changed"]) == (
        "DigitalExperience", name, "true",
    )  # fmt: skip
    whole, _ = package(soap, DigitalExperienceBundle=["*"])
    assert json.loads(whole[f"{place}/content.json"])["title"] == "Forgotten?"
    assert sum(one.startswith("digitalExperiences") for one in whole) > 10
    gone = {
        "package.xml": manifest(),
        "destructiveChanges.xml": manifest(DigitalExperience=[name]),
    }
    assert problems(soap.deploy(gone)) == []
    whole, _ = package(soap, DigitalExperienceBundle=["*"])
    assert f"{place}/content.json" not in whole
    listed = soap.send("listMetadata", "<queries><type>DigitalExperience</type></queries>").text
    assert (name in listed, "site/Acme_Help1.sfdc_cms__view/home" in listed) == (False, True)


def test_the_xml_of_a_workspace_may_lie_beside_its_items(soap, site):
    site(**LWR)
    name = "site/Acme_Help1.sfdc_cms__view/home"
    files, _ = package(soap, DigitalExperienceBundle=["*"])
    place = "digitalExperiences/site/Acme_Help1"
    kept = {one: text for one, text in files.items() if "sfdc" not in one or "view/home" in one}
    assert f"{place}/Acme_Help1.digitalExperience-meta.xml" in kept
    kept["package.xml"] = manifest(DigitalExperience=[name])
    assert problems(soap.deploy(kept)) == []
    again, _ = package(soap, DigitalExperienceBundle=["*"])
    assert again == files
    read = soap("readMetadata", f"<type>DigitalExperience</type><fullNames>{name}</fullNames>")
    content = json.loads(base64.b64decode(read["records"]["content"]))
    assert (read["records"]["filePath"], content["title"]) == ("sfdc_cms__view/home", "Home")


def test_an_item_of_content_that_breaks_a_rule_is_refused(soap, site):
    site(**LWR)
    name = "site/Acme_Help1.sfdc_cms__view/home"
    files, _ = package(soap, DigitalExperience=[name])
    (content,) = (one for one in files if one.endswith("content.json"))
    wrong = files | {content: files[content].replace("sfdc_cms__view", "sfdc_cms__route")}
    assert told(soap.deploy(wrong)) == [
        (name, "sfdc_cms__view/home/content.json can't be of the type sfdc_cms__route")
    ]
    elsewhere_ = {one.replace("Acme_Help1", "Nobody1"): text.replace("Acme_Help1", "Nobody1")
                  for one, text in files.items()}  # fmt: skip
    assert told(soap.deploy(elsewhere_)) == [
        ("site/Nobody1.sfdc_cms__view/home",
         "In field: fullName - no DigitalExperienceBundle named site/Nobody1 found")
    ]  # fmt: skip
    start = {"package.xml": manifest(), "destructiveChanges.xml": manifest(
        DigitalExperience=["site/Acme_Help1.sfdc_cms__appPage/mainAppPage"])}  # fmt: skip
    ((_, message),) = told(soap.deploy(start))
    assert message.startswith("One piece of content with the contentType sfdc_cms__appPage")


def test_the_path_of_an_lwr_site_is_taken_for_others(rest, site):
    site(**LWR)
    body = {"name": "B", "urlPathPrefix": "help", "templateName": "Customer Service"}
    assert rest.refusal("POST", "/connect/communities", body)[2] == (
        "That URL is already in use. Please enter a unique one."
    )
