"""What a run consists of: names and steps."""

from pathlib import Path

from attn2seq.runs.collect import curve_points


def test_curve_names_and_steps(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text(
        "step,epoch,train_loss,train_learning_rate,dev_loss,dev_accuracy\n"
        "50,0,4.5,0.001,,\n"
        "100,1,,,3.5,40.2\n"
        "150,1,4."
    )
    found = {(point.key, point.step): point.value for point in curve_points(history)}
    assert found == {
        ("train/loss", 50): 4.5,
        ("train/learning_rate", 50): 0.001,
        ("dev/loss", 100): 3.5,
        ("dev/token_accuracy", 100): 40.2,
    }
