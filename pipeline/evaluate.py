"""Score the decoded texts of dev and test against their references."""

from attn2seq.evaluation.scores import evaluate
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.metrics import METRICS, leading
from attn2seq.runs.beside import complete
from attn2seq.workspace.paths import DECODED, EVALUATED, PREPARED
from attn2seq.workspace.stage import Stage, run_stage


def main(stage: Stage) -> None:
    """Read data/prepared and results/decode, write results/evaluate."""
    settings = stage.settings(EvaluateSettings)
    stage.say(f"scoring dev and test, {settings.bootstrap_samples:,} samples per interval")
    for split, scores in evaluate(PREPARED, DECODED, EVALUATED, settings).items():
        told = (f"{METRICS[name].label} {METRICS[name].written(scores[name])}"
                for name in leading(scores))  # fmt: skip
        stage.say(f"{split:<4}  {'  '.join(told)}")
    stage.say_result(EVALUATED)


if __name__ == "__main__":
    run_stage("evaluate", main, then=complete)
