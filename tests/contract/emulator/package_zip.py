"""Packages for deployments, made of literals, and a raw client that deploys and retrieves them."""

import base64
import io
import zipfile
from functools import cache
from importlib.metadata import distribution

from lxml import etree

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_OPTIONS = (
    "allowMissingFiles",
    "autoUpdatePackage",
    "checkOnly",
    "ignoreWarnings",
    "performRetrieve",
    "purgeOnDelete",
    "rollbackOnError",
    "singlePackage",
)
XMLNS = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def zipped(files):
    """A zip as an open file, which is what simple-salesforce takes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    buffer.seek(0)
    return buffer


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def manifest(version="62.0", **types):
    listed = "".join(
        "<types>"
        + "".join(f"<members>{m}</members>" for m in members)
        + f"<name>{name}</name></types>"
        for name, members in types.items()
    )
    tail = f"<version>{version}</version>" if version else ""
    return f"{DECLARATION}<Package {XMLNS}>{listed}{tail}</Package>"


def text_field(name, extra=""):
    return (
        f"<fields><fullName>{name}</fullName><label>{name}</label><type>Text</type>"
        f"<length>40</length>{extra}</fields>"
    )


def custom_object(*fields, label="Invoice", name_field="<label>Name</label><type>Text</type>"):
    return (
        f"{DECLARATION}<CustomObject {XMLNS}>\n"
        + "\n".join(f"    {field}" for field in fields)
        + f"\n    <label>{label}</label><nameField>{name_field}</nameField>"
        f"<pluralLabel>{label}s</pluralLabel><sharingModel>ReadWrite</sharingModel></CustomObject>"
    )


def org_settings(*switches):
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in switches)
    return f"{DECLARATION}<OrgSettings {XMLNS}>{inner}</OrgSettings>"


@cache
def schema():
    """The schema of the WSDL that simple-salesforce ships."""
    path = distribution("simple-salesforce").locate_file("simple_salesforce/metadata.wsdl")
    root = etree.parse(str(path)).getroot()
    node = root.find(
        "{http://schemas.xmlsoap.org/wsdl/}types/{http://www.w3.org/2001/XMLSchema}schema"
    )
    return etree.XMLSchema(etree.fromstring(etree.tostring(node)))


class Soap:
    """A raw client of the Metadata API; each answer is checked by the WSDL's schema."""

    def __init__(self, rest):
        self.session = rest.session
        self.token = rest.session.headers["Authorization"].removeprefix("Bearer ")

    def send(self, operation, inner):
        body = (
            f'<e:Envelope xmlns:e="{_SOAP}"><e:Header><SessionHeader {XMLNS}><sessionId>{self.token}'
            f"</sessionId></SessionHeader></e:Header><e:Body><{operation} {XMLNS}>{inner}"
            f"</{operation}></e:Body></e:Envelope>"
        )
        url = "http://127.0.0.1:8787/services/Soap/m/62.0"
        return self.session.post(url, data=body.encode(), headers={"Content-Type": "text/xml"})

    def __call__(self, operation, inner):
        """The `result` of a call as plain values: texts, dicts, lists where elements repeat."""
        response = self.send(operation, inner)
        assert response.status_code == 200, response.text
        answer = etree.fromstring(response.content).find(f"{{{_SOAP}}}Body")[0]
        schema().assertValid(etree.fromstring(etree.tostring(answer)))
        return _plain(answer[0])

    def refusal(self, operation, inner):
        """Code and text of the fault."""
        response = self.send(operation, inner)
        assert response.status_code == 500, response.text
        fault = etree.fromstring(response.content).find(f"{{{_SOAP}}}Body")[0]
        return fault.findtext("faultcode"), fault.findtext("faultstring")

    def start(self, files, **options):
        """Queues a deployment; returns its id."""
        data = files if isinstance(files, bytes) else zipped(files).read()
        given = dict.fromkeys(_OPTIONS, "false") | {
            "singlePackage": "true",
            "rollbackOnError": "true",
        }
        given |= {name: str(value).lower() for name, value in options.items() if name in _OPTIONS}
        told = "".join(f"<{name}>{value}</{name}>" for name, value in given.items())
        told += "".join(f"<runTests>{test}</runTests>" for test in options.get("runTests", ()))
        told += f"<testLevel>{options.get('testLevel', 'NoTestRun')}</testLevel>"
        zip_ = base64.b64encode(data).decode()
        inner = f"<ZipFile>{zip_}</ZipFile><DeployOptions>{told}</DeployOptions>"
        answer = self("deploy", inner)
        assert (answer["done"], answer["state"]) == ("false", "Queued")
        return answer["id"]

    def status(self, id_, *, details=True):
        told = str(details).lower()
        inner = f"<asyncProcessId>{id_}</asyncProcessId><includeDetails>{told}</includeDetails>"
        return self("checkDeployStatus", inner)

    def deploy(self, files, **options):
        """Deploys and waits; the result with its messages as lists."""
        id_ = self.start(files, **options)
        statuses = [self.status(id_)["status"] for _ in range(2)]
        assert statuses == ["Pending", "InProgress"]
        result = self.status(id_)
        assert result["done"] == "true"
        return result

    def retrieve(self, **types):
        """Retrieves and waits; the result and the files by name."""
        listed = "".join(
            "<types>"
            + "".join(f"<members>{m}</members>" for m in members)
            + f"<name>{n}</name></types>"
            for n, members in types.items()
        )
        request = (
            "<retrieveRequest><apiVersion>62.0</apiVersion><singlePackage>false</singlePackage>"
            f"<unpackaged>{listed}<version>62.0</version></unpackaged></retrieveRequest>"
        )
        id_ = self("retrieve", request)["id"]
        inner = f"<asyncProcessId>{id_}</asyncProcessId><includeZip>true</includeZip>"
        statuses = [self("checkRetrieveStatus", inner)["status"] for _ in range(2)]
        assert statuses == ["Pending", "InProgress"]
        result = self("checkRetrieveStatus", inner)
        return result, unzipped(base64.b64decode(result["zipFile"]))


def problems(result):
    """What failed: (file, full name, problem), in order."""
    return [
        (one["fileName"], one["fullName"], one["problem"])
        for one in messages(result, "componentFailures")
    ]


def messages(result, kind="componentSuccesses"):
    found = result["details"].get(kind, [])
    return found if isinstance(found, list) else [found]


def _plain(node):
    if not len(node):
        return node.text or ""
    values = {}
    for child in node:
        name = etree.QName(child).localname
        value = _plain(child)
        if name in values:
            held = values[name]
            values[name] = [*(held if isinstance(held, list) else [held]), value]
        else:
            values[name] = value
    return values
