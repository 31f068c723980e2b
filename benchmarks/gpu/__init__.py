"""Proves and measures the GPU path on a bare machine in one call: docs/gpu.md says how."""
