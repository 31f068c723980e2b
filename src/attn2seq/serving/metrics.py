"""What Prometheus may ask of the server."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """One server's figures."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # processor time, memory, open files
        self.requests = Counter(
            "attn2seq_requests", "Requests to /invocations, by the answer's status.", ["status"],
            registry=registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "attn2seq_request_seconds", "From a request's head to its answer.",
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.in_progress = Gauge(
            "attn2seq_requests_in_progress", "Requests without an answer yet.", registry=registry
        )
        self.waiting_texts = Gauge(
            "attn2seq_waiting_texts", "Texts that are not being decoded yet.", registry=registry
        )
        self.batch_texts = Histogram(
            "attn2seq_batch_texts", "Texts decoded together.", buckets=TEXTS, registry=registry
        )
        self.batch_seconds = Histogram(
            "attn2seq_batch_seconds", "To decode a batch.", buckets=SECONDS, registry=registry
        )

    def observe_batch(self, texts: int, seconds: float) -> None:
        """Count a batch that was decoded."""
        self.batch_texts.observe(texts)
        self.batch_seconds.observe(seconds)
