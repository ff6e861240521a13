"""Networks so deep that rounding grows beyond TOLERANCE on the way: is lockstep's of the
size of PyTorch's own in single precision? Both are compared with PyTorch in double
precision, with the same weights and images.

A relu whose input is rounded to the other side of zero changes gradients by far more than
rounding does, and there are thousands of them, in other places on each side. So it is not
each tensor that is compared, but the worst and the median of all.
"""

import torch

import lockstep
from agreement import Agreement, load, scales_of
from compare import TOLERANCE, compare

FACTOR = 3
MOST = 0.1  # with errors above, PyTorch's gradients would allow anything


def errors(found, exact):
    """{name: root mean square of the difference, relative to the tensor's scale}."""
    assert set(found) == set(exact) and exact
    scales = scales_of(exact)
    return {name: float((found[name] - exact[name]).pow(2).mean().sqrt()) / scales[name]
            for name in exact}


def compare_errors(what, ours, single, exact):
    ours, single = errors(ours, exact), errors(single, exact)
    assert max(single.values()) < MOST, f"{what}: single precision is not enough"
    for which, place in ("median", len(exact) // 2), ("worst", -1):
        mine, theirs = sorted(ours.values())[place], sorted(single.values())[place]
        name = next(name for name in ours if ours[name] == mine)
        print(f"  {what:20} {which:6} {mine:.2e}, PyTorch's {theirs:.2e} ({name})")
        assert mine <= FACTOR * theirs, f"{what}: {name} is rounded more than by PyTorch"


class Rounding(Agreement):
    """The first step, from the initial weights."""

    decay = 0

    def step_in(self, precision, state):
        """Loss, gradients and running statistics after the step."""
        self.net.to(precision)
        self.x = self.x.to(precision)
        load(self.net, state)
        loss, _ = self.step(0)
        gradients = {name: value.grad.double() for name, value in self.parameters.items()}
        statistics = {name: value.double() for name, value in self.net.state_dict().items()
                      if "running_" in name}
        return loss, gradients, statistics

    def check(self):
        begin = lockstep.tensors(self.train("as-begun", 1, **{"optim.lr": 0})[0])
        after = self.train("as-stepped", 1)[0]
        state = {name: value.clone() for name, value in self.net.state_dict().items()}
        state |= {name: begin[name] for name in self.parameters}
        exact = self.step_in(torch.float64, state)
        single = self.step_in(torch.float32, state)
        compare("loss", lockstep.history(after, "loss")[-1], exact[0], TOLERANCE * exact[0])
        velocity, weights = lockstep.tensors(after, "optimizer/momentum"), lockstep.tensors(after)
        ours = {name: velocity[name] for name in self.parameters}
        compare_errors("gradients", ours, single[1], exact[1])
        ours = {name: weights[name] for name in exact[2]}
        compare_errors("running statistics", ours, single[2], exact[2])
