"""A GPT as nanoGPT has it, in PyTorch, trained on the tokens that gomm's PaLM is trained on (main.go starts this program).

    python peer.py CONFIG.json

The architecture is nanoGPT's (GPT-2's): learned positions, pre-norm blocks of causal self-attention and a GELU MLP of 4 times the
width, no biases, dropout, input and output sharing the embedding; initialised from N(0, 0.02), the projections back into the stream
from N(0, 0.02/sqrt(2 layers)). AdamW in two groups, decay for matrices alone, warm-up and cosine, gradients clipped to length 1.

CONFIG.json: train, validation, test (token ids), windows of the last two ([from, first, last]: see gomm's measure "bits"), vocab,
context, layers, heads, width, dropout, batch, steps, warmup, rates (learning rates, of which the best on validation counts),
weight_decay, seed, threads, generate (tokens to write).

It prints lines of JSON: {"rate": …, "validation_nats": …, "test_nats": …, "train_seconds": …, "params": N} for each rate, where nats are
sums over all tokens but the first; and {"generate_seconds": …, "torch": VERSION}.
"""

import itertools
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        width = c["width"]
        self.heads, self.rate = c["heads"], c["dropout"]
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.drop = nn.Dropout(c["dropout"])

    def forward(self, x):
        b, l, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, l, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        z = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.rate if self.training else 0)
        x = x + self.drop(self.proj(z.transpose(1, 2).reshape(b, l, d)))
        return x + self.drop(self.down(F.gelu(self.up(self.norm2(x)))))


class GPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.context = c["context"]
        self.token, self.place = nn.Embedding(c["vocab"], c["width"]), nn.Embedding(c["context"], c["width"])
        self.drop = nn.Dropout(c["dropout"])
        self.blocks = nn.Sequential(*(Block(c) for _ in range(c["layers"])))
        self.norm = nn.LayerNorm(c["width"], bias=False)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                back = name.endswith(("proj.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * c["layers"]) if back else 0.02)

    def forward(self, ids):
        x = self.drop(self.token(ids) + self.place.weight[: ids.shape[1]])
        return F.linear(self.norm(self.blocks(x)), self.token.weight)


def rate_at(step, c, top):
    """The schedule of gomm's trainer: a linear warm-up, then a cosine to 0."""
    if step < c["warmup"]:
        return top * (step + 1) / c["warmup"]
    return top * 0.5 * (1 + math.cos(math.pi * (step - c["warmup"]) / max(1, c["steps"] - c["warmup"])))


def train(c, rate):
    torch.manual_seed(c["seed"])
    model = GPT(c).train()
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decay, "weight_decay": c["weight_decay"]}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=True)
    tokens, length = torch.tensor(c["train"]), c["context"] + 1
    begin = time.perf_counter()
    for step in range(c["steps"]):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, c, rate)
        at = torch.randint(len(tokens) - length + 1, (c["batch"],))
        window = torch.stack([tokens[i : i + length] for i in at.tolist()])
        loss = F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval(), time.perf_counter() - begin


@torch.no_grad()
def nats(model, ids, windows):
    total = 0.0
    by_length = lambda w: w[2] - w[0]  # those of one length, all but a few, are read together
    for length, same in itertools.groupby(sorted(windows, key=by_length), by_length):
        same = list(same)
        for some in (same[i : i + 64] for i in range(0, len(same), 64)):
            pieces = torch.tensor([ids[begin:last] for begin, _, last in some])
            logits = model(pieces[:, :-1])
            each = F.cross_entropy(logits.flatten(0, 1), pieces[:, 1:].flatten(), reduction="none").view(len(some), length - 1)
            total += sum(row[first - begin - 1 :].double().sum().item() for row, (begin, first, _) in zip(each, some))
    return total


@torch.no_grad()
def generate(model, ids, n):
    """As nanoGPT writes: without a cache, by reading the last context tokens again for each."""
    ids = torch.tensor(ids[:1])[None]
    begin = time.perf_counter()
    for _ in range(n):
        p = F.softmax(model(ids[:, -model.context :])[:, -1], -1)
        ids = torch.cat([ids, torch.multinomial(p, 1)], 1)
    return time.perf_counter() - begin


def main():
    with open(sys.argv[1]) as f:
        c = json.load(f)
    torch.set_num_threads(c["threads"])
    for rate in c["rates"]:
        model, seconds = train(c, rate)
        result = {"rate": rate, "train_seconds": seconds, "params": sum(p.numel() for p in model.parameters())}
        for split in ("validation", "test"):
            result[split + "_nats"] = nats(model, c[split], c[split + "_windows"])
        print(json.dumps(result), flush=True)
    print(json.dumps({"generate_seconds": generate(model, c["test"], c["generate"]), "torch": torch.__version__}), flush=True)


main()
