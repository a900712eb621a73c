"""`journal list`, `show` and `tidy`: what past applies were about to do, and did."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from provisioner.apply import journal as journals
from provisioner.apply.journal import Record
from provisioner.cli import output
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.running import journals as folder_of
from provisioner.render.format import json_text
from provisioner.render.terminal import Line, write

_STYLES = {"done": "green", "running": "cyan", "unknown": "bold magenta", "interrupted": "yellow"}


def journal(options: Namespace) -> int:
    """Run one of the commands about journals."""
    folder = folder_of()
    match options.journal_command:
        case "list":
            return _list(journals.records(folder), options.format, folder)
        case "show":
            return _show(journals.records(folder), options.run, options.format, folder)
        case _:
            gone = journals.tidy(folder, keep=options.keep)
            sys.stdout.write(f"{gone} deleted, {len(journals.records(folder))} kept\n")
            return DONE


def _list(records: tuple[Record, ...], format_: str, folder: Path) -> int:
    if format_ == "json":
        output.write_document([json_text([_summary(record) for record in records])], "json")
        return DONE
    if not records:
        sys.stdout.write(f"no journals in {folder}\n")
    for record in records:
        counts = record.closed or {}
        told = ", ".join(f"{n} {word}" for word, n in counts.items()) or "not closed"
        if record.torn:
            told += f"; torn: {record.path.name} has lines that cannot be read"
        of = f"{record.header.get('spec', '?')} to {record.header.get('url', '?')}"
        state = record.state
        write([Line(record.run, f"  {of}  ", (state, _STYLES[state]), f"  {told}")], sys.stdout)
    return DONE


def _show(records: tuple[Record, ...], wanted: str | None, format_: str, folder: Path) -> int:
    found = [r for r in records if wanted is None or r.run.endswith(wanted)]
    if not found:
        what = f"no run `{wanted}`" if wanted else "no journal"
        output.say(f"there is {what} in {folder}", "see `provisioner journal list`")
        return WRONG
    record = found[-1]
    writes = [_write(record, number) for number in record.begun]
    if format_ == "json":
        shown = {**_summary(record), "header": dict(record.header), "writes": writes}
        output.write_document([json_text(shown)], "json")
        return DONE
    write(_lines(record, writes), sys.stdout)
    return DONE


def _lines(record: Record, writes: list[dict[str, Any]]) -> list[Line]:
    header = record.header
    lines = [
        Line((f"Run {record.run}", "bold"), f"  {record.state}"),
        Line(f"  {header.get('spec')} to {header.get('url')}, by {header.get('host')}"),
    ]
    for one in writes:
        of = f" {one['of']}" if one["of"] else ""
        told = " ".join(str(one[k]) for k in ("code", "reason") if one[k])
        id_ = f"  {one['id']}" if one["id"] else ""
        lines.append(
            Line(
                (f"  {str(one['at'])[11:19]}", "dim"),
                f"  {one['step']}  {one['call']}{of}  {one['outcome']}{id_}",
                (f"  {told}" if told else "", "dim"),
            )
        )
    return lines


def _write(record: Record, number: int) -> dict[str, Any]:
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


def _summary(record: Record) -> dict[str, Any]:
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
