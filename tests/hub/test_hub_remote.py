"""Models pushed to a hub and loaded from it, by the hub's own library."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from hub_server import Hub
from tiny_model import TEXTS

from attn2seq.api import load
from attn2seq.cli.main import main
from attn2seq.errors import UserError
from attn2seq.hub import remote

ROOT = Path(__file__).parents[2]


def content(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_model_goes_to_the_hub_and_comes_back(
    hub: Hub, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(model), "--push", "me/toy"]) == 0
    there = hub.repositories["me/toy"]
    digits = there.at("main")
    assert f"\nhub:me/toy@{digits}: private\n" in capsys.readouterr().out
    files = there.commits[str(digits)]
    assert files["model.safetensors"] == (model / "model.safetensors").read_bytes()
    assert {"members/other/config.json", "SHA256SUMS", ".gitattributes"} < set(files)
    assert "notes.txt" not in files
    assert 'attn2seq.load("hub:me/toy")' in files["README.md"].decode()
    expected = [each.text for each in load(model).translate(TEXTS)]
    for address in ("hub:me/toy", f"hub:me/toy@{digits}"):
        assert [each.text for each in load(address).translate(TEXTS)] == expected


def test_a_revision_stays_what_it_was(hub: Hub, model: Path) -> None:
    first = hub.add("me/toy", content(model))
    config = json.loads((model / "config.json").read_text())
    config["decode"]["beam_size"] = 7
    second = hub.add("me/toy", content(model) | {"config.json": json.dumps(config).encode()})
    assert load("hub:me/toy").settings.beam_size == 7
    assert load(f"hub:me/toy@{first}").settings.beam_size == 4
    assert load(f"hub:me/toy@{second}").settings.beam_size == 7


def test_what_is_there_already_is_replaced_but_for_files_of_others(hub: Hub, model: Path) -> None:
    old = {"members/gone/config.json": b"{}", "members/other/src.model": b"old", "my.txt": b"mine"}
    hub.add("me/toy", old, private=True)
    assert main(["publish", str(model), "--push", "me/toy"]) == 0
    files = hub.repositories["me/toy"].commits[str(hub.repositories["me/toy"].at("main"))]
    assert files["my.txt"] == b"mine"
    assert files["members/other/src.model"] == (model / "members/other/src.model").read_bytes()
    assert "members/gone/config.json" not in files


def test_nothing_becomes_public_without_leave(
    hub: Hub, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.add("me/open", {"my.txt": b""})
    assert main(["publish", str(model), "--push", "me/open"]) == 1
    assert "me/open is there already, and public: --public" in capsys.readouterr().err
    assert list(hub.repositories["me/open"].commits.values()) == [{"my.txt": b""}]
    assert main(["publish", str(model), "--push", "me/new", "--public"]) == 0
    assert not hub.repositories["me/new"].private
    assert capsys.readouterr().out.endswith(": public\n")


def test_the_token_is_that_of_the_environment(
    hub: Hub, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub.add("me/toy", content(model), private=True)
    # What `hf auth login` has stored is of no account here.
    (tmp_path / "stored").write_text(os.environ["HF_TOKEN"])
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "stored"))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="no such model, or it is private and HF_TOKEN"):
        load("hub:me/toy")
    with pytest.raises(UserError, match="pushing needs HF_TOKEN in the environment"):
        remote.push(model, "me/toy", public=False)
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(UserError, match=r"answered 401: .*May the token in HF_TOKEN do this\?"):
        remote.push(model, "me/other", public=False)


def test_only_what_a_model_folder_has_is_fetched(hub: Hub, model: Path) -> None:
    others = {"evil.py": b"", "pytorch_model.bin": b"", "members/other/more.pkl": b""}
    hub.add("me/toy", content(model) | others)
    load("hub:me/toy")
    fetched = {line.partition("/resolve/")[2].partition("/")[2] for line in hub.asked}
    assert "members/other/model.safetensors" in fetched
    assert not {name for name in fetched if name.endswith((".py", ".bin", ".pkl", ".txt"))}


@pytest.mark.promise("no code")
def test_no_name_of_a_file_leads_out_of_the_cache(hub: Hub, model: Path, tmp_path: Path) -> None:
    hub.add("me/toy", content(model) | {"members/../../../../out/config.json": b"{}"})
    with pytest.raises(UserError, match="hub:me/toy"):
        load("hub:me/toy")
    assert not list(tmp_path.rglob("out"))


def test_metadata_that_the_hub_refuses(hub: Hub, model: Path) -> None:
    card = (model / "README.md").read_text().replace("cc-by-nc-sa-4.0", "my own")
    (model / "README.md").write_text(card)
    with pytest.raises(UserError, match=r'Invalid metadata in README\.md\. - "license" must be'):
        remote.push(model, "me/toy", public=False)
    assert not hub.uploads


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("hub:toy", "hub:toy is no address of a model: hub:<owner>/<name>"),
        ("hub:me/toy@", "is no address of a model"),
        ("hub:me/a--b", "Cannot have -- or .. in repo_id"),
        ("hub:me/none", r"http://127.*has no such model, or it is private"),
        ("hub:me/toy@v9", "has the model, but no such revision"),
        ("hub:me/empty", r"holds no model \(config.json is missing\)"),
    ],
)
def test_addresses_that_mean_no_model(hub: Hub, model: Path, address: str, fault: str) -> None:
    hub.add("me/toy", content(model))
    hub.add("me/empty", {"notes.txt": b""})
    with pytest.raises(UserError, match=fault):
        load(address)


def test_without_a_network_the_cache_serves(
    hub: Hub, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("me/toy", content(model))
    expected = [each.text for each in load("hub:me/toy").translate(TEXTS)]
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert [each.text for each in load("hub:me/toy").translate(TEXTS)] == expected
    with pytest.raises(UserError, match=r"no answer from http.*copy the model's folder and"):
        load("hub:me/other")
    with pytest.raises(UserError, match=r"no answer from http.*No file there has changed"):
        remote.push(model, "me/toy", public=True)
    assert not hub.asked


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    monkeypatch.setenv("HF_TOKEN", "hf")
    with pytest.raises(UserError, match=re.escape("pip install 'attn2seq[hub]'")):
        load("hub:me/toy")
    with pytest.raises(UserError, match=re.escape("pip install 'attn2seq[hub]'")):
        remote.push(model, "me/toy", public=False)


def test_the_command_line_asks_the_server_that_hf_endpoint_names(
    hub: Hub, model: Path, tmp_path: Path
) -> None:
    hub.add("me/toy", content(model), private=True)
    here = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    program = "from attn2seq.cli.main import main; import sys; status = main(sys.argv[1:]); "
    done = subprocess.run(
        [sys.executable, "-c", f"{program} print(status, 'torch' in sys.modules)",
         "publish", "hub:me/toy", "--to", "here"],
        cwd=tmp_path, env=os.environ | here | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.endswith("0 False\n")  # nobody waits for torch where nothing is translated
    fetched = content(tmp_path / "here")
    assert fetched["members/other/tgt.model"] == (model / "members/other/tgt.model").read_bytes()
