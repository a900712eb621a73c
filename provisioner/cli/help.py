"""Help topics and explanations of codes, which are Markdown files in the package."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, TextIO

from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.stop import Stop, problem
from provisioner.model.diagnostics import did_you_mean
from provisioner.render import terminal

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable

ORDER = (
    "getting-started",
    "specs",
    "identity",
    "rosters",
    "environments",
    "policies",
    "plans",
    "drift",
    "logins",
    "pipelines",
    "local-org",
    "performance",
)
"""The topics in the order in which somebody reads them."""
CODES = "codes"
"""The topic that lists every code."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `summary` is its first paragraph."""

    name: str
    title: str
    summary: str
    markdown: str


def show(name: str | None) -> int:
    """Print the list of topics, one topic, or the explanation of one code."""
    if name is None:
        terminal.write(_overview(), sys.stdout)
        return DONE
    key = name.strip().strip("`").casefold()
    if key == CODES:
        terminal.write(_codes(), sys.stdout)
        return DONE
    topics, explanations = load_topics(), load_codes()
    text = topics[key].markdown if key in topics else explanations.get(key)
    if text is None:
        help_ = did_you_mean(
            key,
            [*topics, *explanations, CODES],
            "`provisioner help` lists the topics, `provisioner help codes` lists the codes",
        )
        raise Stop(WRONG, problem(f"there is no help topic or code `{name}`", help_))
    print_markdown(text, sys.stdout)
    return DONE


@cache
def load_topics() -> Mapping[str, Topic]:
    """The topics by name, in the order of `ORDER`."""
    return {name: _topic(name) for name in ORDER}


@cache
def load_codes() -> Mapping[str, str]:
    """The Markdown of each code's explanation, by code, in alphabetical order."""
    _, *sections = re.split(r"^(?=## )", _read(CODES), flags=re.MULTILINE)
    return {section[3:].partition("\n")[0].strip(): section for section in sorted(sections)}


def print_markdown(markdown: str, stream: TextIO) -> None:
    """Print Markdown: laid out for a terminal, and as it is written in a pipe or file."""
    if not stream.isatty():
        stream.write(f"{markdown.rstrip()}\n")
        stream.flush()
        return
    terminal.console(stream).print(_rendered(markdown))
    stream.flush()


def _topic(name: str) -> Topic:
    markdown = _read(name)
    heading, summary, *_ = markdown.split("\n\n", 2)
    return Topic(name, heading.removeprefix("# "), " ".join(summary.split()), markdown)


def _read(name: str) -> str:
    return (resources.files("provisioner.cli") / "topics" / f"{name}.md").read_text("utf-8")


def _overview() -> list[terminal.Line]:
    topics = load_topics().values()
    width = max(len(topic.name) for topic in topics)
    return [
        terminal.Line(("Topics", "bold"), ", shown by `provisioner help TOPIC`:"),
        terminal.Line(""),
        *(terminal.Line("  ", (t.name.ljust(width), "cyan"), f"  {t.summary}") for t in topics),
        terminal.Line(""),
        terminal.Line("Errors and warnings have a code, such as `unknown-field`."),
        terminal.Line(
            "`provisioner help CODE` explains it, and `provisioner help codes` lists all."
        ),
        terminal.Line("`provisioner COMMAND --help` shows the options of a command."),
    ]


def _codes() -> list[terminal.Line]:
    explanations = load_codes()
    width = max(map(len, explanations))
    return [
        terminal.Line((code.ljust(width), "cyan"), f"  {_first_sentence(text)}")
        for code, text in explanations.items()
    ]


def _first_sentence(section: str) -> str:
    paragraph = " ".join(section.split("\n\n")[1].split())
    return re.split(r"(?<=[.:]) (?=[A-Z`])", paragraph, maxsplit=1)[0]


def _rendered(markdown: str) -> ConsoleRenderable:
    """The Markdown with headings at the left margin and code as it is written."""
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Heading, Markdown
    from rich.padding import Padding
    from rich.text import Text

    class PlainHeading(Heading):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            self.text.justify = "left"
            if self.tag != "h1":
                yield Text("")
            self.text.stylize("bold underline" if self.tag == "h1" else "bold")
            yield self.text

    class PlainCode(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            code = Text(str(self.text).rstrip(), style="cyan", overflow="fold")
            yield Padding(code, (0, 0, 0, 2), expand=False)

    class Topics(Markdown):
        elements = Markdown.elements | {
            "heading_open": PlainHeading,
            "fence": PlainCode,
            "code_block": PlainCode,
        }

    return Topics(markdown)
