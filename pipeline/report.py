"""Write the page that shows what was trained, how well it does, and where it looked."""

from pathlib import Path

from attn2seq.report.page import ReportInputs, write_report
from attn2seq.report.settings import ReportSettings
from attn2seq.runs.beside import complete
from attn2seq.workspace.stage import Stage, run_stage

INPUTS = ReportInputs(
    prepare=Path("results/prepare"),
    train=Path("results/train"),
    decode=Path("results/decode"),
    evaluate=Path("results/evaluate"),
    corpus=Path("data/prepared/corpus.json"),
    tokenized=Path("data/tokenized"),
)


def main(stage: Stage) -> None:
    """Read the results of all stages and params.yaml, write results/report/index.html."""
    output = Path("results/report/index.html")
    write_report(INPUTS, stage.params, stage.settings(ReportSettings), output)
    stage.say(f"one page of {output.stat().st_size / 1e6:.1f} MB, open it in a browser")
    stage.say_result(output)


if __name__ == "__main__":
    run_stage("report", main, then=complete)
