"""`org serve`, `show`, `mail`, `reset`: the local org for other clients and for people."""

from __future__ import annotations

import os
import signal
import stat
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.session import home
from provisioner.emulator import ports
from provisioner.emulator.control import endpoint as control
from provisioner.emulator.lifecycle import first_day as seed
from provisioner.emulator.local import LocalOrg, LocalOrgError
from provisioner.emulator.store.org import Org
from provisioner.model.diagnostics import did_you_mean
from provisioner.render.format import json_text, visible, visible_lines

_SHORTEST_TOKEN = 16  # characters
_RULE = "-" * 72


def org(options: Namespace) -> int:
    """Run one of the commands about the local org."""
    ports.claim(home())
    local = LocalOrg(home())
    try:
        return _run(local, options)
    except LocalOrgError as error:
        output.say(str(error), error.remedy)
        return WRONG
    finally:
        local.close()


def _run(local: LocalOrg, options: Namespace) -> int:
    match options.org_command:
        case "serve":
            return _serve(local, options)
        case "show":
            return _show(local, options.format)
        case "mail":
            return _mail(local, options)
        case "coverage":
            return _coverage(local, options.format)
        case _:
            local.reset()
            output.talk("the local org is as new")
            return DONE


def _serve(local: LocalOrg, options: Namespace) -> int:
    token = None
    if options.control_token_file and not options.control:
        output.say("`--control-token-file` needs `--control`")
        return WRONG
    if options.control:
        try:
            token = _control_token(options.control_token_file)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            output.say(f"the token file `{options.control_token_file}`: {reason}")
            return WRONG

    def ready(url: str) -> None:
        output.talk(f"the local org answers at {url} until you press Ctrl-C")
        output.talk("`provisioner org show` prints how to log in")
        if token is None:
            return
        output.warn(
            f"{url}/emulator/ answers every user of this machine who has its token: it shows the "
            "outbox, with temporary passwords, and resets the org",
            f"send the token in the header `{control.HEADER}`, and share it with nobody",
        )
        if options.control_token_file is None:
            # Not by `talk`, whose messages are also logged and traced.
            sys.stderr.write(f"control token: {token}\n")
            sys.stderr.flush()

    # A service manager stops what it started by SIGTERM, and that is no failure. What a script
    # starts in the background ignores SIGINT, unless it says otherwise.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    held = local.open()
    if options.seats and not _set_seats(held, options.seats):
        return WRONG
    port = ports.of(home()) if options.port is None else options.port
    try:
        local.serve(
            port,
            control=options.control,
            control_token=token,
            https=options.https,
            ready=ready,
        )
    except OSError as error:
        remedy = "choose another with `--port`"
        output.say(f"port {port} cannot be served: {error.strerror}", remedy)
        return WRONG
    output.talk("stopped")
    return DONE


def _set_seats(org: Org, wanted: Sequence[tuple[str, int]]) -> bool:
    """Set the seats of licences by name. Returns False for an unknown name, which is reported."""
    rows = org.select("UserLicense")
    # Of two licences of one name, the one that is active is meant.
    rows = sorted(rows, key=lambda row: row["Status"] == "Active")
    keys = {name: row["LicenseDefinitionKey"] for row in rows for name in _names(row)}
    seats: dict[str, int] = {}
    for name, count in wanted:
        key = keys.get(name.casefold())
        if key is None:
            names = sorted({str(row["Name"]) for row in rows})
            listed = f"licences: {', '.join(names)}"
            output.say(f"the local org has no licence `{name}`", did_you_mean(name, names, listed))
            return False
        seats[key] = count
    seed.set_seats(org, seats, seed.admin_id(org))
    return True


def _names(row: Mapping[str, object]) -> tuple[str, str]:
    return str(row["LicenseDefinitionKey"]).casefold(), str(row["Name"]).casefold()


def _control_token(file: str | None) -> str:
    """The token in a file, or a new one, which is written to the file if there is no such file.

    Raises OSError, and ValueError for a file that others may read or that holds no token.
    """
    if file is None:
        return control.new_token()
    path = Path(file)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise ValueError("must be a file that only you can read (`chmod 600`)") from None
        token = path.read_text("utf-8", "replace").strip()
        plain = token.isascii() and token.isprintable() and " " not in token
        if len(token) < _SHORTEST_TOKEN or not plain:
            raise ValueError(
                f"must hold one word of {_SHORTEST_TOKEN} or more characters (ASCII); "
                "if it is deleted, a new token is written to it"
            ) from None
        return token
    token = control.new_token()
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(f"{token}\n")
    return token


def _coverage(local: LocalOrg, format_: str) -> int:
    from provisioner.emulator.control import coverage

    found = coverage.report(local.app(control=True))
    text = coverage.as_json(found) if format_ == "json" else coverage.as_text(found)
    sys.stdout.write(text.rstrip() + "\n")
    return DONE


def _mail(local: LocalOrg, options: Namespace) -> int:
    """Print the outbox, the newest e-mail last."""
    outbox = [
        mail
        for mail in local.open().outbox()
        if options.to is None or mail.recipient.casefold() == options.to.strip().casefold()
    ]
    if options.format == "json":
        output.write_document([json_text([asdict(mail) for mail in outbox])], "json")
        return DONE
    if not outbox:
        to = "" if options.to is None else f" to {visible(options.to)}"
        output.talk(f"the local org in `{local.folder}` has no e-mail{to}")
        return DONE
    for mail in outbox:
        head = {"To": mail.recipient, "Date": mail.sent, "Subject": mail.subject}
        sys.stdout.writelines(f"{name}: {visible(text)}\n" for name, text in head.items())
        sys.stdout.write(f"\n{visible_lines(mail.body).rstrip()}\n\n{_RULE}\n")
    output.talk("these e-mails were not sent; temporary passwords in them are valid in this org")
    return DONE


def _show(local: LocalOrg, format_: str) -> int:
    held = asdict(local.credentials())
    shown = {name: str(value) for name, value in held.items() if value is not None}
    if format_ == "json":
        output.write_document([json_text(shown)], "json")
    else:
        width = max(map(len, shown))
        sys.stdout.writelines(f"{name:<{width}}  {value}\n" for name, value in shown.items())
    return DONE
