"""Run the command that was parsed: read its options, report what stops it, return its status."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from provisioner.cli import event_sinks, options, output
from provisioner.cli.exit_status import DONE, PARTLY, WRONG
from provisioner.cli.stop import Stop, problem
from provisioner.model import masking
from provisioner.spec.load import NoSpecError


def run(arguments: Namespace) -> int:
    """Run a command; its exit status."""
    masking.forget()
    log = options.read(options.LogOptions, arguments)
    with output.masked_streams():
        try:
            with event_sinks.observed(arguments.command, log, output.warning) as ended:
                status = output.status_of(lambda: _run(arguments))
                ended(status)
                return status
        except OSError as error:
            # Every other file that cannot be read or written is reported by the command.
            output.error(f"the log `{log.log_file}` cannot be written: {error.strerror}")
            return WRONG


def _run(arguments: Namespace) -> int:
    try:
        status = _command(arguments)
        sys.stdout.flush()
        return status
    except NoSpecError as error:
        raise Stop(WRONG, problem(str(error), error.remedy)) from error
    except BrokenPipeError:
        # The reader of stdout has read enough. Python flushes stdout again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        # Problems with the files of a spec are reported where they are read: the disk is full.
        what = f"{error.strerror}: `{error.filename or 'the output'}`"
        raise Stop(WRONG, problem(what)) from error
    except KeyboardInterrupt:
        status = PARTLY if arguments.command == "apply" else WRONG
        help_ = "run the command again to continue from here"
        raise Stop(status, problem("interrupted", help_)) from None


def _command(arguments: Namespace) -> int:  # noqa: C901 - one branch for each command
    # Each command imports what it needs: `validate` needs no HTTP client.
    match arguments.command_path.split():
        case ["validate"]:
            from provisioner.cli import validate

            return validate.validate(options.read(validate.ValidateOptions, arguments))
        case ["graph"]:
            from provisioner.cli import graph

            return graph.graph(options.read(graph.GraphOptions, arguments))
        case ["plan"]:
            from provisioner.cli import plan, plan_environments

            plan_options = options.read(options.PlanOptions, arguments)
            if len(plan_options.envs) > 1:
                return plan_environments.plan_environments(plan_options)
            return plan.plan(plan_options)
        case ["apply"]:
            from provisioner.cli import apply

            return apply.apply(options.read(options.ApplyOptions, arguments))
        case ["show"]:
            from provisioner.cli import plan_files

            return plan_files.show(options.read(plan_files.ShowOptions, arguments))
        case ["drift"]:
            from provisioner.cli import drift

            return drift.drift(options.read(drift.DriftOptions, arguments))
        case ["journal", name]:
            from provisioner.cli import journal

            return journal.run(name, options.read(journal.JournalOptions, arguments))
        case ["lease", name]:
            from provisioner.cli import lease

            return lease.run(name, options.read(lease.LeaseOptions, arguments))
        case ["url"]:
            from provisioner.cli import logins

            return logins.url(options.read(logins.UrlOptions, arguments))
        case ["explain", "login"]:
            from provisioner.cli import logins

            return logins.explain(options.read(logins.ExplainOptions, arguments))
        case ["verify", "login"]:
            from provisioner.cli import verify

            return verify.verify(options.read(verify.VerifyOptions, arguments))
        case ["password", "reset"]:
            from provisioner.cli import logins

            return logins.reset_passwords(options.read(logins.ResetOptions, arguments))
        case ["org", name]:
            from provisioner.cli import local_org

            return local_org.run(name, options.read(local_org.OrgOptions, arguments))
        case ["help"]:
            from provisioner.cli.help import show

            return show(arguments.topic)
        case ["schema"]:
            from provisioner.cli import schema

            if arguments.write:
                return schema.write_files(arguments.write)
            return schema.show(arguments.kind, arguments.format)
        case ["completion"]:
            from provisioner.cli.completion import script

            sys.stdout.write(script(arguments.shell))
            return DONE
        case path:
            raise AssertionError(f"no command {path}")
