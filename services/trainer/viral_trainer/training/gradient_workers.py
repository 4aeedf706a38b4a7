"""A batch's gradient in shares, one for each core, process and host.

torch's own threads split single operations and wait for one another some hundred times a step; here a thread goes
through the whole network with its share of the tweets and meets the others once. Losses are summed, not averaged, so
that the shares' gradients add up to the whole batch's, whoever computed them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from viral_trainer.data.examples import Minibatch
from viral_trainer.devices import Device
from viral_trainer.model.dropout import seed_noise
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.training.ranks import Ranks

T = TypeVar("T")
R = TypeVar("R")

# With fewer tweets in a share, Python takes longer than the arithmetic.
FEWEST_TWEETS = 16
# Of an embedding with so many rows a batch touches few.
MANY_ROWS = 5000

SummedLoss = Callable[[Minibatch], Tensor]
"""The loss of some tweets, summed over them."""


class Workers:
    """Computes gradients and logits on `cores` threads, or on a GPU. Use as a context."""

    def __init__(
        self, network: ViralityNetwork, device: Device, cores: int, batch_size: int, ranks: Ranks
    ) -> None:
        self._network, self._device, self._cores, self._ranks = network, device, cores, ranks
        most = max(1, batch_size // ranks.world // FEWEST_TWEETS)
        self._count = 1 if device.is_gpu else min(cores, most)
        self._parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        # All gradients in one piece, the loss behind them: zeroed, summed over ranks and clipped at once.
        sizes = [parameter.numel() for parameter in self._parameters]
        self._sums = torch.zeros(sum(sizes) + 1, device=device.torch)
        self._gradients = self._sums[:-1]
        self._contexts = ExitStack()

    def __enter__(self) -> Self:
        sizes = [parameter.numel() for parameter in self._parameters]
        for parameter, piece in zip(self._parameters, torch.split(self._gradients, sizes), strict=True):
            parameter.grad = piece.view_as(parameter)
        self._contexts.enter_context(_sparse_embeddings(self._network))
        self._contexts.enter_context(_half_stream(self._network, self._device))
        pool = ThreadPoolExecutor(self._count, "worker", self._prepare)
        self._pool = self._contexts.enter_context(pool)
        torch.set_num_threads(self._cores)  # of this thread, which steps the optimizer
        return self

    def __exit__(self, *_: object) -> None:
        self._contexts.close()
        for parameter in self._parameters:
            parameter.grad = None

    def gradient(
        self, batch: Minibatch, loss_of: SummedLoss, scaled: Callable[[Tensor], Tensor], *seeds: int
    ) -> Tensor:
        """Leave the gradient of the batch's mean loss in the parameters' `grad`; the loss, on the device.

        Every rank is given the same batch. Noise follows from the seeds.
        """
        rank, world = self._ranks.rank, self._ranks.world
        # Of fewer tweets than ranks and threads, some get none.
        shares = [slice(rank + world * number, None, world * self._count) for number in range(self._count)]
        shares = [rows for rows in shares if rows.start < len(batch)]

        def of_share(rows: slice) -> tuple[Tensor, Sequence[Tensor | None]]:
            seed_noise(self._device.torch, rows, len(batch), *seeds)
            share = batch.share(rows).on(self._device.torch)
            with torch.autocast(
                self._device.torch.type,
                self._device.half,
                enabled=self._device.half is not None,
                cache_enabled=False,  # each weight is read once; and the cache is every thread's
            ):
                loss = loss_of(share) / len(batch)
            gradients = torch.autograd.grad(scaled(loss), self._parameters, allow_unused=True)
            return loss.detach(), gradients

        self._sums.zero_()
        for loss, gradients in self._pool.map(of_share, shares):
            self._sums[-1] += loss
            for parameter, gradient in zip(self._parameters, gradients, strict=True):
                if gradient is not None and parameter.grad is not None:
                    parameter.grad.add_(gradient)
        self._ranks.add_up(self._sums)
        return self._sums[-1].clone()

    def clip(self, norm: float) -> None:
        """Shorten the gradient to this norm if it is longer."""
        self._gradients.mul_((norm / (self._gradients.norm() + 1e-6)).clamp(max=1.0))

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """The results in the items' order."""
        return list(self._pool.map(work, items))

    def _prepare(self) -> None:
        torch.set_num_threads(max(1, self._cores // self._count))
        if self._device.is_gpu:
            torch.cuda.set_device(self._device.torch)


@contextmanager
def _sparse_embeddings(network: nn.Module) -> Iterator[None]:
    """Gradients of large embeddings come as the rows that were touched: the others' zeros take long to write."""
    large = [m for m in network.modules() if isinstance(m, nn.Embedding) and m.num_embeddings >= MANY_ROWS]
    for embedding in large:
        embedding.sparse = True
    try:
        yield
    finally:
        for embedding in large:
            embedding.sparse = False


@contextmanager
def _half_stream(network: ViralityNetwork, device: Device) -> Iterator[None]:
    """The encoder's activations in the short type from its first layer on.

    Autocast alone leaves them in float32 between the matrix products, and converts them for each anew.
    """

    def shortened(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        return output.to(device.half) if device.half and torch.is_grad_enabled() else None

    hook = network.encoder.embeddings.register_forward_hook(shortened)
    try:
        yield
    finally:
        hook.remove()
