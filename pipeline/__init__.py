"""The stages, and the commands beside them."""

import time

# Before any other code of the project is read; see attn2seq.workspace.stage.
BEGUN = time.time()
