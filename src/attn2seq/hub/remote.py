"""The Hugging Face hub, by its own library: where models are fetched from and pushed to.

HF_ENDPOINT names another server of the same interface, HF_TOKEN holds an account's token, and what
was fetched once is in the library's cache, in HF_HOME.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from attn2seq.config import plain
from attn2seq.errors import UserError
from attn2seq.model.config_file import FILES, MEMBERS
from attn2seq.model_folder import ModelFolder, read_model_folder
from attn2seq.packaging import CARD

SCHEME = "hub:"
NAME = r"[\w.-]+/[\w.-]+"
ADDRESS = re.compile(rf"{SCHEME}({NAME})(?:@([\w./-]+))?")
TOKEN = "HF_TOKEN"
# What a model folder has; whatever else a repository holds is not fetched.
WANTED = [*FILES, *(f"{MEMBERS}/*/{name}" for name in FILES), CARD]


@dataclass(frozen=True)
class Pushed:
    """What a repository holds now."""

    commit: str
    private: bool


def model_from_hub(address: str) -> ModelFolder:
    """The model folder at `hub:<owner>/<name>` or `hub:<owner>/<name>@<commit, tag or branch>`.

    Raises UserError.
    """
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise UserError(
            f"{plain(address)} is no address of a model: hub:<owner>/<name>, or "
            "hub:<owner>/<name>@<commit, tag or branch>"
        )
    name, revision = found.groups()
    remedy = (
        "The library's cache lacks it, too. Where there is no network, copy the model's folder and "
        "name that, or name a mirror in HF_ENDPOINT"
    )
    ours = version("attn2seq")
    with _answering(address, remedy):
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils.tqdm import tqdm

        class Bar(tqdm):
            """Shown in a terminal alone."""

            def __init__(self, *args: object, **options: object) -> None:
                options = {"disable": None} | options
                super().__init__(*args, **options)  # type: ignore[no-untyped-call]

        folder = snapshot_download(
            name,
            revision=revision,
            allow_patterns=WANTED,
            token=os.environ.get(TOKEN) or False,
            tqdm_class=Bar,
            library_name="attn2seq",
            library_version=ours,
        )
    return read_model_folder(Path(folder))


def push(folder: Path, name: str, public: bool) -> Pushed:
    """Put the files of the folder into the repository `<owner>/<name>`, in one commit.

    A new repository is private unless it may be public. One that is there keeps its visibility and
    its further files, but for ensemble members that the folder lacks. Raises UserError, also where
    it is public without leave.
    """
    if not re.fullmatch(NAME, name):
        raise UserError(f"{plain(name)} is no repository's name: <owner>/<name>")
    token = os.environ.get(TOKEN)
    if not token:
        raise UserError(
            f"pushing needs {TOKEN} in the environment: a token that may write, from "
            "https://huggingface.co/settings/tokens"
        )
    ours = version("attn2seq")
    with _answering(f"{SCHEME}{name}", "No file there has changed: run it again"):
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars

        if not sys.stderr.isatty():
            disable_progress_bars()
        api = HfApi(token=token, library_name="attn2seq", library_version=ours)
        api.create_repo(name, private=not public, exist_ok=True)
        there = api.model_info(name)
        if not public and not there.private:
            raise UserError(f"{name} is there already, and public: --public allows that")
        files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        gone = [
            file.rfilename
            for file in there.siblings or []
            if file.rfilename.startswith(f"{MEMBERS}/") and file.rfilename not in files
        ]
        done = api.create_commit(
            name,
            [
                *(CommitOperationAdd(path, file) for path, file in files.items()),
                *(CommitOperationDelete(path) for path in gone),
            ],
            commit_message=f"Model published by attn2seq {ours}",
        )
    return Pushed(str(done.oid), bool(there.private))


@contextmanager
def _answering(address: str, remedy: str) -> Iterator[None]:
    """Whatever the hub or its library raises becomes a UserError; the remedy is that without an
    answer.
    """
    if find_spec("huggingface_hub") is None:
        raise UserError(
            f"{address} needs the package huggingface-hub, which is not installed here: "
            "pip install 'attn2seq[hub]'"
        )
    from huggingface_hub import constants, errors

    server = plain(constants.ENDPOINT)
    try:
        yield
    except UserError:
        raise
    except errors.RevisionNotFoundError:
        raise UserError(f"{address}: {server} has the model, but no such revision") from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"{address}: {server} has no such model, or it is private and {TOKEN} holds no token "
            "that may read it"
        ) from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        told = plain(error.server_message or error.response.reason_phrase)
        hint = f". May the token in {TOKEN} do this?" if status in (401, 403) else ""
        raise UserError(f"{address}: {server} answered {status}: {told}{hint}") from None
    except ValueError as error:  # a name or metadata that it does not take
        raise UserError(f"{address}: {' '.join(str(error).split())}") from None
    except Exception as error:  # of the network, of many kinds
        raise UserError(
            f"{address}: no answer from {server} ({type(error).__name__}). {remedy}"
        ) from None
