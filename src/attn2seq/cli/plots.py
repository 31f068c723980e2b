"""DVC's own view of the curves, drawn without a network: of the workspace and all experiments, or
of the revisions named.

DVC's page loads the library that draws from elsewhere, and is blank where there is no network. The
template that is written here holds the library itself; it is made from an installed package and
not committed, since it is 0.9 MB of code that is not ours."""

import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import vl_convert

from attn2seq.errors import UserError
from attn2seq.runs.revisions import experiments
from attn2seq.whole import whole_file
from attn2seq.workspace.quiet_dvc import dvc_command
from attn2seq.workspace.stage import main_root

# DVC knows the template by its place within .dvc.
TEMPLATE = "tmp/plots.html"
CURVES = ".dvc/plots/curves.json"  # the chart that dvc.yaml names
# A chart's script calls vegaEmbed while the page is read; the library, a module, comes after that.
DRAW = "for (const call of waiting) vegaEmbed(...call);"
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{{refresh_tag}}
<title>Curves</title>
<!-- vl-convert-python {version} -->
<style>
body {{ font-family: sans-serif; margin: 2rem; display: flex; flex-wrap: wrap; gap: 1rem 3rem; }}
</style>
<script>
const waiting = [];
function vegaEmbed(...call) {{ waiting.push(call); }}
</script>
<script type="module">
{library}
</script>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


def draw(revisions: Sequence[str], only_prepare: bool) -> int:
    """The exit status: DVC's. Raises UserError."""
    root = main_root()
    prepare(root)
    if only_prepare:
        return 0
    every = [state.label for state in experiments(root)]
    drawn = revisions or (["workspace", *every] if every else [])
    return _dvc(root, "plots", *(["diff", *drawn] if drawn else ["show"]))


def prepare(root: Path) -> None:
    """Write the template, and tell this repository's DVC of it, where that is not done yet.

    Raises UserError where there is no DVC repository, or none with the project's charts.
    """
    for needed in (".dvc", CURVES):
        if not (root / needed).exists():
            raise UserError(
                f"{root / needed} is missing: `git checkout -- {needed}` brings it back"
            )
    path = root / ".dvc" / TEMPLATE
    text = template()
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with whole_file(path) as beside:
            beside.write_text(text, encoding="utf-8")
    local = root / ".dvc/config.local"
    if not local.is_file() or TEMPLATE not in local.read_text(encoding="utf-8"):
        _dvc(root, "config", "--quiet", "--local", "plots.html_template", TEMPLATE)


def template() -> str:
    """A page with places for DVC's charts, and all that draws them."""
    # No text of the library may end the element that it stands in.
    library = vl_convert.javascript_bundle(DRAW).replace("</script", "<\\/script")
    return PAGE.format(version=version("vl-convert-python"), library=library)


def _dvc(root: Path, *arguments: str) -> int:
    return subprocess.run(dvc_command(*arguments), cwd=root, check=False).returncode
