"""How long a completion waits for MLflow from within the pipeline."""

import os
import threading

from attn2seq.runs import Completed, RunRecord, Store, TrackingUnavailableError
from attn2seq.tracking import Tracker
from pipeline.outage import Outage

# Seconds for a completion as a whole, and for one answer; and the same after an outage.
WHOLE_S, ANSWER_S = 100.0, 20
WHOLE_AFTER_OUTAGE_S, ANSWER_AFTER_OUTAGE_S = 20.0, 3


def complete_within_limits(record: RunRecord, store: Store, outage: Outage) -> Completed | None:
    """`Tracker.complete`, bounded; None where the store did not answer, which is told here.

    Past the limit as a whole it ends this process, with status 0: a request may never end.
    """
    known = outage.known
    limit = threading.Timer(WHOLE_AFTER_OUTAGE_S if known else WHOLE_S, _leave, [outage])
    limit.daemon = True
    limit.start()
    try:
        tracker = Tracker(store, ANSWER_AFTER_OUTAGE_S if known else ANSWER_S)
        completed = tracker.complete(record)
    except TrackingUnavailableError as error:
        outage.tell(str(error))
        return None
    finally:
        limit.cancel()
    outage.over()
    return completed


def _leave(outage: Outage) -> None:
    outage.tell("MLflow is slow")
    os._exit(0)
