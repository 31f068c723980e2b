"""The stages, and the commands beside them."""

import time

# Before any other code of the project is read; see pipeline.stage.
BEGUN = time.time()
