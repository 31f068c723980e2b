"""The processes that train or decode together, and what they tell each other.

Each holds the whole model. In training it computes its share of every batch. torch's own variables
say which it is: RANK of WORLD_SIZE, LOCAL_RANK of LOCAL_WORLD_SIZE on its machine, and MASTER_ADDR
and MASTER_PORT, where they meet (https://docs.pytorch.org/docs/stable/elastic/run.html).
"""

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from attn2seq.errors import UserError
from attn2seq.model.drawing import Share

# One that says nothing for so long is given up. One that ends is missed at once.
SILENCE = timedelta(minutes=10)
LOST = "another process of this run ended, or does not answer; what it said tells why"


def _lost(reason: str) -> str:
    return f"{LOST} ({reason})"


@dataclass(frozen=True)
class Ranks:
    """One of `count` processes that work together, counted from 0; by default the only one.

    What is done together has to be done by all, in the same order. A process that is missed ends
    it with a UserError that says what `lost` makes of the library's reason.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # among those on this machine
    local_count: int = 1
    lost: Callable[[str], str] = _lost

    @property
    def is_first(self) -> bool:
        """Whether it is the one that speaks, and writes the results."""
        return self.rank == 0

    def share(self, sentences: int) -> Share | None:
        """What it has of a batch of so many sentences: each `count`-th of them. None: all.

        Sentences of a batch are sorted by length, so these shares are of like size.
        """
        if self.count == 1:
            return None
        idle = self.rank >= sentences
        rows = slice(0, 1) if idle else slice(self.rank, None, self.count)
        return Share(rows, sentences, idle)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by its sum over all processes, in the first one's number type."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.flatten().to(tensors[0].dtype) for tensor in tensors])
        with self._missing_told():
            dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def from_first(self, make: Callable[[], Any]) -> Any:
        """What `make` gives in the first process, in all: tensors, and what plain data holds."""
        return self._from(0, make)

    def from_each(self, value: Any) -> list[Any]:
        """The values of all processes, in all of them: tensors, and what plain data holds."""
        return [self._from(rank, lambda: value) for rank in range(self.count)]

    def _from(self, rank: int, make: Callable[[], Any]) -> Any:
        """What `make` gives in the process of that rank, in all."""
        if self.count == 1:
            return make()
        content, made = torch.empty(0, dtype=torch.uint8), None
        own = self.rank == rank
        if own:
            file = io.BytesIO()
            made = make()
            torch.save(made, file)
            content = torch.frombuffer(file.getbuffer(), dtype=torch.uint8)
        size = torch.tensor([len(content)])
        with self._missing_told():
            dist.broadcast(size, rank)
            if not own:
                content = torch.empty(int(size), dtype=torch.uint8)
            dist.broadcast(content, rank)
        if own:
            return made
        file = io.BytesIO(content.numpy().tobytes())
        return torch.load(file, map_location="cpu", weights_only=True)

    def agree(self, value: Any) -> bool:
        """Whether the value is that of the first process."""
        return bool(self.from_first(lambda: value) == value)

    def named(self, training: str) -> str:
        """The training's name with the number of processes, and of those on a machine: the bytes
        follow from both.
        """
        if self.count == 1:
            return training
        on_each = "" if self.local_count == self.count else f"x{self.local_count}"
        return f"{training}-{self.count}{on_each}"

    def device(self, device: torch.device) -> torch.device:
        """Of GPUs each process takes its own. Raises UserError where there are too few."""
        if device.type != "cuda" or self.count == 1:
            return device
        found = torch.cuda.device_count()
        if self.local_count > found:
            raise UserError(
                f"{self.local_count} processes are to run on this machine, each on a GPU of its "
                f"own, and torch sees {found}: lower processes, or set device to cpu. "
                "A launcher must let each process see all GPUs of its machine"
            )
        own = torch.device("cuda", self.local_rank)
        torch.cuda.set_device(own)
        return own

    def threads(self, wanted: int) -> int:
        """Of the CPU threads of a machine, those of one process."""
        return max(1, wanted // self.local_count)

    @contextmanager
    def met(self, device: torch.device) -> Iterator[None]:
        """Within the block the processes can tell each other something."""
        if self.count == 1:
            yield
            return
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        with self._missing_told():
            dist.init_process_group(backend, timeout=SILENCE)
        yield
        # Not after an error: it could wait for those that are gone.
        dist.destroy_process_group()

    @contextmanager
    def _missing_told(self) -> Iterator[None]:
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise UserError(self.lost(str(error).partition("\n")[0][:200])) from None


ALONE = Ranks()


def launched(
    processes: int, section: str = "train", environment: Mapping[str, str] = os.environ
) -> Ranks | None:
    """What the variables of a launch say; None where this process was not launched as one of many.

    Raises UserError where they do not fit `processes`, as that section of the settings says it.
    """
    if not _is_launched(environment):
        return None
    usual = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    given = {name: environment.get(name, value) for name, value in usual.items()}
    try:
        rank, count, local_rank, local_count = map(int, given.values())
    except ValueError:
        rank, count, local_rank, local_count = -1, 0, -1, 0
    if not 0 <= rank < count or not 0 <= local_rank < local_count:
        said = ", ".join(f"{name}={value}" for name, value in given.items())
        raise UserError(
            f"a launcher's variables contradict each other: {said}. Unset them to do without one"
        )
    if count != processes:
        raise UserError(
            f"{count} processes were launched (WORLD_SIZE), and {section}.processes is "
            f"{processes}: set it to {count}, since the result is recorded under it; or unset RANK "
            "and WORLD_SIZE to do without a launcher"
        )
    return Ranks(rank, count, local_rank, local_count)


def is_helper() -> bool:
    """Whether this process was launched as another than the first."""
    return _is_launched(os.environ) and os.environ["RANK"] != "0"


def _is_launched(environment: Mapping[str, str]) -> bool:
    return "RANK" in environment and "WORLD_SIZE" in environment
