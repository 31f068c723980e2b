"""Look at the whole of params.yaml and the corpus's catalogue entry before any work starts."""

import pipeline.environment  # noqa: F401  (first: it may end the stage)
from attn2seq.preparing.settings import DownloadSettings
from attn2seq.workspace.check_params import check_params, warnings_of
from attn2seq.workspace.check_surroundings import check_surroundings
from attn2seq.workspace.local_files import checked_text
from attn2seq.workspace.paths import CATALOGUE, CHECKED, ENSEMBLE, LOCAL
from attn2seq.workspace.stage import Stage, run_stage


def main(stage: Stage) -> None:
    """Read params.yaml and what it names in data/, write results/check/ok."""
    check_params(stage.params, CATALOGUE)
    check_surroundings(stage.params, CATALOGUE, LOCAL, ENSEMBLE)
    for warning in warnings_of(stage.params, CATALOGUE):
        stage.say(f"warning: {warning}")
    CHECKED.parent.mkdir(parents=True, exist_ok=True)
    text = checked_text(stage.settings(DownloadSettings, "download"), CATALOGUE, LOCAL)
    CHECKED.write_text(text, encoding="utf-8")
    stage.say("params.yaml is valid")


if __name__ == "__main__":
    run_stage("check", main)
