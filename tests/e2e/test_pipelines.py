"""The workflows of this repository: right by GitHub's schema, and run step by step in a shell.

Pull request, merge, schedule; the comment and the issue are kept one, and what is applied is
what was reviewed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml
from packaging.utils import canonicalize_name

from provisioner.plan import plan_file as saved

from .runner import GitHub, Runner

ROOT = Path(__file__).parents[2]
TOPIC = ROOT / "provisioner" / "cli" / "topics" / "pipelines.md"
WORKFLOWS = ROOT / ".github" / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
CHECK = Path(sys.executable).with_name("check-jsonschema")
SPEC = "specs/acme"
INPUTS = {
    "spec": SPEC,
    "environment": "served",
    "tool": Runner.tool["repository"],
    "tool_commit": Runner.tool["ref"],
}

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "jq", "git"))), reason="bash, jq or git is not here"
)


def git(folder, *arguments):
    identity = ("-c", "user.name=Dev", "-c", "user.email=dev@acme.example")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(work, serve):
    """A repository with the walk-through's spec, and the org that its environment is about."""
    work.copy_acme()
    work.org = serve()
    work.use(work.org)
    work.write(".gitignore", ".provisioner/\nreports/\n*.md\n*.zip\ngithub/\n.tool/\n")
    git(work.folder, "init", "-q", "-b", "main")
    commit(work)
    work.github = GitHub(work.folder / "github")
    return work


def commit(work):
    git(work.folder, "add", "-A")
    git(work.folder, "commit", "-q", "-m", "Change the portal")


def merge(work):
    """Merge the pull request of the commit at hand, by a merge commit with the same files."""
    head = git(work.folder, "rev-parse", "HEAD")
    git(work.folder, "commit", "-q", "--allow-empty", "-m", "Merge pull request #7")
    merged = git(work.folder, "rev-parse", "HEAD")
    pull = {"merged_at": "2026-01-09", "merge_commit_sha": merged, "head": {"sha": head}}
    state = work.github.read()
    work.github.write(state | {"pulls": [*state["pulls"], pull]})


def runner(work, name, event=None, **inputs):
    return Runner(
        WORKFLOWS / name,
        work.folder,
        work.github,
        # The org's address and session stand for the secret of a real one.
        work.environ(),
        INPUTS | inputs,
        event or {"event_name": "push", "sha": git(work.folder, "rev-parse", "HEAD")},
    )


def pull_request(work, *, fork=False):
    return runner(work, "plan.yml", opened(work, fork=fork))


def opened(work, *, fork=False):
    """The event of a pull request of the commit at hand."""
    head = {"sha": git(work.folder, "rev-parse", "HEAD"), "repo": {"fork": fork}}
    pull = {"number": 7, "head": head}
    return {"event_name": "pull_request", "sha": "f" * 40, "event": {"pull_request": pull}}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_a_workflow_is_as_github_wants_it(file):
    check("vendor.github-workflows", file)
    data = yaml.safe_load(file.read_text("utf-8"))
    for job in data["jobs"].values():
        for step in job["steps"]:
            # What others wrote gets into a shell by its environment only, never by its text.
            assert "${{" not in step.get("run", "")
            syntax = subprocess.run(
                ["bash", "-n"],
                input=step.get("run", ""),
                text=True,
                capture_output=True,
                check=False,
            )
            assert syntax.stderr == ""


def test_the_action_is_as_github_wants_it():
    for action in ACTIONS:
        check("vendor.github-actions", action)
    install = (ROOT / ".github/actions/setup/install").read_text("utf-8")
    *_, path = re.findall(r"\$here/(\S+)\"\n", install)
    assert (ROOT / ".github/actions/setup" / path / "pyproject.toml").is_file()


def every_step():
    """Each job (None for an action) and step of the workflows and actions, with its file."""
    for file in FILES:
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values():
            yield from ((file, job, step) for step in job["steps"])
    for file in ACTIONS:
        steps = yaml.safe_load(file.read_text("utf-8"))["runs"]["steps"]
        yield from ((file, None, step) for step in steps)


def test_every_action_is_pinned_and_no_checkout_keeps_its_credentials():
    for file, _, step in every_step():
        if "uses" not in step or step["uses"].startswith("./.tool/"):
            continue
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), (file.name, step)
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, file.name


def test_every_workflow_has_the_least_permissions():
    """Nothing is granted to a whole workflow but reading, and to each job only what it uses."""
    granted = {}
    for file in FILES:
        data = yaml.safe_load(file.read_text("utf-8"))
        granted[file.stem] = [data["permissions"]]
        granted[file.stem] += [job.get("permissions") for job in data["jobs"].values()]
    read, checks = {"contents": "read"}, {"contents": "read", "actions": "read"}
    assert granted == {
        "ci": [read, None],
        "plan": [{}, checks, read, read | {"pull-requests": "write"}],
        "apply": [{}, checks, checks | {"pull-requests": "read"}, read],
        "drift": [{}, checks, read | {"issues": "write"}],
    }


def test_nothing_of_the_users_repository_is_installed():
    for file, _, step in every_step():
        assert "pip" not in step.get("run", ""), file.name
    install = (ROOT / ".github/actions/setup/install").read_text("utf-8")
    for line in re.findall(r"-m pip install (.*?[^\\])\n", install, re.DOTALL):
        assert "--require-hashes" in line or "--no-index" in line
        assert "$here" in line


def test_each_login_is_that_of_the_jobs_environment(work):
    """The user and the app differ between planning and applying, the file of the spec does not."""
    for file, _, step in every_step():
        if "SALESFORCE_PRIVATE_KEY" in step.get("env", {}):
            login = {n: v for n, v in step["env"].items() if n.startswith("SALESFORCE_")}
            assert login == {
                "SALESFORCE_CONSUMER_KEY": "${{ vars.SALESFORCE_CONSUMER_KEY }}",
                "SALESFORCE_PRIVATE_KEY": "${{ secrets.SALESFORCE_PRIVATE_KEY }}",
                "SALESFORCE_USERNAME": "${{ vars.SALESFORCE_USERNAME }}",
            }, file.name
    work.copy_acme()
    work.write(
        "specs/acme/environments/production.yaml",
        """\
org:
  login: jwt
  login_url: https://login.salesforce.com
  consumer_key: "{{ env.SALESFORCE_CONSUMER_KEY }}"
  username: "{{ env.SALESFORCE_USERNAME }}"
  private_key: {env: SALESFORCE_PRIVATE_KEY}
env:
  - {name: SALESFORCE_CONSUMER_KEY, plain: true}
  - {name: SALESFORCE_USERNAME, plain: true}
vars: {domain: acme.example, suffix: portal}
""",
    )
    login = {"SALESFORCE_CONSUMER_KEY": "3MVG9", "SALESFORCE_USERNAME": "reader@acme.example"}
    work.run("validate", "specs/acme", "--env", "production", status=0, **login)


def test_only_apply_gets_the_environment_that_can_write():
    for file, job, step in every_step():
        command = re.search(r"provisioner (plan|apply|drift|show)", step.get("run", ""))
        if command and job:
            assert ("-plan" in job["environment"]) is (command[1] != "apply"), file.name
        if job and "environment" in job:
            assert job["needs"] in ("check", "plan"), file.name


@pytest.mark.parametrize("name", ["plan.yml", "apply.yml", "drift.yml"])
def test_an_environment_that_is_missing_stops_the_workflow(repository, name):
    state = repository.github.read()
    del state["environments"]["served-plan"]
    repository.github.write(state)
    event = opened(repository) if name == "plan.yml" else None
    stopped = runner(repository, name, event)
    assert stopped.run() is False
    assert "::error::the environment `served-plan` is missing or cannot be read" in stopped.log
    assert "https://github.example/acme/portal/settings/environments" in stopped.log
    assert stopped.environments == {}


@pytest.mark.parametrize(
    "rules", [[], [{"type": "wait_timer"}], [{"type": "required_reviewers", "reviewers": []}]]
)
def test_an_environment_without_reviewers_stops_apply(repository, rules):
    state = repository.github.read()
    state["environments"]["served"] = {"protection_rules": rules}
    repository.github.write(state)
    stopped = runner(repository, "apply.yml")
    assert stopped.run() is False
    assert "::error::the environment `served` has no required reviewers" in stopped.log
    assert stopped.environments == {}


def test_planning_with_the_environment_that_can_write_stops_apply(repository):
    stopped = runner(repository, "apply.yml", plan_environment="served")
    assert stopped.run() is False
    assert "must use different environments" in stopped.log


@pytest.mark.parametrize(
    "wrong", [{"tool_commit": "main"}, {"tool_commit": "abc1234"}, {"tool": "", "tool_commit": ""}]
)
def test_a_tool_that_is_not_named_by_its_commit_is_not_installed(repository, wrong):
    stopped = runner(repository, "apply.yml", **wrong)
    assert stopped.run() is False
    assert "full commit hash of provisioner" in stopped.log


def check(schema, file):
    done = subprocess.run(
        [CHECK, "--builtin-schema", schema, file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_secrets_reach_only_the_steps_that_log_in():
    for file in FILES:
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values():
            assert "secrets." not in json.dumps(job.get("env", {}))
            for step in job["steps"]:
                if "secrets." in json.dumps(step):
                    assert re.search(r"provisioner (plan|apply|drift)", step["run"])


def test_a_pull_request_is_commented_once_and_its_plan_is_what_is_applied(repository):
    first = pull_request(repository)
    assert first.run(), first.log
    (comment,) = repository.github.read()["comments"]
    assert comment["issue"] == "7"
    assert "5 to create, 2 to update" in comment["body"]
    assert "## Plan: 5 to create" in first.summary
    assert "::notice file=specs/acme/people.yaml,line=4" in first.log

    file = repository.folder / SPEC / "people.yaml"
    file.write_text(file.read_text("utf-8").replace("LastName: Doe", "LastName: Roe"), "utf-8")
    commit(repository)
    second = pull_request(repository)
    assert second.run(), second.log
    (comment,) = repository.github.read()["comments"]
    assert "+ LastName: Roe" in comment["body"]

    merge(repository)
    merged = runner(repository, "apply.yml")
    assert merged.run("plan"), merged.log
    assert "this one was made now" not in merged.summary
    assert "LastName: Roe" in merged.summary
    assert merged.run("apply"), merged.log
    assert "In sync: a second plan is empty." in merged.log
    assert "## Run: 7 done in" in merged.summary
    assert repository.github.read()["artifacts"][-1]["name"].startswith("run-served-")
    assert repository.org.query("SELECT LastName FROM Contact")[0]["LastName"] == "Roe"
    assert repository.org.token not in first.log + second.log + merged.log
    assert second.environments == {"plan": "served-plan"}
    assert merged.environments == {"plan": "served-plan", "apply": "served"}


def test_a_reviewed_plan_of_another_commit_is_not_taken(repository):
    assert pull_request(repository).run()
    git(repository.folder, "commit", "-q", "--allow-empty", "-m", "Another change")
    merge(repository)
    merged = runner(repository, "apply.yml")
    assert merged.run("plan"), merged.log
    assert "this one was made now" in merged.summary


@pytest.mark.parametrize(
    ("key", "value"), [("spec", "specs/other"), ("environment", "local"), ("commit", "b" * 40)]
)
def test_a_saved_plan_that_is_not_of_what_its_name_says_is_refused(repository, key, value):
    """Whoever may write an artifact could put another plan under the name of the reviewed one."""
    assert pull_request(repository).run()
    (artifact,) = repository.github.read()["artifacts"]
    with zipfile.ZipFile(artifact["file"]) as zipped:
        plan = json.loads(zipped.read("plan.json"))
    if key == "commit":
        plan["saved"][key] = value
    else:
        plan[key] = value
    del plan["saved"]["hash"]
    plan["saved"]["hash"] = saved.digest(plan)
    saved.parse(json.dumps(plan))  # by its hash, nobody edited it
    with zipfile.ZipFile(artifact["file"], "w") as zipped:
        zipped.writestr("plan.json", json.dumps(plan))
    merge(repository)
    merged = runner(repository, "apply.yml")
    assert merged.run() is False
    assert "::error::the saved plan is not of specs/acme, served and commit" in merged.log
    assert "apply" not in merged.environments


def test_a_merge_without_a_review_shows_its_own_plan_first(repository):
    merged = runner(repository, "apply.yml")
    assert merged.run("plan"), merged.log
    assert "No plan of this spec was reviewed: this one was made now." in merged.summary
    assert "5 to create, 2 to update" in merged.summary
    assert merged.run("apply"), merged.log

    again = runner(repository, "apply.yml")
    assert again.run("plan"), again.log
    assert again.run("apply") is None


def test_a_plan_from_a_fork_is_not_taken_for_a_reviewed_one(repository):
    assert pull_request(repository).run()
    state = repository.github.read()
    state["artifacts"][0]["workflow_run"]["head_repository_id"] = 2
    repository.github.write(state)
    merge(repository)
    merged = runner(repository, "apply.yml")
    assert merged.run("plan")
    assert "this one was made now" in merged.summary


def test_a_reviewed_plan_is_refused_when_the_org_moved(repository):
    assert pull_request(repository).run()
    repository.org.create("Account", Name="Acme Corporation", AccountNumber="10001")
    merge(repository)
    merged = runner(repository, "apply.yml")
    assert merged.run("plan")
    assert not merged.run("apply")
    assert "the org changed after the plan was made" in merged.log
    # Whoever looks at it plans again, and has that approved.
    once_more = runner(repository, "apply.yml", replan=True)
    assert once_more.run("plan"), once_more.log
    assert once_more.run("apply"), once_more.log


def test_a_pull_request_from_a_fork_is_validated_and_not_planned(repository):
    fork = pull_request(repository, fork=True)
    assert fork.run(), fork.log
    state = repository.github.read()
    assert (state["artifacts"], state["comments"], state["issues"]) == ([], [], [])
    assert fork.environments == {}
    assert "## Validation: 7 resources" in fork.summary


def test_what_is_wrong_is_annotated_and_commented(repository):
    file = repository.folder / SPEC / "people.yaml"
    file.write_text(file.read_text("utf-8").replace("LastName: Doe", "LastNme: Doe"), "utf-8")
    commit(repository)
    wrong = pull_request(repository)
    assert not wrong.run()
    assert "::error file=specs/acme/people.yaml,line=13" in wrong.log
    (comment,) = repository.github.read()["comments"]
    assert "`LastNme` is not a field" in comment["body"]
    assert repository.github.read()["artifacts"] == []


def test_drift_keeps_one_issue_and_closes_it(repository):
    repository.run("apply", SPEC, "--env", "served", "--auto-approve", status=0)
    assert runner(repository, "drift.yml").run()
    assert repository.github.read()["issues"] == []

    repository.org.change("Contact", "LastName='Doe'", LastName="Smith")
    for _ in range(2):
        compared = runner(repository, "drift.yml")
        assert compared.run(), compared.log
        (issue,) = repository.github.read()["issues"]
        assert issue["title"] == "Drift in served (specs/acme)"
        assert issue["state"] == "open"
        assert "- LastName: Smith  # org" in issue["body"]
    assert "::warning file=specs/acme/people.yaml,line=13" in compared.log

    repository.org.change("Contact", "LastName='Smith'", LastName="Doe")
    assert runner(repository, "drift.yml").run()
    (issue,) = repository.github.read()["issues"]
    assert issue["state"] == "closed"


@pytest.fixture(scope="module")
def gitlab_file(tmp_path_factory):
    (text,) = re.findall(r"```yml\n(.*?)```", TOPIC.read_text("utf-8"), re.DOTALL)
    file = tmp_path_factory.mktemp("gitlab") / ".gitlab-ci.yml"
    file.write_text(text, "utf-8")
    return file


class GitLab(BaseHTTPRequestHandler):
    """Notes and issues of GitLab's API, as far as curl asks for them."""

    def do_GET(self):
        path = self.path.partition("?")[0]
        if "/protected_environments/" in path and path not in self.server.kept:
            self.answer({"message": "404 Not found"}, 404)
            return
        self.answer(self.server.kept.get(path, []))

    def do_POST(self):
        self.server.kept.setdefault(self.path, []).append({"id": 40, "iid": 4} | self.sent())
        self.answer({}, 201)

    def do_PUT(self):
        where, _, number = self.path.rpartition("/")
        assert number in ("4", "40")
        self.server.kept[where][0].update(self.sent())
        self.answer({})

    def sent(self):
        assert self.headers["PRIVATE-TOKEN"] == "glpat-1"
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        return {name: values[0] for name, values in parse_qs(body).items()}

    def answer(self, data, status=200):
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def gitlab():
    with ThreadingHTTPServer(("127.0.0.1", 0), GitLab) as server:
        server.kept = {}
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def gitlab_job(work, file, gitlab, name):
    """Run a job's script as a runner does: all lines in one bash that stops at an error."""
    data = yaml.safe_load(file.read_text("utf-8"))
    (packages, install, functions) = data["default"]["before_script"]
    assert packages.startswith("apt-get")
    assert "/.github/actions/setup/install /tmp/provisioner" in install
    variables = {
        **work.environ(),
        **data["variables"],
        "ENVIRONMENT": "served",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "CI_API_V4_URL": gitlab.url,
        "CI_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_COMMIT_SHA": git(work.folder, "rev-parse", "HEAD"),
        "GITLAB_TOKEN": "glpat-1",
    }
    script = "\n".join([functions, *data[name]["script"]])
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=work.folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_gitlab_pipeline_is_as_gitlab_wants_it(gitlab_file):
    check("vendor.gitlab-ci", gitlab_file)
    jobs = yaml.safe_load(gitlab_file.read_text("utf-8"))
    plans = {"plan", "prepare", "drift"}
    assert {n for n, j in jobs.items() if "$ENVIRONMENT-plan" in str(j.get("environment"))} == plans
    assert jobs["apply"]["environment"] == "$ENVIRONMENT"
    assert jobs["apply"]["needs"] == ["check", "prepare"]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here")
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, 1),
        ({"name": "served", "approval_rules": []}, 1),
        ({"name": "served", "approval_rules": [], "required_approval_count": 0}, 1),
        ({"name": "served", "approval_rules": [{"required_approvals": 1}]}, 0),
        ({"name": "served", "required_approval_count": 2}, 0),
    ],
)
def test_gitlab_checks_that_applying_needs_an_approval(
    repository, gitlab_file, gitlab, answer, status
):
    if answer is not None:
        gitlab.kept["/projects/1/protected_environments/served"] = answer
    done = gitlab_job(repository, gitlab_file, gitlab, "check")
    assert done.returncode == status, done.stdout + done.stderr
    assert ("the environment `served` is not protected" in done.stdout) is (status == 1)


@pytest.mark.parametrize("commit", ["main", "abc1234"])
def test_gitlab_installs_only_a_commit_by_its_full_hash(gitlab_file, commit):
    data = yaml.safe_load(gitlab_file.read_text("utf-8"))
    (_, install, _) = data["default"]["before_script"]
    environ = {"PATH": "/usr/bin:/bin", "TOOL_COMMIT": commit, "TOOL": "/nowhere"}
    done = subprocess.run(
        ["bash", "-e", "-c", install], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "full hash of a commit" in done.stdout) == (1, True)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here")
def test_the_gitlab_pipeline_keeps_one_note_applies_and_keeps_one_issue(
    repository, gitlab_file, gitlab
):
    def run(name, status=0):
        done = gitlab_job(repository, gitlab_file, gitlab, name)
        assert done.returncode == status, done.stdout + done.stderr
        assert repository.org.token not in done.stdout + done.stderr
        return done

    for _ in range(2):
        run("plan")
        ((note,),) = gitlab.kept.values()
        assert "5 to create" in note["body"]
    run("prepare")
    assert "In sync" in run("apply").stdout
    run("drift")
    gitlab.kept.clear()
    repository.org.change("Contact", "LastName='Doe'", LastName="Smith")
    for _ in range(2):
        run("drift", status=2)
        ((issue,),) = gitlab.kept.values()
        assert issue["title"] == "Drift in served"
        assert "Smith" in issue["description"]


def test_the_pre_commit_hook_runs_what_its_own_commit_installed(tmp_path):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    entry = ROOT / hook["entry"]
    # As pre-commit does with `language: script`: the script of its clone, in the user's repository.
    clone = tmp_path / "clone"
    shutil.copytree(entry.parent, clone, ignore=shutil.ignore_patterns(".venv"))
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "provisioner").symlink_to(
        Path(sys.executable).parent / "provisioner"
    )
    done = subprocess.run(
        [clone / entry.name, SPEC], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(hook["files"], "specs/acme/people.yaml")


@pytest.mark.skipif(not os.environ.get("CI"), reason="takes a minute and a package index: for CI")
def test_another_repository_uses_the_copied_workflows(work, serve):
    """It has only `specs/` and the workflows, and files that must not get in the way."""
    org = serve()
    work.copy_acme()
    work.use(org)
    for name in ("plan.yml", "apply.yml"):
        text = (WORKFLOWS / name).read_text("utf-8")
        text = text.replace("OWNER/REPO", Runner.tool["repository"])
        # In the comments at the top too, as somebody does who edits a copy.
        work.write(f".github/workflows/{name}", text.replace("COMMIT'", f"{Runner.tool['ref']}'"))
    for name in ("pip.py", "venv.py", "zipfile.py", "provisioner.py", "sitecustomize.py"):
        work.write(name, "raise SystemExit('the repository was imported')\n")
    work.write("pyproject.toml", "[project]\nname = 'not-to-be-installed'\nversion = '1'\n")
    git(work.folder, "init", "-q", "-b", "main")
    commit(work)
    github = GitHub(work.folder.parent / f"{work.folder.name}-github")
    work.github = github
    index = re.compile(r"(PIP_|SSL_|REQUESTS_)|(https?|no)_proxy$", re.IGNORECASE)
    variables = {n: v for n, v in os.environ.items() if index.match(n)}
    variables |= {n: v for n, v in work.environ().items() if n not in ("PATH", "PYTHONPATH")}
    variables["PIP_CACHE_DIR"] = str(Path.home() / ".cache" / "pip")

    def use(name, event):
        return Runner(
            work.folder / ".github" / "workflows" / name,
            work.folder,
            github,
            variables,
            {},
            event,
            vars={"PROVISIONER_ENVIRONMENT": "served"},
            install=True,
        )

    planned = use("plan.yml", opened(work))
    assert planned.run(), planned.log
    (comment,) = github.read()["comments"]
    assert "5 to create, 2 to update" in comment["body"]
    merge(work)
    merged = use("apply.yml", {"event_name": "push", "sha": git(work.folder, "rev-parse", "HEAD")})
    assert merged.run(), merged.log
    assert "this one was made now" not in merged.summary
    assert "In sync: a second plan is empty." in merged.log
    assert org.query("SELECT LastName FROM Contact")[0]["LastName"] == "Doe"
    python = github.folder / "temp" / "provisioner" / "bin" / "python3"
    freeze = subprocess.check_output([python, "-I", "-m", "pip", "freeze"], text=True)
    assert "portal-provisioner @ file://" in freeze
    assert "not-to-be-installed" not in freeze
    locked = (ROOT / ".github/actions/setup/requirements.txt").read_text("utf-8")
    assert dict(_pins(freeze)).items() <= dict(_pins(locked)).items()


def _pins(text):
    """The names and versions that a file of requirements has."""
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        yield canonicalize_name(name), version
