"""Train on a batch for which there is no memory; print what a user is told.

python short_of_memory.py FOLDER SEED MIB
"""

import resource
import sys
from pathlib import Path

import torch

from attn2seq.batching.batch import Pairs
from attn2seq.config import read_yaml
from attn2seq.errors import UserError
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings

folder = Path(sys.argv[1])
# A batch of short pairs, for which there is room, and one of long pairs.
write_token_store(folder / "pairs", [[5] * 3] * 64 + [[5] * 300] * 64)
pairs = Pairs(TokenStore(folder / "pairs"), TokenStore(folder / "pairs"))
model = ModelSettings(
    encoder="recurrent", decoder="recurrent", feed_forward_size=64, layer_normalisation="pre",
    decoder_mixing="self_attention",
    cell="lstm", embedding_size=64, encoder_layers=1, encoder_hidden_size=512, bidirectional="all",
    reverse_source=False,
    decoder_layers=1, decoder_hidden_size=1024, bridge="learnt", attention="additive",
    attention_size=1024, attention_heads=1, location_positions=1, coverage=False, copying=False,
    context_into="output", input_feeding=False, readout_from="both", readout_size=64,
    residual=False, embedding_dropout=0.0, layer_dropout=0.0, readout_dropout=0.0,
    variational_dropout=False, tie_embeddings="none", freeze_embeddings=False,
)  # fmt: skip
shipped = read_yaml(Path(__file__).parents[1] / "params.yaml")["train"]
settings = TrainSettings.model_validate(
    shipped
    | {"max_epochs": 9, "batch_tokens": 100_000, "batch_sentences": 64, "max_tokens": 1000}
    | {"seed": int(sys.argv[2]), "evaluate_every_steps": 1, "device": "cpu", "threads": 1}
)
write_token_store(folder / "dev", [[5] * 3])
dev = Pairs(TokenStore(folder / "dev"), TokenStore(folder / "dev"))
torch.set_num_threads(1)
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[3]) * 2**20, resource.RLIM_INFINITY))
with CheckpointFolder(folder / "checkpoints", print) as checkpoints:
    trainer = Trainer(
        Seq2Seq(model, 20, 20), lambda epoch: pairs, dev, settings,
        History(folder / "history.csv"), checkpoints, print,
    )  # fmt: skip
    try:
        trainer.run()
    except UserError as error:
        print(error)
    kept = checkpoints.load()
print("kept:", kept["progress"]["epoch_steps"] if kept else None)
