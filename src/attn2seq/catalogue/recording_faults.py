"""What is wrong with the part `recordings` of a catalogue entry."""

import re

from attn2seq.catalogue.entry import CatalogueEntry
from attn2seq.catalogue.split_faults import split_parts
from attn2seq.config import plain, shown


def recording_faults(entry: CatalogueEntry) -> list[str]:
    """Every fault, each with its key."""
    form = entry.recordings
    if form is None:
        return []
    parts = split_parts(entry)
    readers = {part.reader or entry.reader for part in parts if not part.parts}
    if readers != {"recordings"} or any(part.source for part in parts):
        return ["recordings: sources are all recordings or all texts: remove the other parts"]
    faults = _pattern_faults("line", form.line, {"name", "text"})
    faults += _pattern_faults("speaker", form.speaker, set())
    table = entry.columns is not None
    if table and not entry.delimiter:
        faults.append("delimiter: needed with columns")
    if table and form.line:
        faults.append("recordings.line: give either a pattern of lines, or columns")
    listed = [part for part in parts if part.file]
    if listed and not (table or form.line):
        faults.append(
            "recordings.line: needed to read the lines of splits.train.file, or columns and a "
            "delimiter"
        )
    if form.spelt is not None and (listed or table or form.line):
        faults.append("recordings.spelt: recordings that spell their text have no transcripts")
    if any(len(part) != len(part.strip("_ ")) or not part for part in form.spelt or {}):
        faults.append("recordings.spelt: a part of a name is not empty and has no underscore")
    return faults


def _pattern_faults(key: str, pattern: str | None, groups: set[str]) -> list[str]:
    if pattern is None:
        return []
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return [f"recordings.{key}: {shown(pattern)} is not a valid pattern: {plain(error)}"]
    if groups - compiled.groupindex.keys():
        return [f"recordings.{key}: needs the groups (?P<name>...) and (?P<text>...)"]
    if not compiled.groups:
        return [f"recordings.{key}: needs a group, in parentheses, that is the speaker"]
    return []
