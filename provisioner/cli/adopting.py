"""`drift --adopt`: the patch that makes the spec say what the org has."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.spec import template
from provisioner.spec.files import write_private
from provisioner.spec.load import LoadedSpec

if TYPE_CHECKING:
    from provisioner.model.plan import Plan


def adopt(plan: Plan, loaded: LoadedSpec, file: str) -> bool:
    """Write the patch to a file, or to stdout for `-`; False, when it was said that it can not."""
    from provisioner.drift import adopt as adopting

    names = template.scopes(loaded.environment.vars, loaded.environment.env)
    made = adopting.adopt(plan.steps, loaded.texts, names, {e.span for e in plan.errors})
    here = Path.cwd()
    patch = "".join(
        adopting.patch(_raw(name, loaded.texts[name]), _raw(name, text), _path(name, here))
        for name, text in sorted(made.texts.items())
    )
    for left in made.left:
        what = f"{left.address}.{left.field}" if left.field else str(left.address)
        output.talk(f"not adopted: {what}: {left.reason}")
    for remark in made.remarks:
        output.talk(f"look at {remark}")
    if file == "-":
        # A patch is applied to the bytes of the files.
        sys.stdout.flush()
        sys.stdout.buffer.write(patch.encode())
        return True
    try:
        write_private(file, [patch])
    except OSError as error:
        output.say(f"the patch cannot be saved to `{file}`: {error.strerror}")
        return False
    count = len(made.texts)
    files = "1 file" if count == 1 else f"{count} files"
    if count:
        output.talk(f"saved to {file}, for {files}: `git apply {file}`, and have it reviewed")
    else:
        why = "nothing of this can be adopted" if made.left else "there is nothing to adopt"
        output.talk(f"{file} is empty: {why}")
    return True


def _raw(name: str, text: str) -> str:
    """The text as the file has it, with its byte order mark where it has one."""
    return f"\ufeff{text}" if Path(name).read_bytes().startswith(b"\xef\xbb\xbf") else text


def _path(name: str, here: Path) -> str:
    """A file's name as seen from the current folder, where the patch is applied."""
    return Path(os.path.relpath(name, here)).as_posix()
