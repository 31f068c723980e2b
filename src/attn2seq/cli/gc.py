"""Lists what the caches can spare, asks, and removes it."""

import sys
import textwrap
from collections.abc import Iterable

from attn2seq.runs.caches import Heap, heaps_of, holdings, readable, remove
from attn2seq.workspace.stage import main_root

COLUMNS = 80


def make_room(yes: bool, interrupted_too: bool) -> None:
    """List what can go, ask unless `yes`, and remove it. Raises UserError."""
    root = main_root()
    heaps = heaps_of(root, interrupted_too)
    print("\n".join(table(heaps)))
    stay = f"These stay: {', '.join(holdings(root))}."
    print(textwrap.fill(stay, COLUMNS, subsequent_indent="  "))
    if not any(heap.paths for heap in heaps) or not _agreed(yes):
        return
    freed = sum(heap.size for heap in heaps)
    remove(root, heaps)
    print(f"removed: {readable(freed)}")


def table(heaps: Iterable[Heap]) -> list[str]:
    """A line a heap, and the sum."""
    heaps = list(heaps)
    everything = Heap("all of it", tuple(path for heap in heaps for path in heap.paths))
    lines = [f"{'what can go':42}{'number':>8}{'frees':>12}"]
    return lines + [
        f"{heap.what:42}{len(heap.paths):>8,}{readable(heap.size):>12}"
        for heap in (*heaps, everything)
    ]


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        print("Nothing was removed: run `make gc YES=1` to remove it.")
        return False
    return input("Remove it? [y/N] ").strip().lower() in ("y", "yes")
