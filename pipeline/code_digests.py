"""Note what code each stage runs, module by module: the stages depend on these notes."""

import pipeline.environment  # noqa: F401  (first: it may end the stage)
from attn2seq.config import read_yaml
from attn2seq.whole import whole_file
from attn2seq.workspace.code_digests import is_generated, stage_digests, text_of
from attn2seq.workspace.paths import DVC_YAML, NOTES
from attn2seq.workspace.stage import Stage, run_stage


def main(stage: Stage) -> None:
    """Read src/attn2seq, pipeline and the corpus's catalogue entry, write results/code."""
    generated = is_generated(stage.root, stage.params)
    for name in read_yaml(stage.root / DVC_YAML)["stages"]:
        if name != stage.name:
            with whole_file(NOTES / f"{name}.txt") as beside:
                text = text_of(stage_digests(stage.root, name, generated))
                beside.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run_stage("code", main)
