"""A trained model for others: a folder, and where asked for, a repository on the hub."""

import tempfile
from pathlib import Path

from attn2seq.api import find_model
from attn2seq.cli.workspace import as_given, choose_model
from attn2seq.errors import UserError
from attn2seq.hub.folder import write_for_hub
from attn2seq.hub.remote import SCHEME, push


def publish(model: str | None, folder: Path | None, repository: str | None, public: bool) -> None:
    """Write the model to `folder`, push it to `repository`, and say what was done.

    Raises UserError.
    """
    if folder is None and repository is None:
        raise UserError("say where to: --to FOLDER, --push OWNER/NAME, or both")
    if public and repository is None:
        raise UserError("--public goes with --push OWNER/NAME: a folder is as public as its place")
    here = Path.cwd()
    name = choose_model(model)
    with tempfile.TemporaryDirectory() as scratch:
        found = find_model(name, Path(scratch, "fetched"))
        target = Path(scratch, "published") if folder is None else as_given(folder, here)
        address = None if repository is None else f"{SCHEME}{repository}"
        written = write_for_hub(found, target, address)
        if folder is not None:
            print(f"{folder}: {written.files} files, {written.megabytes:.1f} MB")
        print(
            f"licence in the card: {written.licence}. It is the corpus's unless you wrote another: "
            "check that it lets you share the model"
        )
        if repository is not None:
            pushed = push(target, repository, public)
            print(f"{address}@{pushed.commit}: {'private' if pushed.private else 'public'}")
