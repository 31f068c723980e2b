"""How long a completion waits for MLflow from within the pipeline."""

import os
import threading

from attn2seq.runs.mlflow_store import Tracker
from attn2seq.runs.outage import Outage
from attn2seq.runs.record import Completed, RunRecord, Store, TrackingUnavailableError

# Seconds for a completion as a whole, and for one answer; and the same where the run got none.
WHOLE_S, ANSWER_S = 100.0, 20
WHOLE_AFTER_SILENCE_S, ANSWER_AFTER_SILENCE_S = 20.0, 3


def complete_within_limits(record: RunRecord, store: Store, outage: Outage) -> Completed | None:
    """`Tracker.complete`, bounded; None where the store did not answer, which is told here.

    Past the limit as a whole it ends this process, with status 0: a request may never end.
    """
    whole_s, answer_s = WHOLE_S, ANSWER_S
    if outage.no_answer:
        whole_s, answer_s = WHOLE_AFTER_SILENCE_S, ANSWER_AFTER_SILENCE_S
    limit = threading.Timer(whole_s, _leave, [outage])
    limit.daemon = True
    limit.start()
    try:
        completed = Tracker(store, answer_s).complete(record)
    except TrackingUnavailableError as error:
        outage.tell(str(error), no_answer=True)
        return None
    finally:
        limit.cancel()
    outage.over()
    return completed


def _leave(outage: Outage) -> None:
    outage.tell("MLflow is slow", outage.no_answer)
    os._exit(0)
