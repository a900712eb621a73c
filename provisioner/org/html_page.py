"""A web page of an org, parsed: its elements, its forms and its error messages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import requests
from lxml import html

_ERROR_IDS = ("error", "errorTitle", "errorDesc", "validationError")


class HtmlElement(Protocol):
    """What is used of an element. The type stubs of lxml do not cover `lxml.html`."""

    @property
    def tag(self) -> object: ...
    def get(self, key: str, default: str) -> str: ...
    def set(self, key: str, value: str) -> None: ...
    def find(self, path: str) -> HtmlElement | None: ...
    def iter(self, tag: str = "*") -> Iterator[HtmlElement]: ...
    def iterancestors(self, tag: str = "*") -> Iterator[HtmlElement]: ...
    def text_content(self) -> str: ...
    def xpath(self, path: str, **variables: str) -> list[HtmlElement]: ...


class InputElement(HtmlElement, Protocol):
    checked: bool
    type: str


class FormElement(HtmlElement, Protocol):
    def form_values(self) -> Sequence[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A page, its address and its HTTP status."""

    url: str
    status: int
    root: HtmlElement

    @property
    def title(self) -> str:
        return text(self.root.find(".//title"))

    def inputs(self) -> Iterator[InputElement]:
        return (cast("InputElement", element) for element in self.root.iter("input"))

    def forms(self) -> Iterator[FormElement]:
        return (cast("FormElement", element) for element in self.root.iter("form"))

    def errors(self, classes: Collection[str]) -> list[str]:
        """The error messages of the page, each once: elements by their id, or of these classes."""
        elements = (element for element in self.root.iter() if isinstance(element.tag, str))
        texts = dict.fromkeys(
            text(element)
            for element in elements
            if attribute(element, "id") in _ERROR_IDS
            or not set(classes).isdisjoint(attribute(element, "class").split())
            if not any(_is_hidden(e) for e in (element, *element.iterancestors()))
        )
        return [t for t in texts if t and not any(t in other for other in texts if other != t)]


def parse_page(reply: requests.Response) -> HtmlPage:
    """The page of a response. Raises an exception for content that is not HTML."""
    content = reply.content.strip() or b"<html></html>"
    charset = "charset" in reply.headers.get("Content-Type", "")
    parser = html.HTMLParser(encoding=reply.encoding if charset else "utf-8")
    root = html.document_fromstring(content, parser=parser)
    return HtmlPage(reply.url, reply.status_code, cast("HtmlElement", root))


def attribute(element: HtmlElement, name: str) -> str:
    """An attribute of an element, empty if it has none of that name."""
    return element.get(name, "")


def text(element: HtmlElement | None) -> str:
    """The text of an element on one line; empty for no element."""
    return "" if element is None else " ".join(element.text_content().split())


def _is_hidden(element: HtmlElement) -> bool:
    return "display:none" in attribute(element, "style").replace(" ", "").lower()
