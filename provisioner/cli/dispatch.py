"""What each command does, says and exits with."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from provisioner.cli import event_sinks as observing
from provisioner.cli import output
from provisioner.cli.exit_status import DONE, PARTLY, WRONG
from provisioner.model import masking
from provisioner.spec.load import NoSpecError


def run(options: Namespace) -> int:
    """Run the command that was asked for; its exit status."""
    masking.forget()
    try:
        with output.masked_streams(), observing.observed(options) as ended:
            status = _tried(options)
            ended(status)
            return status
    except OSError as error:
        # All else that fails to be read or written is said where it happens.
        output.say(f"the log `{options.log_file}` can not be written: {error.strerror}")
        return WRONG


def _tried(options: Namespace) -> int:
    try:
        status = _run(options)
        sys.stdout.flush()
        return status
    except NoSpecError as error:
        output.say(str(error), error.remedy)
        return WRONG
    except BrokenPipeError:
        # Whoever read us has read enough; nothing is left to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        # What the spec's files do wrong was said where they are read: this is a full disk.
        output.say(f"{error.strerror}: `{error.filename or 'the output'}`")
        return WRONG
    except KeyboardInterrupt:
        output.say("interrupted", "run the command again to go on from here")
        return PARTLY if options.command == "apply" else WRONG


def _run(options: Namespace) -> int:
    # Each imports what it needs: `validate` needs no HTTP client.
    match options.command:
        case "apply":
            from provisioner.cli.apply import apply

            return apply(options)
        case "graph":
            from provisioner.cli.graph import graph

            return graph(options)
        case "show":
            from provisioner.cli.plan_files import show

            return show(options)
        case "completion" | "help" | "schema":
            return _explain_tool(options)
        case "journal":
            from provisioner.cli.journal import journal

            return journal(options)
        case "lease":
            from provisioner.cli.lease import lease

            return lease(options)
        case "url" | "explain" | "verify" | "password" as name:
            from provisioner.cli import logins

            answer = {
                "url": logins.url,
                "explain": logins.explain,
                "verify": logins.verify,
                "password": logins.password,
            }
            return answer[name](options)
        case "org":
            from provisioner.cli.local_org import org

            return org(options)
        case name:
            from provisioner.cli import comparing

            compare = {
                "validate": comparing.validate,
                "plan": comparing.plan,
                "drift": comparing.drift,
            }
            return compare[name](options)


def _explain_tool(options: Namespace) -> int:
    """Run a command that prints something about the tool itself."""
    match options.command:
        case "help":
            from provisioner.cli import help as topics

            return topics.show(options.topic)
        case "schema":
            from provisioner.cli import schema

            if options.write:
                return schema.write_files(options.write)
            return schema.show(options.kind, options.format)
        case _:
            from provisioner.cli.completion import script

            sys.stdout.write(script(options.shell))
            return DONE
