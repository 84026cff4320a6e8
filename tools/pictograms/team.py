"""Several single-threaded processes that train one model, each with its share of every batch.

Faster than one process with several threads: small layers spend much of their time waiting for each other's threads.
"""

import datetime
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed
import torch.multiprocessing


@dataclass
class Team:
    rank: int
    size: int

    @property
    def leads(self) -> bool:
        """The first member reports and saves."""
        return self.rank == 0

    def share(self, counts: dict[str, int]) -> dict[str, int]:
        return {name: count // self.size for name, count in counts.items()}

    def average_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        flat /= self.size
        pieces = flat.split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [piece.view_as(gradient) for piece, gradient in zip(pieces, gradients)])

    def wait(self) -> None:
        """Until all members are here."""
        if self.size > 1:
            torch.distributed.barrier()


def _member(rank: int, size: int, meeting: Path, work: Callable[[Team], None]) -> None:
    torch.set_num_threads(1)
    if size > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=size, timeout=datetime.timedelta(hours=2)
        )
    work(Team(rank, size))


def assemble(size: int, folder: Path, work: Callable[[Team], None]) -> None:
    """Runs `work` once in every process of a team."""
    if size == 1:
        return _member(0, 1, folder, work)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit, unlike a kill, ends the others as well
    meeting = folder.resolve() / f"meeting-{os.getpid()}"
    try:
        torch.multiprocessing.spawn(_member, (size, meeting, work), nprocs=size, daemon=True)
    finally:
        meeting.unlink(missing_ok=True)
