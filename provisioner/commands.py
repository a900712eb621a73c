"""What each command does, says and exits with. Answers go to stdout, the talk to stderr."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from provisioner.diagnostics import Diagnostic, Severity
from provisioner.loader import Loaded, NoSpecError, find, load
from provisioner.render import diagnostics
from provisioner.render.lines import Line, write
from provisioner.status import CHANGES, DONE, NO_ORG, PARTLY, REFUSED, WRONG

if TYPE_CHECKING:
    from provisioner.emulator.local import LocalOrg
    from provisioner.executor import Outcome
    from provisioner.org.client import Org
    from provisioner.org.errors import OrgError
    from provisioner.saved import SavedPlan
    from provisioner.workflow import Planned

# Where the local org is kept; a folder of the project that git is told to ignore.
HOME = "PROVISIONER_HOME"
DEFAULT_PORT = 8787


def run(options: Namespace) -> int:
    """Run the command that was asked for; its exit status."""
    command = {
        "validate": _validate,
        "plan": _plan,
        "apply": _apply,
        "drift": _drift,
        "org": _org,
    }[options.command]
    try:
        return command(options)
    except NoSpecError as error:
        _say(str(error), error.remedy)
        return WRONG
    except BrokenPipeError:
        # Whoever read us has read enough; nothing is left to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        _say("interrupted", "run the command again to go on from here")
        return PARTLY if options.command == "apply" else WRONG


# ---------------------------------------------------------------- offline


def _validate(options: Namespace) -> int:
    loaded = load(find(options.spec), options.env, secrets=False)
    if options.format == "json":
        sys.stdout.write(json.dumps(diagnostics.as_json(loaded.problems), indent=2) + "\n")
    elif loaded.problems:
        _problems(loaded.problems, loaded, sys.stdout)
    else:
        count = len(loaded.specs)
        sys.stdout.write(f"{loaded.folder}: {count} resources in {len(loaded.texts)} files, ok\n")
    return WRONG if _errors(loaded.problems) else DONE


def _loaded(spec: str | None, environment: str | None) -> tuple[Loaded, int | None]:
    """The spec, and the status to exit with when it can not be used."""
    loaded = load(find(spec), environment, secrets=True)
    if not loaded.problems:
        return loaded, None
    _problems(loaded.problems, loaded, sys.stderr)
    if not _errors(loaded.problems):
        return loaded, None
    # A login that can not even be tried is an org that can not be reached.
    missing = {"missing-secret"} == {d.code for d in loaded.problems}
    return loaded, NO_ORG if missing else WRONG


# ---------------------------------------------------------------- online


def _plan(options: Namespace) -> int:
    loaded, wrong = _loaded(options.spec, options.env)
    if wrong is not None:
        return wrong
    return _with_org(loaded, lambda org: _show_plan(options, loaded, org))


def _show_plan(options: Namespace, loaded: Loaded, org: Org) -> int:
    from provisioner import workflow
    from provisioner.policy import violations
    from provisioner.render import view

    planned = workflow.plan(loaded, org)
    shown = view.plan(planned.plan, spec=str(loaded.folder), environment=loaded.environment.name)
    _document(options.format, shown, "Plan", planned, loaded)
    if planned.plan.errors:
        return WRONG
    if options.out:
        Path(options.out).write_text(json.dumps(shown, indent=2) + "\n", "utf-8")
        _talk(f"saved to {options.out}: apply it with `provisioner apply {options.out}`")
    if broken := violations(planned.plan, loaded.environment.policy):
        return _refuse(broken, loaded)
    return CHANGES if options.detailed_exitcode and planned.plan else DONE


def _drift(options: Namespace) -> int:
    loaded, wrong = _loaded(options.spec, options.env)
    if wrong is not None:
        return wrong
    return _with_org(loaded, lambda org: _show_drift(options, loaded, org))


def _show_drift(options: Namespace, loaded: Loaded, org: Org) -> int:
    from provisioner import workflow
    from provisioner.render import view

    planned = workflow.plan(loaded, org)
    shown = view.plan(planned.plan, spec=str(loaded.folder), environment=loaded.environment.name)
    _document(options.format, shown, "Drift", planned, loaded)
    if planned.plan.errors:
        return WRONG
    return CHANGES if planned.plan else DONE


def _apply(options: Namespace) -> int:
    from provisioner.saved import SavedPlanError, parse

    saved: SavedPlan | None = None
    spec, environment = options.spec, options.env
    if spec is not None and Path(spec).is_file():
        try:
            saved = parse(Path(spec).read_text("utf-8"))
        except (SavedPlanError, UnicodeDecodeError) as error:
            _say(f"`{spec}`: {error}", "name a spec's folder, or a plan that `plan --out` wrote")
            return WRONG
        if environment not in (None, saved.environment):
            _say(f"the plan is for the environment `{saved.environment}`", "leave `--env` out")
            return WRONG
        spec, environment = saved.spec, saved.environment
    loaded, wrong = _loaded(spec, environment)
    if wrong is not None:
        return wrong
    return _with_org(loaded, lambda org: _do_apply(options, loaded, org, saved))


def _do_apply(options: Namespace, loaded: Loaded, org: Org, saved: SavedPlan | None) -> int:
    from provisioner import workflow
    from provisioner.policy import violations
    from provisioner.render import view
    from provisioner.saved import SavedPlanError, check

    planned = workflow.plan(loaded, org)
    shown = view.plan(planned.plan, spec=str(loaded.folder), environment=loaded.environment.name)
    _document("text", shown, "Plan", planned, loaded)
    if planned.plan.errors:
        return WRONG
    if saved is not None:
        try:
            check(saved, shown)
        except SavedPlanError as error:
            _say(str(error), "plan again, and have the new plan reviewed")
            return REFUSED
    if broken := violations(planned.plan, loaded.environment.policy):
        return _refuse(broken, loaded)
    if planned.plan:
        if not options.auto_approve and (asked := _ask(planned)) is not None:
            return asked
        return _carry_out(planned, loaded, org)
    _urls(planned)
    return DONE


def _carry_out(planned: Planned, loaded: Loaded, org: Org) -> int:
    from provisioner import workflow
    from provisioner.render import plan as text

    before, total = org.api_calls, len(planned.plan.steps)
    counts: Counter[Outcome] = Counter()
    _talk("")
    for number, result in enumerate(workflow.apply(planned, org), 1):
        counts[result.outcome] += 1
        write(text.result(result, number, total), sys.stderr)
    made = org.api_calls - before
    again = workflow.plan(loaded, org)
    _talk("")
    write([text.applied(counts), Line(f"API calls made: {made}.")], sys.stdout)
    if again.plan or again.plan.errors:
        _left(again, counts, loaded)
        return PARTLY
    write([Line(("In sync", "bold green"), ": a second plan is empty.")], sys.stdout)
    _urls(again)
    return DONE


def _left(again: Planned, counts: Counter[Outcome], loaded: Loaded) -> None:
    """Say what a second plan still has, and whether that was to be expected."""
    from provisioner.executor import Outcome
    from provisioner.render import plan as text
    from provisioner.render import view

    failed = set(counts) - {Outcome.DONE}
    count = len(again.plan.steps)
    if failed:
        _say(f"{count} steps are left to do", "mend what failed, and apply again")
    else:
        _say(
            f"every step was done, and yet a second plan has {count}: the org does not keep "
            "what it was sent",
            "this is a mistake of the spec, or of provisioner: please report it",
        )
    shown = view.plan(again.plan, spec=str(loaded.folder), environment=loaded.environment.name)
    write(text.plan(shown), sys.stderr)
    _problems(again.plan.problems, loaded, sys.stderr)


def _ask(planned: Planned) -> int | None:
    """Ask on the terminal; the status to exit with when the answer is not `yes`."""
    if not sys.stdin.isatty():
        _say(
            "there is no terminal to ask on",
            "look at `provisioner plan`, then apply with `--auto-approve`",
        )
        return WRONG
    org = planned.plan.org
    sys.stderr.write(f"\nApply these {len(planned.plan.steps)} steps to {org.name} ({org.id})? ")
    sys.stderr.write("Only `yes` is a yes: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() == "yes":
        return None
    _talk("nothing was changed")
    return REFUSED


def _urls(planned: Planned) -> None:
    from provisioner import workflow

    for name, url in workflow.login_urls(planned):
        sys.stdout.write(f"Log in to {name}: {url}\n")


def _with_org(loaded: Loaded, use: Callable[[Org], int]) -> int:
    """Open the org and use it; an org that can not be reached is said in its own words."""
    from provisioner.connection import open_org
    from provisioner.org.errors import AuthenticationFailed, OrgError, Unreachable

    try:
        org = open_org(loaded.environment, _home())
        return use(org)
    except (AuthenticationFailed, Unreachable) as error:
        _org_error(error)
        return NO_ORG
    except OrgError as error:
        _org_error(error)
        return WRONG


def _org_error(error: OrgError) -> None:
    _say(str(error), error.remedy)


# ---------------------------------------------------------------- the local org


def _org(options: Namespace) -> int:
    from provisioner.emulator.local import LocalOrg

    local = LocalOrg(_home())
    match options.org_command:
        case "serve":
            return _serve(local, options.port)
        case "show":
            return _show(local, options.format)
        case _:
            local.reset()
            _talk("the local org is as new")
            return DONE


def _serve(local: LocalOrg, port: int | None) -> int:
    port = DEFAULT_PORT if port is None else port
    _talk(f"the local org answers at http://127.0.0.1:{port} until you press Ctrl-C")
    _talk("`provisioner org show` prints how to log in")
    try:
        local.serve(port)
    except OSError as error:
        _say(f"port {port} can not be served: {error.strerror}", "choose another with `--port`")
        return WRONG
    except KeyboardInterrupt:
        _talk("stopped")
    return DONE


def _show(local: LocalOrg, format_: str) -> int:
    shown = {name: str(value) for name, value in asdict(local.credentials()).items()}
    if format_ == "json":
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        width = max(map(len, shown))
        sys.stdout.writelines(f"{name:<{width}}  {value}\n" for name, value in shown.items())
    return DONE


def _home() -> Path:
    return Path(os.environ.get(HOME) or ".provisioner")


# ---------------------------------------------------------------- output


def _document(
    format_: str, shown: dict[str, Any], title: str, planned: Planned, loaded: Loaded
) -> None:
    """The plan in the format that was asked for; in text, its problems after it."""
    from provisioner.render import documents
    from provisioner.render import plan as text

    match format_:
        case "json":
            sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
        case "markdown":
            sys.stdout.write(documents.markdown(shown, title=title))
        case "html":
            sys.stdout.write(documents.html(shown, title=title))
        case _:
            if shown["steps"] or not planned.plan.errors:
                write(text.drift(shown) if title == "Drift" else text.plan(shown), sys.stdout)
            if planned.plan.problems:
                sys.stdout.flush()
                _problems(planned.plan.problems, loaded, sys.stderr)


def _problems(problems: Iterable[Diagnostic], loaded: Loaded, stream: TextIO) -> None:
    diagnostics.write(problems, loaded.texts, stream)


def _errors(problems: Iterable[Diagnostic]) -> bool:
    return any(p.severity is Severity.ERROR for p in problems)


def _refuse(broken: Iterable[str], loaded: Loaded) -> int:
    for violation in broken:
        _say(violation, f"raise it in environments/{loaded.environment.name}.yaml")
    return REFUSED


def _say(message: str, remedy: str | None = None) -> None:
    sys.stdout.flush()
    lines = [Line(("error", "bold red"), f": {message}")]
    if remedy:
        lines.append(Line(f"  = help: {remedy}"))
    write(lines, sys.stderr)


def _talk(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
