"""The DNA loss costs little more than its two matrix products, and its denominator may be sampled.

Run ``python benchmarks/loss.py``.

The bare products are queries times keys and, for the gradient, weights times keys. In plain
operations, autograd differentiates the loss and PyTorch chooses the product. The released
code's loss multiplies queries and keys by broadcasting; it is timed with few queries and scaled.
"""

from __future__ import annotations

import pandas as pd
import torch
from common import blended, parse, seconds, show, show_machine
from torch import Tensor
from torch.nn.functional import normalize
from torch.profiler import ProfilerActivity, profile

from dnalib.losses import DNALoss
from dnalib.losses.dna import neighborhood_nll
from dnalib.losses.whole_bank import fastest_product
from dnalib.neighbors import build_graph

TEMPERATURE = 0.07


def released_loss(queries: Tensor, keys: Tensor, positives: Tensor) -> Tensor:
    """The released form: broadcast cosine ``(b, n, d)``, exponentials, a mask of positives."""
    cosine = torch.nn.functional.cosine_similarity(queries[:, None], keys[None], dim=2)
    terms = (cosine / TEMPERATURE).exp()
    mask = torch.zeros_like(cosine)
    for row, chosen in enumerate(positives):
        mask[row, chosen[chosen >= 0]] = 1
    log_shares = (terms / terms.sum(1, keepdim=True)).log()
    return -((mask * log_shares).sum(1) / mask.sum(1).clamp(min=1)).mean()


def peak_memory(step) -> float:
    """Return the most MB of tensors that a step held beyond what was there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = pd.Series([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())])
    return float(held.cumsum().max() / 1e6)


def cost(batch: dict[str, Tensor], few: int) -> pd.DataFrame:
    """Return seconds and memory of one forward and backward pass, over the bare products."""
    queries, keys = batch["queries"], batch["keys"]
    plain, loss = queries.detach(), DNALoss(TEMPERATURE)

    def by_mkl():
        return (plain @ keys.T) @ keys

    def bare():
        with fastest_product():
            return by_mkl()

    def in_plain_operations():
        logits = queries @ keys.T / TEMPERATURE
        neighborhood_nll(logits, batch["positives"], batch["self_index"]).backward()
        queries.grad = None

    def ours():
        loss(**batch).backward()
        queries.grad = None

    def released():
        released_loss(queries[:few], keys, batch["positives"][:few]).backward()
        queries.grad = None

    steps = {
        "bare products": bare,
        "bare products, by MKL": by_mkl,
        "DNALoss": ours,
        "in plain operations": in_plain_operations,
        "released form": released,
    }
    table = seconds({n: f for n, f in steps.items() if n != "released form"}, repeats=40)
    table = pd.concat([table, seconds({"released form": released}, repeats=2)])
    table["extra MB"] = pd.Series({name: peak_memory(step) for name, step in steps.items()})
    table.loc["released form"] *= len(queries) / few
    table["ratio"] = table["CPU s"] / table.loc["bare products", "CPU s"]
    return table


def bias(batch: dict[str, Tensor], sizes: list[int], draws: int) -> pd.DataFrame:
    """Return how far the loss with a sampled denominator is from the exact one."""
    exact, exact_gradient = value_and_gradient(DNALoss(TEMPERATURE), batch)
    rows = {}
    for size in sizes:
        loss = DNALoss(TEMPERATURE, sampled_keys=size)
        torch.manual_seed(0)
        values, gradients = zip(*[value_and_gradient(loss, batch) for _ in range(draws)])
        values = torch.stack(values)
        mean = torch.stack(gradients).mean(0)
        rows[f"{size:,}"] = {
            "exact loss": exact.item(),
            "bias": (values.mean() - exact).item(),
            "standard error of it": (values.std() / draws**0.5).item(),
            "spread of one batch": values.std().item(),
            "cosine of one gradient": cosine(gradients[0], exact_gradient),
            "cosine of the mean gradient": cosine(mean, exact_gradient),
        }
    return pd.DataFrame(rows).T.rename_axis("sampled keys")


def value_and_gradient(loss: DNALoss, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the loss and its gradient at the queries."""
    value = loss(**batch)
    return value.detach(), torch.autograd.grad(value, batch["queries"])[0]


def cosine(first: Tensor, second: Tensor) -> float:
    """Return the cosine of two gradients."""
    return float(normalize(first.ravel(), dim=0) @ normalize(second.ravel(), dim=0))


def make_batch(n: int, b: int, k: int) -> dict[str, Tensor]:
    """Return a batch as training has it: noisy views of b texts, a bank, mined positives."""
    features, coarse = blended(n)
    graph = build_graph(features, coarse, k, ("label", "reciprocal"))
    keys = torch.from_numpy(features)
    own = torch.randperm(n, generator=torch.Generator().manual_seed(0))[:b]
    views = normalize(keys[own] + 0.3 / keys.shape[1] ** 0.5 * torch.randn(b, keys.shape[1]))
    return {
        "queries": views.requires_grad_(),
        "keys": keys,
        "positives": torch.from_numpy(graph.positives())[own],
        "self_index": own,
    }


def main() -> None:
    """Print the tables."""
    options = parse(__doc__.splitlines()[0], n=18_000, batch=64, k=120, large=200_000, draws=40)
    n, large = (1500, 3000) if options.quick else (options.n, options.large)
    k, draws = (20, 5) if options.quick else (options.k, options.draws)
    torch.manual_seed(0)
    show_machine()
    table = cost(make_batch(n, options.batch, k), few=4)
    show(f"Loss, forward and backward: B = {options.batch}, N = {n:,}, d = 384, k = {k}", table)
    sizes = [256, 1024] if options.quick else [1024, 4096, 16_384, 65_536]
    for rows in (n, large):
        batch = make_batch(rows, options.batch, k)
        show(
            f"Sampled denominator: N = {rows:,}", bias(batch, [s for s in sizes if s < rows], draws)
        )
    print(f"\nOne key in float32 is {4 * 384:,} bytes; the bank is never copied.")


if __name__ == "__main__":
    main()
