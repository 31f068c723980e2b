"""Proves and measures the GPU path on a bare machine in one call: docs/gpu.md says how."""

from benchmarks.machine import ROOT

CARRIED = ROOT / ".gpu"  # what carry.py has put together
PLACES = ROOT / ".cache" / "gpu"  # workspaces that the parts make
