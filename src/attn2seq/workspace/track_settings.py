"""Whether runs are shown in MLflow."""

from attn2seq.config import Settings


class TrackSettings(Settings):
    """Tracking changes no result: it is no part of any fingerprint."""

    enabled: bool
    # whether the stages add their run to MLflow while they run; `make track` does so in any case
    system_metrics: bool
    # while it trains, also show how busy processor, memory, disk, network and GPU are
