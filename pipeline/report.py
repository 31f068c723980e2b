"""Write the page that shows what was trained, how well it does, and where it looked."""

from attn2seq.report.page import ReportInputs, write_report
from attn2seq.report.settings import ReportSettings
from attn2seq.runs.beside import complete
from attn2seq.workspace.paths import (
    CORPUS,
    DECODED,
    EVALUATED,
    PREPARE_METRICS,
    REPORT,
    TOKENIZED,
    TRAIN_RESULTS,
)
from attn2seq.workspace.stage import Stage, run_stage

INPUTS = ReportInputs(
    prepare=PREPARE_METRICS.parent,
    train=TRAIN_RESULTS,
    decode=DECODED,
    evaluate=EVALUATED,
    corpus=CORPUS,
    tokenized=TOKENIZED,
)


def main(stage: Stage) -> None:
    """Read the results of all stages and params.yaml, write results/report/index.html."""
    write_report(INPUTS, stage.params, stage.settings(ReportSettings), REPORT)
    stage.say(f"one page, {REPORT.stat().st_size / 1e6:.1f} MB; open it in a browser")
    stage.say_result(REPORT)


if __name__ == "__main__":
    run_stage("report", main, then=complete)
