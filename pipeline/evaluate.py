"""Score the decoded texts of dev and test against their references."""

from pathlib import Path

from attn2seq.evaluation.results import evaluate
from attn2seq.evaluation.scores import ALWAYS
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.runs.beside import complete
from attn2seq.workspace.stage import Stage, run_stage

SHOWN = ("bleu", "chrf", "ter", "rougeL", "exact_match", "perplexity")


def main(stage: Stage) -> None:
    """Read data/prepared and results/decode, write results/evaluate."""
    settings = stage.settings(EvaluateSettings)
    output = Path("results/evaluate")
    stage.say(f"scoring dev and test, {settings.bootstrap_samples:,} samples an interval")
    metrics = evaluate(Path("data/prepared"), Path("results/decode"), output, settings)
    for split, scores in metrics.items():
        asked = [name for name in scores if name not in ALWAYS]
        line = "  ".join(f"{name} {scores[name]:.2f}" for name in (*asked, *SHOWN))
        stage.say(f"{split:<4}  {line}")
    stage.say_result(str(output))


if __name__ == "__main__":
    run_stage("evaluate", main, then=complete)
