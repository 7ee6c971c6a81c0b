"""Writes the log that `gradspectra report LOG.jsonl` draws, from any PyTorch module with Linear layers."""
import json
import math
import time

import torch
from torch import nn


class Watch:
    def __init__(self, model, path, **header):
        self.linear = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.Linear)]
        self.file, self.start, self.arriving, self.last = open(path, "w"), time.time(), {}, {}
        for _, m in self.linear:  # the gradient that arrives at a Linear's output is that of the pre-activations
            m.register_full_backward_pre_hook(lambda m, grad: self.arriving.update({m: grad[0].norm().item()}))
        layers = [{"layer": l, "name": name, "fan_in": m.in_features, "fan_out": m.out_features}
                  for l, (name, m) in enumerate(self.linear, 1)]
        self.write("header", schema="gradspectra watch 1", source=f"PyTorch {torch.__version__}", layers=layers, **header)

    def write(self, kind, **fields):  # JSON knows no NaN and no infinity: null
        fields = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()}
        self.file.write(json.dumps({"kind": kind, **fields}) + "\n")
        self.file.flush()

    def step(self, step, loss, optimizer):
        """In place of optimizer.step(), after loss.backward(), at the steps that are to be recorded."""
        norm = lambda tensor: None if tensor is None else tensor.detach().double().norm().item()
        before = [m.weight.detach().clone() for _, m in self.linear]
        total = math.hypot(*(norm(p.grad) for _, m in self.linear for p in m.parameters() if p.grad is not None))
        optimizer.step()
        self.write("step", step=step, loss=loss.item(), learning_rate=optimizer.param_groups[0]["lr"],
                   grad_norm=total, seconds=time.time() - self.start)
        for layer, ((_, m), old) in enumerate(zip(self.linear, before), 1):
            update, weight = m.weight.detach() - old, norm(old)
            cosine = torch.cosine_similarity(update.flatten(), self.last[m].flatten(), 0).item() if m in self.last else None
            self.last[m] = update
            self.write("layer", step=step, layer=layer, weight_grad_norm=norm(m.weight.grad),
                       bias_grad_norm=norm(m.bias.grad) if m.bias is not None else None,
                       pre_activation_grad_norm=self.arriving.get(m), weight_norm=weight, update_norm=norm(update),
                       update_ratio=norm(update) / weight if weight else None, update_cosine=cosine)


def demo(path="pytorch_log.jsonl", steps=2000):
    """Twelve tanh layers on scikit-learn's digits: at first, layer 1 gets a hundredth of the gradient of layer 12.

    tests/data/pytorch_log.jsonl is what this wrote, with PyTorch 2.15 on one thread of a CPU.
    """
    from sklearn.datasets import load_digits

    torch.manual_seed(1)
    x, y = (torch.tensor(a) for a in load_digits(return_X_y=True))
    x = x.float() / 16
    widths = [64] + 11 * [48] + [10]
    model = nn.Sequential(*(part for a, b in zip(widths, widths[1:]) for part in (nn.Linear(a, b), nn.Tanh())))[:-1]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    watch = Watch(model, path, name="digits, 12 tanh layers", steps=steps, batch=128, precision="f32", seed=1,
                  loss="cross entropy, mean", optimizer="Adam, lr 0.001", data="scikit-learn digits, 1797 of 8 x 8")
    recorded = {0, steps - 1} | {round(10 ** (k / 17)) for k in range(60)}
    for step in range(steps):
        batch = torch.randint(len(x), (128,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        watch.step(step, loss, optimizer) if step in recorded else optimizer.step()
        if step + 1 == steps or step % 250 == 0:
            with torch.no_grad():
                output = model(x)
            accuracy = (output.argmax(1) == y).double().mean().item()
            watch.write("evaluation", step=step + 1, train_loss=nn.functional.cross_entropy(output, y).item(),
                        train_accuracy=accuracy)
    watch.write("end", step=steps, reason="finished")


if __name__ == "__main__":
    demo()
