"""Look at the whole of params.yaml and the corpus's catalogue entry before any work starts."""

from attn2seq.decoding.settings import DecodeSettings
from attn2seq.workspace.check_params import check_ensemble, check_params
from attn2seq.workspace.paths import CATALOGUE, CHECKED, ENSEMBLE
from attn2seq.workspace.stage import Stage, run_stage


def main(stage: Stage) -> None:
    """Read params.yaml, data/catalogue and data/ensemble, write results/check/ok."""
    check_params(stage.params, CATALOGUE)
    check_ensemble(stage.settings(DecodeSettings, "decode").ensemble, ENSEMBLE)
    CHECKED.parent.mkdir(parents=True, exist_ok=True)
    CHECKED.write_text("params.yaml is sound\n", encoding="utf-8")
    stage.say("params.yaml is sound")


if __name__ == "__main__":
    run_stage("check", main)
