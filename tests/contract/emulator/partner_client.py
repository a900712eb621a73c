"""The partner WSDL as tests use it: a zeep client, and every answer checked by its schema."""

import io
import re
from functools import cache

import requests
from lxml import etree

from provisioner.emulator.app import create_app
from provisioner.emulator.server import InProcessAdapter
from tests.recorded import partner_wsdl

URL = "http://127.0.0.1:8787"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PARTNER = "urn:partner.soap.sforce.com"


class Schema:
    """The three schemas of the WSDL; `body` gives what is in an answer once it is valid."""

    def __init__(self):
        files = {partner_wsdl.SPACES[p]: text for p, text in partner_wsdl.schemas().items()}

        class Resolver(etree.Resolver):
            def resolve(self, url, _public, context):
                located = re.sub(
                    r'namespace="([^"]*)"/>', r'namespace="\1" schemaLocation="\1"/>', files[url]
                )
                return self.resolve_string(located, context)

        parser = etree.XMLParser()
        parser.resolvers.add(Resolver())
        imports = "".join(f'<import namespace="{n}" schemaLocation="{n}"/>' for n in files)
        text = f'<schema xmlns="http://www.w3.org/2001/XMLSchema">{imports}</schema>'
        self._schema = etree.XMLSchema(etree.fromstring(text, parser))

    def check(self, node):
        self._schema.assertValid(etree.fromstring(etree.tostring(node)))

    def body(self, answer):
        root = etree.fromstring(answer.content)
        for node in root.iterfind(f"{{{SOAP}}}Header/*"):
            self.check(node)
        (inner,) = root.find(f"{{{SOAP}}}Body")
        detail = inner.find("detail")
        if inner.tag != f"{{{SOAP}}}Fault":
            self.check(inner)
        elif detail is not None:
            self.check(detail[0])
        return inner


@cache
def schema():
    return Schema()


def header(token):
    return f"<SessionHeader><sessionId>{token}</sessionId></SessionHeader>"


def call(session, body, *, headers="", version="40.0", checked=True, packed=None):
    """Posts one call in the partner namespace; its answer is checked by the WSDL.

    `packed` is the name and the function of an encoding.
    """
    envelope = (
        f'<e:Envelope xmlns:e="{SOAP}" xmlns="{PARTNER}"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<e:Header>{headers}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
    )
    encoding, pack = packed or ("identity", bytes)
    answer = session.post(
        f"{URL}/services/Soap/u/{version}",
        data=pack(envelope.encode()),
        headers={
            "Content-Type": "text/xml; charset=UTF-8",
            "SOAPAction": '""',
            "Content-Encoding": encoding,
        },
    )
    if checked:
        schema().body(answer)
    return answer


def configure(session, token, type_name, values):
    """Updates one component by the SOAP Metadata API."""
    about = f"<SessionHeader><sessionId>{token}</sessionId></SessionHeader>"
    answer = session.post(
        f"{URL}/services/Soap/m/62.0",
        data=f'<e:Envelope xmlns:e="{SOAP}" xmlns="http://soap.sforce.com/2006/04/metadata"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<e:Header>{about}</e:Header><e:Body><updateMetadata>"
        f'<metadata xsi:type="{type_name}">{values}</metadata>'
        "</updateMetadata></e:Body></e:Envelope>",
    )
    assert b"<success>true</success>" in answer.content, answer.text


def fault(answer):
    """An answer's fault: its code, the element of the detail, the exception's code and message."""
    (node,) = etree.fromstring(answer.content).find(f"{{{SOAP}}}Body")
    assert node.tag == f"{{{SOAP}}}Fault", etree.tostring(node)
    detail = node.find("detail")
    if detail is None:
        return (node.findtext("faultcode"), None, None, node.findtext("faultstring"))
    return (
        node.findtext("faultcode"),
        etree.QName(detail[0]).localname,
        detail[0].findtext("{*}exceptionCode"),
        detail[0].findtext("{*}exceptionMessage"),
    )


def wsdl_client(org):
    """A zeep service made of the partner WSDL alone, whose answers are checked by its schema."""
    import zeep

    known = schema()

    class Checked(requests.Session):
        def request(self, *args, **kwargs):
            answer = super().request(*args, **kwargs)
            if "/services/Soap/" in answer.url:
                known.body(answer)
                known.check(etree.fromstring(answer.request.body).find(f"{{{SOAP}}}Body")[0])
            return answer

    session = Checked()
    session.mount(URL, InProcessAdapter(create_app(org)))
    client = zeep.Client(
        io.BytesIO(partner_wsdl.text().encode()), transport=zeep.Transport(session=session)
    )
    binding = "{urn:partner.soap.sforce.com}SoapBinding"
    return client.create_service(binding, f"{URL}/services/Soap/u/40.0")
