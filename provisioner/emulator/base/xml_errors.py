"""What Salesforce says of a text that is no XML.

It reads files, and SOAP, with Xerces, and says what Xerces says: "Content is not allowed in
prolog." (apex-mocks issue 85), 'The string "--" is not permitted within comments.' (notes of a
refused deployment [V]), "Premature end of file." of an empty call (WWW-Salesforce's tests [Q]). The
others are what Xerces says of the same mistakes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lxml import etree

_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (r"Opening and ending tag mismatch: (\S+) .*",
     r'The element type "\1" must be terminated by the matching end-tag "</\1>".'),
    (r"Premature end of data in tag .*|Couldn't find end of Start Tag .*|.*not finished.*",
     "XML document structures must start and end within the same entity."),
    (r"Extra content at the end of the document",
     "The markup in the document following the root element must be well-formed."),
    (r"Entity '(.+)' not defined", r'The entity "\1" was referenced, but not declared.'),
    (r"xmlParseEntityRef: no name",
     "The entity name must immediately follow the '&' in the entity reference."),
    (r"Namespace prefix (\S+) on (\S+) is not defined",
     r'The prefix "\1" for element "\1:\2" is not bound.'),
    (r"Namespace prefix (\S+) for (\S+) on (\S+) is not defined",
     r'The prefix "\1" for attribute "\1:\2" associated with an element type "\3" is not bound.'),
    (r"StartTag: invalid element name",
     "The content of elements must consist of well-formed character data or markup."),
    (r"Double hyphen within comment.*|Comment must not contain '--'.*",
     'The string "--" is not permitted within comments.'),
    (r"XML declaration allowed only at the start of the document",
     'The processing instruction target matching "[xX][mM][lL]" is not allowed.'),
)  # fmt: skip
_CHARACTER: Final = re.compile(r"PCDATA invalid Char value (\d+)")


def words(error: etree.XMLSyntaxError | ValueError, text: bytes) -> str:
    """Xerces' words for what libxml2 found wrong with the text."""
    if not text.strip():
        return "Premature end of file."
    if not text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "Content is not allowed in prolog."
    told = str(getattr(error, "msg", error)).partition(", line ")[0]
    control = _CHARACTER.match(told)
    if control:
        return (
            f"An invalid XML character (Unicode: {int(control[1]):#x}) was found in the element"
            " content of the document."
        )
    for pattern, wanted in _WORDS:
        found = re.fullmatch(pattern, told)
        if found:
            return found.expand(wanted)
    return told  # of the rarer ones, libxml2's own words: guess
