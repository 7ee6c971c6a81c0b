"""Writes training_torch.json: trajectories of torch.optim on small networks, for tests/training.rs.

    python tests/data/training_torch.py

Initial weights and data are drawn by torch; the order of the mini-batches is the library's own, printed by the ignored test
`print_the_order_of_the_mini_batches`. Clipping by the norm is written out here as g min(1, c / |g|): torch.nn.utils.clip_grad_norm_ divides
by |g| + 1e-6, and has a case of its own. Schedulers: StepLR, ExponentialLR, LinearLR and CosineAnnealingLR have the library's conventions with
total_iters = T_max = steps - warmup; the warm-up is LinearLR(1 / warmup, total_iters = warmup - 1) in a SequentialLR with its milestone
at `warmup`.
"""

import json
import os
import platform

import torch

# One line a step: seed 7, 15 samples, batches of 4.
BATCHES = [
    [11, 9, 5, 7], [10, 2, 0, 3], [4, 12, 13, 6], [10, 2, 13, 6], [9, 12, 14, 0], [1, 4, 11, 3],
    [12, 2, 9, 10], [7, 8, 13, 11], [1, 6, 4, 0], [13, 8, 2, 0], [6, 1, 9, 11], [3, 7, 10, 5],
    [14, 12, 9, 0], [6, 7, 1, 2], [13, 11, 3, 8], [1, 13, 9, 4], [5, 2, 8, 3], [14, 11, 6, 12],
    [12, 13, 8, 9], [14, 11, 4, 5], [1, 2, 0, 3], [3, 2, 12, 5], [0, 4, 7, 9], [10, 1, 8, 14],
    [6, 4, 7, 8], [9, 11, 2, 3], [5, 13, 10, 0], [10, 7, 13, 3], [9, 6, 2, 1], [4, 12, 0, 8],
]


def problem(name, activation, widths, samples, bias, classes, batches):
    layers = []
    for fan_in, fan_out in zip(widths[:-1], widths[1:]):
        weight = torch.randn(fan_out, fan_in, dtype=torch.float64) * (1.4 / fan_in) ** 0.5
        layers.append({"weight": weight, "bias": torch.randn(fan_out, dtype=torch.float64) * 0.2 if bias else None})
    made = {"name": name, "activation": activation, "seed": 7, "batches": batches, "layers": layers}
    # Rounded to single precision, so that the f32 cases begin with the same numbers.
    made["inputs"] = torch.randn(samples, widths[0], dtype=torch.float32).double()
    made["targets"] = None if classes else torch.randn(samples, widths[-1], dtype=torch.float32).double()
    made["labels"] = torch.randint(widths[-1], (samples,)) if classes else None
    for layer in layers:
        layer["weight"] = layer["weight"].float().double()
        layer["bias"] = layer["bias"].float().double() if bias else None
    return made


def run(problem, optimizer, train, steps, scheduler=None, clip=None, dtype=torch.float64):
    modules = []
    for layer in problem["layers"]:
        fan_out, fan_in = layer["weight"].shape
        linear = torch.nn.Linear(fan_in, fan_out, bias=layer["bias"] is not None, dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(layer["weight"])
            if layer["bias"] is not None:
                linear.bias.copy_(layer["bias"])
        modules += [linear, {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[problem["activation"]]()]
    net = torch.nn.Sequential(*modules[:-1])
    optimizer = optimizer(net.parameters())
    scheduler = scheduler(optimizer) if scheduler else None
    losses = []
    for step in range(steps):
        chosen = problem["batches"][step] if problem["batches"] else list(range(len(problem["inputs"])))
        outputs = net(problem["inputs"][chosen].to(dtype))
        if problem["labels"] is not None:
            loss = torch.nn.functional.cross_entropy(outputs, problem["labels"][chosen])
        else:
            loss = torch.nn.functional.mse_loss(outputs, problem["targets"][chosen].to(dtype))
        optimizer.zero_grad()
        loss.backward()
        if clip:
            clip(list(net.parameters()))
        optimizer.step()
        if scheduler:
            scheduler.step()
        losses.append(loss.item())
    layers = [
        {"weight": m.weight.double().tolist(), "bias": None if m.bias is None else m.bias.double().tolist()}
        for m in net if isinstance(m, torch.nn.Linear)
    ]
    precision = {torch.float64: "f64", torch.float32: "f32"}[dtype]
    return {"problem": problem["name"], "train": f"steps = {steps}\n{train}", "precision": precision, "losses": losses, "layers": layers}


def clip_norm(bound):
    def clip(parameters):
        norm = torch.sqrt(sum((p.grad ** 2).sum() for p in parameters))
        if norm > bound:
            for p in parameters:
                p.grad.mul_(bound / norm)
    return clip


def sequential(warmup, decay):
    def make(optimizer):
        first = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / warmup, 1.0, warmup - 1)
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [first, decay(optimizer)], [warmup])
    return make


def main():
    torch.manual_seed(20250307)
    torch.set_num_threads(1)
    tanh = problem("tanh", "tanh", [5, 8, 8, 3], 12, False, False, None)
    relu = problem("relu", "relu", [6, 9, 9, 4], 15, True, True, BATCHES)
    o, s, u = torch.optim, torch.optim.lr_scheduler, torch.nn.utils
    cases = []

    def case(name, *arguments, **options):
        cases.append({"name": name, **run(*arguments, **options)})

    # Defaults, and constants that are not.
    for net, lr, steps in [(tanh, 0.05, 40), (relu, 0.1, 30)]:
        at = f"learning_rate = {lr}\noptimizer = "
        case(f"sgd {net['name']}", net, lambda p: o.SGD(p, lr), at + '"sgd"', steps)
        case(f"momentum {net['name']}", net, lambda p: o.SGD(p, lr, momentum=0.9), at + '"momentum"', steps)
        case(f"nesterov {net['name']}", net, lambda p: o.SGD(p, lr, momentum=0.9, nesterov=True), at + '"nesterov"', steps)
        at = "learning_rate = 0.01\noptimizer = "
        case(f"rmsprop {net['name']}", net, lambda p: o.RMSprop(p, 0.01), at + '"rmsprop"', steps)
        case(f"adam {net['name']}", net, lambda p: o.Adam(p, 0.01), at + '"adam"', steps)
        case(f"adamw {net['name']}", net, lambda p: o.AdamW(p, 0.01, weight_decay=0.0), at + '"adamw"', steps)
        at = "learning_rate = 0.02\nweight_decay = 0.05\noptimizer = "
        case(f"sgd decay {net['name']}", net, lambda p: o.SGD(p, 0.02, weight_decay=0.05), at + '"sgd"', steps)
        case(f"momentum 0.7 decay {net['name']}", net, lambda p: o.SGD(p, 0.02, momentum=0.7, weight_decay=0.05),
             at + '{ kind = "momentum", momentum = 0.7 }', steps)
        case(f"nesterov 0.7 decay {net['name']}", net, lambda p: o.SGD(p, 0.02, momentum=0.7, nesterov=True, weight_decay=0.05),
             at + '{ kind = "nesterov", momentum = 0.7 }', steps)
        case(f"rmsprop 0.9 decay {net['name']}", net, lambda p: o.RMSprop(p, 0.02, alpha=0.9, eps=1e-4, weight_decay=0.05),
             at + '{ kind = "rmsprop", alpha = 0.9, epsilon = 1e-4 }', steps)
        case(f"adam 0.8 0.95 decay {net['name']}", net, lambda p: o.Adam(p, 0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.05),
             at + '{ kind = "adam", beta1 = 0.8, beta2 = 0.95, epsilon = 1e-4 }', steps)
        case(f"adamw 0.8 0.95 decay {net['name']}", net, lambda p: o.AdamW(p, 0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.05),
             at + '{ kind = "adamw", beta1 = 0.8, beta2 = 0.95, epsilon = 1e-4 }', steps)

    # Clipping. Initial norms are of the order of one.
    at = 'learning_rate = 0.1\noptimizer = "momentum"\n'
    momentum = lambda p: o.SGD(p, 0.1, momentum=0.9)
    case("clip norm", tanh, momentum, at + "clip_norm = 0.3", 40, clip=clip_norm(0.3))
    case("clip norm, adam", relu, lambda p: o.Adam(p, 0.03), 'learning_rate = 0.03\noptimizer = "adam"\nclip_norm = 0.4', 30, clip=clip_norm(0.4))
    case("clip value", relu, momentum, at + "clip_value = 0.02", 30, clip=lambda p: u.clip_grad_value_(p, 0.02))
    case("clip_grad_norm_", tanh, momentum, at + "clip_norm = 0.3", 40, clip=lambda p: u.clip_grad_norm_(p, 0.3))

    # Schedules.
    at = 'learning_rate = 0.1\noptimizer = "sgd"\nschedule = '
    sgd = lambda p: o.SGD(p, 0.1)
    case("step", tanh, sgd, at + '{ kind = "step", every = 7, gamma = 0.5 }', 40, scheduler=lambda k: s.StepLR(k, 7, 0.5))
    case("exponential", tanh, sgd, at + '{ kind = "exponential", gamma = 0.95 }', 40, scheduler=lambda k: s.ExponentialLR(k, 0.95))
    case("linear", tanh, sgd, at + '{ kind = "linear", last = 0.1 }', 40, scheduler=lambda k: s.LinearLR(k, 1.0, 0.1, 40))
    case("cosine", tanh, sgd, at + '{ kind = "cosine", last = 0.1 }', 40, scheduler=lambda k: s.CosineAnnealingLR(k, 40, eta_min=0.01))
    case("warm-up, constant", relu, sgd, at + "{ warmup = 5 }", 30, scheduler=sequential(5, lambda k: s.ConstantLR(k, 1.0, 1)))
    case("warm-up, step", relu, sgd, at + '{ kind = "step", every = 7, gamma = 0.5, warmup = 5 }', 30,
         scheduler=sequential(5, lambda k: s.StepLR(k, 7, 0.5)))
    case("warm-up, exponential", relu, sgd, at + '{ kind = "exponential", gamma = 0.95, warmup = 5 }', 30,
         scheduler=sequential(5, lambda k: s.ExponentialLR(k, 0.95)))
    case("warm-up, linear", relu, sgd, at + '{ kind = "linear", last = 0.1, warmup = 5 }', 30,
         scheduler=sequential(5, lambda k: s.LinearLR(k, 1.0, 0.1, 25)))
    case("warm-up, cosine", relu, sgd, at + '{ kind = "cosine", warmup = 5 }', 30,
         scheduler=sequential(5, lambda k: s.CosineAnnealingLR(k, 25)))

    # Single precision.
    for name, optimizer in [
        ("sgd", lambda p: o.SGD(p, 0.01)), ("momentum", lambda p: o.SGD(p, 0.01, momentum=0.9)),
        ("nesterov", lambda p: o.SGD(p, 0.01, momentum=0.9, nesterov=True)), ("rmsprop", lambda p: o.RMSprop(p, 0.01)),
        ("adam", lambda p: o.Adam(p, 0.01)), ("adamw", lambda p: o.AdamW(p, 0.01, weight_decay=0.0)),
    ]:
        case(f"{name} in single precision", tanh, optimizer, f'learning_rate = 0.01\noptimizer = "{name}"', 40, dtype=torch.float32)

    def plain(value):
        if isinstance(value, torch.Tensor):
            return value.tolist()
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        return [plain(entry) for entry in value] if isinstance(value, list) else value

    provenance = f"tests/data/training_torch.py, torch {torch.__version__}, {platform.machine()}, one thread"
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "training_torch.json")
    with open(path, "w") as file:
        json.dump({"provenance": provenance, "problems": plain([tanh, relu]), "cases": cases}, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
