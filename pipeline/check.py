"""Look at the whole of params.yaml and the corpus's catalogue entry before any work starts."""

from pathlib import Path

from attn2seq.workspace.check_params import check_params, check_surroundings
from attn2seq.workspace.stage import ENSEMBLE, Stage, run_stage

CATALOGUE, LOCAL = Path("data/catalogue"), Path("data/local")
OK = Path("results/check/ok")


def main(stage: Stage) -> None:
    """Read params.yaml and what it names in data/, write results/check/ok."""
    check_params(stage.params, CATALOGUE)
    check_surroundings(stage.params, CATALOGUE, LOCAL, ENSEMBLE)
    OK.parent.mkdir(parents=True, exist_ok=True)
    OK.write_text("params.yaml is sound\n", encoding="utf-8")
    stage.say("params.yaml is sound")


if __name__ == "__main__":
    run_stage("check", main)
