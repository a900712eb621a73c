"""`journal list`, `show` and `tidy`: what past applies wrote."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from provisioner.apply import journal
from provisioner.apply.journal import Record
from provisioner.cli import output
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.session import journals
from provisioner.cli.stop import Stop, problem
from provisioner.render.format import json_text
from provisioner.render.terminal import Line, write

_STYLES = {"done": "green", "running": "cyan", "unknown": "bold magenta", "interrupted": "yellow"}


@dataclass(frozen=True, kw_only=True)
class JournalOptions:
    """The options of `journal list`, `journal show` and `journal tidy`."""

    format: str = "text"
    run: str | None = None
    keep: int = 100


def run(name: str, options: JournalOptions) -> int:
    """Run one of the commands about journals."""
    folder = journals()
    match name:
        case "list":
            return _list(journal.records(folder), options.format, folder)
        case "show":
            return _show(journal.records(folder), options.run, options.format, folder)
        case _:
            deleted = journal.tidy(folder, keep=options.keep)
            sys.stdout.write(f"{deleted} deleted, {len(journal.records(folder))} kept\n")
            return DONE


def _list(records: tuple[Record, ...], format_: str, folder: Path) -> int:
    if format_ == "json":
        output.write_document([json_text([_summary(record) for record in records])], "json")
        return DONE
    if not records:
        sys.stdout.write(f"no journals in {folder}\n")
    for record in records:
        counts = record.closed or {}
        outcomes = ", ".join(f"{n} {word}" for word, n in counts.items()) or "not closed"
        if record.torn:
            outcomes += f"; torn: {record.path.name} has lines that cannot be read"
        of = f"{record.header.get('spec', '?')} to {record.header.get('url', '?')}"
        state = record.state
        write([Line(record.run, f"  {of}  ", (state, _STYLES[state]), f"  {outcomes}")], sys.stdout)
    return DONE


def _show(records: tuple[Record, ...], name: str | None, format_: str, folder: Path) -> int:
    matches = [r for r in records if name is None or r.run.endswith(name)]
    if not matches:
        what = f"no run `{name}`" if name else "no journal"
        raise Stop(WRONG, problem(f"there is {what} in {folder}", "see `provisioner journal list`"))
    record = matches[-1]
    writes = [_write(record, number) for number in record.begun]
    if format_ == "json":
        shown = {**_summary(record), "header": dict(record.header), "writes": writes}
        output.write_document([json_text(shown)], "json")
    else:
        write(_lines(record, writes), sys.stdout)
    return DONE


def _lines(record: Record, writes: list[dict[str, object]]) -> list[Line]:
    header = record.header
    lines = [
        Line((f"Run {record.run}", "bold"), f"  {record.state}"),
        Line(f"  {header.get('spec')} to {header.get('url')}, by {header.get('host')}"),
    ]
    for line in writes:
        of = f" {line['of']}" if line["of"] else ""
        reason = " ".join(str(line[k]) for k in ("code", "reason") if line[k])
        id_ = f"  {line['id']}" if line["id"] else ""
        lines.append(
            Line(
                (f"  {str(line['at'])[11:19]}", "dim"),
                f"  {line['step']}  {line['call']}{of}  {line['outcome']}{id_}",
                (f"  {reason}" if reason else "", "dim"),
            )
        )
    return lines


def _write(record: Record, number: int) -> dict[str, object]:
    begun, ended = record.begun[number], record.ended.get(number, {})
    settled = record.settled.get(number)
    outcome = ended.get("outcome", "unknown")
    if settled:
        outcome = f"unknown, then found: {settled['found']}"
    return {
        "step": begun["step"],
        "call": begun["call"],
        "of": begun.get("of"),
        "fields": begun.get("fields", []),
        "at": begun["at"],
        "outcome": outcome,
        "id": ended.get("id") or (settled or {}).get("id"),
        "code": ended.get("code"),
        "reason": ended.get("reason"),
    }


def _summary(record: Record) -> dict[str, object]:
    return {
        "run": record.run,
        "state": record.state,
        "spec": record.header.get("spec"),
        "environment": record.header.get("environment"),
        "org": record.header.get("org"),
        "instance_url": record.header.get("url"),
        "started": record.header.get("at"),
        "counts": dict(record.closed or {}),
        "unknown": [str(write.address) for write in record.unknown],
        "torn": record.torn,
    }
