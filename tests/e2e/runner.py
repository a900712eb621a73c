"""A small runner of GitHub workflows: every `run:` in a real shell, and a stand-in for `gh`.

It knows the few actions and expressions that our workflows use, and fails on any other. Actions of
this repository are run as they are; what they install is faked unless `install` asks for it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
LEFT = ("reports", "reviewed.zip", "comment.md", "issue.md", ".tool")
REVIEWED = {"type": "required_reviewers", "reviewers": [{"type": "User"}]}

GH = '''#!{python}
"""`gh api` on a file instead of GitHub: artifacts, comments and issues."""
import json, pathlib, re, sys
from urllib.parse import parse_qs, urlsplit

state_file = pathlib.Path({state!r})
state = json.loads(state_file.read_text())
command, *rest = sys.argv[1:]
assert command == "api", sys.argv
method, path, fields = None, None, {{}}
while rest:
    word = rest.pop(0)
    if word == "--method":
        method = rest.pop(0)
    elif word in ("-F", "-f"):
        name, _, value = rest.pop(0).partition("=")
        fields[name] = pathlib.Path(value[1:]).read_text() if value.startswith("@") else value
    elif word in ("--paginate", "--silent"):
        pass
    else:
        assert not word.startswith("-") and path is None, word
        path = word
method = method or ("POST" if fields else "GET")
url = urlsplit(path)
where, query = url.path.removeprefix("repos/acme/portal/"), parse_qs(url.query)
bot = {{"type": "Bot"}}

def answer():
    if method == "GET" and where == "actions/artifacts":
        return {{"artifacts": [a for a in state["artifacts"] if a["name"] == query["name"][0]]}}
    if m := re.fullmatch(r"commits/(\\w+)/pulls", where):
        return [p for p in state["pulls"] if p["merge_commit_sha"] == m[1]]
    if (m := re.fullmatch(r"environments/([\\w-]+)", where)) and m[1] in state["environments"]:
        return state["environments"][m[1]]
    if method == "GET" and (m := re.fullmatch(r"actions/artifacts/(\\d+)/zip", where)):
        sys.stdout.buffer.write(pathlib.Path(state["artifacts"][int(m[1])]["file"]).read_bytes())
        sys.exit()
    if m := re.fullmatch(r"issues/(\\d+)/comments", where):
        comments = state["comments"]
        if method == "GET":
            return [c for c in comments if c["issue"] == m[1]]
        comments.append({{"id": len(comments), "issue": m[1], "user": bot, **fields}})
        return comments[-1]
    if method == "PATCH" and (m := re.fullmatch(r"issues/comments/(\\d+)", where)):
        state["comments"][int(m[1])].update(fields)
        return state["comments"][int(m[1])]
    if where == "issues" and method == "GET":
        return [i for i in state["issues"] if i["state"] == query["state"][0]]
    if where == "issues" and method == "POST":
        new = {{"number": len(state["issues"]), "state": "open", "user": bot, **fields}}
        state["issues"].append(new)
        return new
    if method == "PATCH" and (m := re.fullmatch(r"issues/(\\d+)", where)):
        state["issues"][int(m[1])].update(fields)
        return state["issues"][int(m[1])]
    raise SystemExit(f"gh: Not Found (HTTP 404): {{method}} {{where}}")

said = answer()
state_file.write_text(json.dumps(state))
print(json.dumps(said))
'''


@dataclass
class GitHub:
    """What a repository on GitHub keeps, and a folder of programs for its jobs."""

    folder: Path
    state: Path = field(init=False)

    def __post_init__(self):
        self.state = self.folder / "github.json"
        (self.folder / "bin").mkdir(parents=True)
        environments = {
            "served-plan": {"protection_rules": []},
            "served": {"protection_rules": [{"type": "branch_policy"}, REVIEWED]},
        }
        self.write(
            {"artifacts": [], "comments": [], "issues": [], "pulls": []}
            | {"environments": environments}
        )
        gh = self.folder / "bin" / "gh"
        gh.write_text(GH.format(python=sys.executable, state=str(self.state)), "utf-8")
        gh.chmod(0o755)

    def read(self):
        return json.loads(self.state.read_text("utf-8"))

    def write(self, state):
        self.state.write_text(json.dumps(state), "utf-8")

    def keep(self, name, files, root, sha):
        """Keep files as an artifact of a run for a commit, as `actions/upload-artifact` does."""
        state = self.read()
        number = len(state["artifacts"])
        archive = self.folder / f"artifact-{number}.zip"
        with zipfile.ZipFile(archive, "w") as zipped:
            for file in files:
                zipped.write(file, file.relative_to(root))
        run = {"repository_id": 1, "head_repository_id": 1, "head_sha": sha}
        artifact = {"id": number, "name": name, "expired": False, "workflow_run": run}
        state["artifacts"].append(
            artifact | {"created_at": f"2026-01-{number + 1:02}", "file": str(archive)}
        )
        self.write(state)


@dataclass
class Runner:
    """Runs the jobs of a workflow file in the folder of a repository."""

    workflow: Path
    repository: Path
    github: GitHub
    variables: dict
    inputs: dict
    event: dict
    secrets: dict = field(default_factory=dict)
    vars: dict = field(default_factory=dict)
    install: bool = False
    log: str = ""
    summary: str = ""
    needs: dict = field(default_factory=dict)
    environments: dict = field(default_factory=dict)

    def run(self, job=None):
        """Run a job with those that it needs, or all; whether they succeeded, None if skipped."""
        jobs = yaml.safe_load(self.workflow.read_text("utf-8"))["jobs"]
        results = [self.needed(name) for name in ([job] if job else jobs)]
        ran = [result for result in results if result is not None]
        return all(ran) if ran else None

    def needed(self, name):
        if name not in self.needs:
            data = yaml.safe_load(self.workflow.read_text("utf-8"))
            before = data["jobs"][name].get("needs", [])
            before = [before] if isinstance(before, str) else before
            results = [self.needed(one) for one in before]
            if not all(results):
                result = None if None in results else False
                self.needs[name] = {"outputs": {}, "result": result}
            else:
                self.job(data, name)
        return self.needs[name]["result"]

    def job(self, data, name):
        job = data["jobs"][name]
        scope = {"steps": {}, "failed": False, "env": {}, "path": [], "inputs": self.inputs}
        scope["env"] = self.filled({**data.get("env", {}), **job.get("env", {})}, scope)
        if "if" in job and not self.evaluate(job["if"], scope):
            self.needs[name] = {"outputs": {}, "result": None}
            return
        if "environment" in job:
            self.environments[name] = self.filled({"name": job["environment"]}, scope)["name"]
        # A job begins in a clean folder.
        for left in LEFT:
            path = self.repository / left
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.steps(job["steps"], scope)
        outputs = self.filled(job.get("outputs", {}), scope)
        self.needs[name] = {"outputs": outputs, "result": not scope["failed"]}

    def steps(self, steps, scope, action=None):
        for step in steps:
            wanted = step.get("if", "${{ success() }}")
            if "cancelled()" not in wanted and scope["failed"]:
                continue
            if not self.evaluate(wanted, scope):
                continue
            done = self.step(step, scope, action)
            scope["failed"] |= not done

    def step(self, step, scope, action):
        if "uses" in step:
            return self.action(step, scope)
        if step.get("name") == "Install" and not self.install:
            # What is installed in this environment is what is tested.
            assert '"$GITHUB_ACTION_PATH/install" "$RUNNER_TEMP/provisioner"' in step["run"]
            scope["path"].append(str(Path(sys.executable).parent))
            return True
        files = {name: self.github.folder / name for name in ("OUTPUT", "STEP_SUMMARY", "PATH")}
        for file in files.values():
            file.write_text("", "utf-8")
        path = [str(self.github.folder / "bin"), *scope["path"], "/usr/bin", "/bin"]
        variables = self.variables | scope["env"] | self.filled(step.get("env", {}), scope)
        variables |= {f"GITHUB_{name}": file for name, file in files.items()}
        variables |= {
            "PATH": ":".join(path),
            "RUNNER_TEMP": self.github.folder / "temp",
            "GITHUB_REPOSITORY": "acme/portal",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_ACTION_PATH": action or "",
        }
        # As GitHub runs a `run:` on Linux without `shell:`. (GitHub Docs, "Workflow syntax", shell)
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.repository,
            env={k: str(v) for k, v in variables.items()},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        self.log += done.stdout + done.stderr
        self.summary += files["STEP_SUMMARY"].read_text("utf-8")
        scope["path"] += files["PATH"].read_text("utf-8").splitlines()
        lines = files["OUTPUT"].read_text("utf-8").splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        outcome = "success" if done.returncode == 0 else "failure"
        if "id" in step:
            scope["steps"][step["id"]] = {"outputs": outputs, "outcome": outcome}
        return done.returncode == 0

    def action(self, step, scope):
        given = self.filled(step.get("with", {}), scope)
        if step["uses"].startswith("./"):
            folder = self.repository / step["uses"]
            action = yaml.safe_load((folder / "action.yml").read_text("utf-8"))
            inputs = {n: given.get(n, i.get("default")) for n, i in action["inputs"].items()}
            inner = scope | {"inputs": inputs, "steps": {}}
            self.steps(action["runs"]["steps"], inner, folder)
            return not inner["failed"]
        match step["uses"].partition("@")[0]:
            case "actions/setup-python":
                pass
            case "actions/checkout":
                assert given.pop("persist-credentials") == "false"
                if given:
                    assert given.pop("repository") == self.tool["repository"]
                    assert given.pop("ref") == self.tool["ref"]
                    self.copy_tool(self.repository / given.pop("path"))
                assert not given
            case "actions/upload-artifact":
                path = self.repository / given["path"]
                files = (
                    [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
                )
                root = path.parent if path.is_file() else path
                pull = self.event.get("event", {}).get("pull_request")
                sha = pull["head"]["sha"] if pull else self.event["sha"]
                self.github.keep(given["name"], files, root, sha)
            case "actions/download-artifact":
                artifacts = self.github.read()["artifacts"]
                (*_, newest) = [a for a in artifacts if a["name"] == given["name"]]
                with zipfile.ZipFile(newest["file"]) as zipped:
                    zipped.extractall(self.repository / given["path"])
            case other:
                raise AssertionError(f"the runner knows no action {other}")
        return True

    tool = {"repository": "acme/tools", "ref": "c" * 40}  # noqa: RUF012 - the same for all

    def copy_tool(self, folder):
        """Check out this repository as it is now; all of it only if it is to be installed."""
        tracked = ("git", "ls-files", "-co", "--exclude-standard", "-z")
        for name in subprocess.check_output(tracked, cwd=ROOT, text=True).split("\0"):
            if (ROOT / name).is_file() and (self.install or name.startswith(".github/")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    def filled(self, values, scope):
        return {
            name: re.sub(r"\$\{\{(.*?)\}\}", lambda m: self.text(m[1], scope), _text(value))
            for name, value in values.items()
        }

    def text(self, expression, scope):
        return _text(self.evaluate(expression, scope))

    def evaluate(self, expression, scope):
        """The value of an expression of our workflows.

        It has `||`, `&&`, `==`, `!=`, parentheses, names, literals and three functions.
        """
        text = expression.strip().removeprefix("${{").removesuffix("}}")
        words = re.findall(r"'[^']*'|\|\||&&|[!=]=|[(),!]|[\w.-]+", text)
        value = self.either(words, scope)
        assert not words, f"not understood: {expression}"
        return value

    def either(self, words, scope):
        value = self.both(words, scope)
        while words[:1] == ["||"]:
            words.pop(0)
            other = self.both(words, scope)
            value = value or other
        return value

    def both(self, words, scope):
        value = self.compared(words, scope)
        while words[:1] == ["&&"]:
            words.pop(0)
            other = self.compared(words, scope)
            value = value and other
        return value

    def compared(self, words, scope):
        value = self.single(words, scope)
        if words[:1] in (["=="], ["!="]):
            same = words.pop(0) == "=="
            other = self.single(words, scope)
            # Missing values and empty texts are equal. (GitHub Docs, "Expressions", Operators)
            return ((value or "") == (other or "")) is same
        return value

    def single(self, words, scope):
        word = words.pop(0)
        if word == "!":
            return not self.single(words, scope)
        if word == "(":
            value = self.either(words, scope)
            assert words.pop(0) == ")"
            return value
        if word.startswith("'"):
            return word.strip("'")
        if words[:1] == ["("]:
            return self.call(word, self.arguments(words, scope), scope)
        known = {"true": True, "false": False, "github.token": "ghs_token"}
        return known[word] if word in known else self.named(word, scope)

    def arguments(self, words, scope):
        words.pop(0)
        values = []
        while words[0] != ")":
            values.append(self.either(words, scope))
            if words[0] == ",":
                words.pop(0)
        words.pop(0)
        return values

    def call(self, name, values: Sequence, scope):
        match name:
            case "success":
                return not scope["failed"]
            case "cancelled":
                return False
            case "format":
                return values[0].format(*("" if v is None else v for v in values[1:]))
        raise AssertionError(f"the runner knows no function {name}")

    def named(self, words, scope):
        root, *path = words.split(".")
        roots = {
            "env": scope["env"],
            "inputs": scope["inputs"],
            "vars": self.vars,
            "secrets": self.secrets,
            "github": self.event,
            "steps": scope["steps"],
            "needs": self.needs,
        }
        found = roots[root]
        for part in path:
            found = (found or {}).get(part)
        return found


def _text(value):
    """A value as GitHub writes it into a text."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
