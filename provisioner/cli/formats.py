"""The names of the formats, which the command line knows before anything else is loaded."""

REPORTS = ("text", "json", "markdown", "html", "junit", "sarif", "github")
"""What `validate`, `plan` and `drift` can be printed as."""
ENDINGS = {
    ".json": "json",
    ".md": "markdown",
    ".html": "html",
    ".xml": "junit",
    ".sarif": "sarif",
}
"""The format of a file by its ending, for `--report`."""
GRAPHS = ("dot", "mermaid", "svg")
"""What `graph` can be printed as."""
SHELLS = ("bash", "zsh", "fish")
"""The shells that `completion` knows."""
