"""Linear layers in a loop over steps, whose weight gradients are one product after the loop.

A plain layer that is called at each of T steps makes T small products for the gradient of its
weight in the backward pass, and sums T matrices as large as the weight. Here each step only notes
its input and the gradient of its output, and one product over all steps makes the same sum.

Shapes: I input units, O output units; inputs have any leading dimensions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class SharedWeight:
    """A weight, and perhaps a bias, that serve at many steps."""

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None) -> None:
        self._noted: list[tuple[Tensor, Tensor]] = []
        self._weight_OI, self._bias_O = _Collect.apply(  # type: ignore[no-untyped-call]
            weight_OI, bias_O, self._noted
        )

    def __call__(self, inputs: Tensor) -> Tensor:
        """inputs @ weight.T + bias."""
        outputs: Tensor = _Step.apply(  # type: ignore[no-untyped-call]
            inputs, self._weight_OI, self._bias_O, self._noted
        )
        return outputs


class Deferring(nn.Module):
    """A layer that can defer its weight's gradient: while `shared` is set, it uses that."""

    shared: SharedWeight | None = None

    def share(self) -> SharedWeight | None:
        """Its weight for many steps; None where it has no way to defer."""
        raise NotImplementedError


class DeferredLinear(nn.Linear, Deferring):
    """`nn.Linear`, with one product for its weight's gradient within `deferred_gradients`."""

    def forward(self, inputs: Tensor) -> Tensor:
        """As `nn.Linear`."""
        return super().forward(inputs) if self.shared is None else self.shared(inputs)

    def share(self) -> SharedWeight:
        """Of the layer's own weight and bias."""
        return SharedWeight(self.weight, self.bias)


@contextmanager
def deferred_gradients(module: nn.Module) -> Iterator[None]:
    """Within the block the layers in `module` that can defer their weights' gradients do so.

    Without a gradient to compute it changes nothing.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, Deferring)]
    try:
        if torch.is_grad_enabled():
            for layer in layers:
                layer.shared = layer.share()
        yield
    finally:
        for layer in layers:
            layer.shared = None


class _Collect(torch.autograd.Function):
    """The weight and bias themselves; their gradients come from what the steps have noted.

    Its backward runs after that of the last step that uses them; those give no gradient of their
    own.
    """

    @staticmethod
    def forward(
        ctx: Any, weight_OI: Tensor, bias_O: Tensor | None, noted: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor | None]:
        ctx.noted = noted
        ctx.set_materialize_grads(False)  # none come: zeros of the weight's size, made for nothing
        return weight_OI.view_as(weight_OI), None if bias_O is None else bias_O.view_as(bias_O)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor, Tensor | None, None]:
        inputs, grads = (torch.cat(part) for part in zip(*ctx.noted, strict=True))
        ctx.noted.clear()
        return grads.t() @ inputs, grads.sum(0) if ctx.needs_input_grad[1] else None, None


class _Step(torch.autograd.Function):
    """A product with the weight, which notes what the weight's gradient is made from."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight_OI: Tensor,
        bias_O: Tensor | None,
        noted: list[tuple[Tensor, Tensor]],
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight_OI)
        ctx.noted = noted
        return F.linear(inputs, weight_OI, bias_O)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        inputs, weight_OI = ctx.saved_tensors
        ctx.noted.append((inputs.flatten(0, -2), grad.flatten(0, -2)))
        return grad @ weight_OI, None, None, None
