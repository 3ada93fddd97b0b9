"""CLIP's training step in PyTorch, eager: what our own step is timed against (main.go starts this program).

    python peer.py CONFIG.json [--check | --tune]

CONFIG.json holds the model as gomm's clip.Config writes it (vision, text, projection, temperature) and what belongs to
the step: batch, distinct (captions that a batch encodes, once each), classes, threads, learning_rate, weight_decay,
beta1, beta2, epsilon, clip_norm.

It reads commands from stdin and answers each with one line of JSON:

    at the start    {"ready": true, "params": N, "torch": VERSION, "threads": N, "optimizer": …, "patches": …}
    step N          N training steps: forward, loss, backward, AdamW   →   {"seconds": S, "loss": L, "steps": N}
    quit            ends the program, as the end of stdin does

--check prints the number of parameters, without making them, and ends. --tune times the choices below and ends.

The architecture, parameter by parameter, is that of gomm's mmlib/models/clip. Where PyTorch offers several ways to the
same numbers the fastest on a CPU is taken (see --tune): AdamW and the form of the patch projection.
"""

import itertools
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
}


class Attention(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):  # [B, L, D]
        b, l, d = x.shape
        q, k, v = self.qkv(x).view(b, l, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)  # [B, H, L, K] each
        z = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(z.transpose(1, 2).reshape(b, l, d))


class Block(nn.Module):
    def __init__(self, c, causal):
        super().__init__()
        self.norm1 = nn.LayerNorm(c["width"], eps=c["layer_norm"])
        self.attention = Attention(c["width"], c["heads"], causal)
        self.norm2 = nn.LayerNorm(c["width"], eps=c["layer_norm"])
        self.mlp_in = nn.Linear(c["width"], c["mlp"])
        self.mlp_out = nn.Linear(c["mlp"], c["width"])
        self.activation = ACTIVATIONS[c["activation"]]

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp_out(self.activation(self.mlp_in(self.norm2(x))))


class Vision(nn.Module):
    def __init__(self, c, patches):
        super().__init__()
        self.patches, self.size, width = patches, c["patch_size"], c["width"]
        grid = c["image_size"] // self.size
        self.patch = nn.Conv2d(c["channels"], width, self.size, stride=self.size, bias=False)
        self.cls = nn.Parameter(torch.randn(width) * width**-0.5)
        self.position = nn.Parameter(torch.randn(1 + grid**2, width) * width**-0.5)
        self.norm_pre = nn.LayerNorm(width, eps=c["layer_norm"])
        self.blocks = nn.Sequential(*(Block(c, causal=False) for _ in range(c["layers"])))
        self.norm_post = nn.LayerNorm(width, eps=c["layer_norm"])

    def forward(self, x):  # [B, C, height, width]
        if self.patches == "conv":
            x = self.patch(x).flatten(2).transpose(1, 2)  # [B, Grid², D]
        else:
            x = F.unfold(x, self.size, stride=self.size).transpose(1, 2)  # [B, Grid², C·size²]
            x = F.linear(x, self.patch.weight.flatten(1))
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.position
        return self.norm_post(self.blocks(self.norm_pre(x))[:, 0])


class Text(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.end_of_text = c["end_of_text"]
        self.token = nn.Parameter(torch.randn(c["vocab"], c["width"]) * 0.02)
        self.position = nn.Parameter(torch.randn(c["context"], c["width"]) * 0.01)
        self.blocks = nn.Sequential(*(Block(c, causal=True) for _ in range(c["layers"])))
        self.norm = nn.LayerNorm(c["width"], eps=c["layer_norm"])

    def forward(self, ids):  # [U, L]
        x = self.blocks(F.embedding(ids, self.token) + self.position)
        end = ids.argmax(-1) if self.end_of_text < 0 else (ids == self.end_of_text).int().argmax(-1)
        return self.norm(x[torch.arange(len(x)), end])


class CLIP(nn.Module):
    def __init__(self, c, patches="conv"):
        super().__init__()
        self.vision, self.text = Vision(c["vision"], patches), Text(c["text"])
        self.image_projection = nn.Linear(c["vision"]["width"], c["projection"], bias=False)
        self.text_projection = nn.Linear(c["text"]["width"], c["projection"], bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / c["temperature"])))

    def forward(self, pictures, ids, caption):
        """Logits [B, B]: ids [U, L] are the distinct captions, each encoded once, caption [B] each picture's own."""
        image = F.normalize(self.image_projection(self.vision(pictures)), dim=-1)
        text = F.normalize(self.text_projection(self.text(ids)), dim=-1)
        return image @ text[caption].T * self.logit_scale.clamp(max=math.log(100)).exp()


def clip_loss(logits, group):
    same = (group[:, None] == group[None, :]).float()
    targets = same / same.sum(1, keepdim=True)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets.T)) / 2


def make_batches(c, count=8):
    """Batches one can learn from: a class is a picture under noise, and its captions hold its number."""
    v, t = c["vision"], c["text"]
    batch, distinct, classes = c["batch"], c["distinct"], c["classes"]
    shape = (v["channels"], v["image_size"], v["image_size"])
    prototypes = torch.randn(classes, *shape)
    batches = []
    for _ in range(count):
        group = torch.randint(classes, (batch,))
        pictures = prototypes[group] + 0.5 * torch.randn(batch, *shape)
        ids = torch.randint(classes, t["vocab"] - 1, (distinct, t["context"]))
        ids[:, 1] = torch.arange(distinct) * classes // distinct  # the class
        ids[:, -1] = t["vocab"] - 1 if t["end_of_text"] < 0 else t["end_of_text"]
        each = distinct // classes
        caption = group * each + torch.randint(each, (batch,))
        batches.append((pictures, ids, caption, group))
    return batches


class Stepper:
    """A model in training."""

    def __init__(self, c, optimizer="fused", patches="conv"):
        torch.manual_seed(c.get("seed", 0))
        self.model = CLIP(c, patches)
        parameters = list(self.model.parameters())
        decayed = [p for p in parameters if p.ndim >= 2]
        others = [p for p in parameters if p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": c["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
            lr=c["learning_rate"], betas=(c["beta1"], c["beta2"]), eps=c["epsilon"], **{optimizer: True},
        )
        self.clip_norm, self.batches = c["clip_norm"], itertools.cycle(make_batches(c))

    def step(self):
        pictures, ids, caption, group = next(self.batches)
        loss = clip_loss(self.model(pictures, ids, caption), group)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip_norm > 0:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        return loss

    def run(self, steps):
        begin = time.perf_counter()
        for _ in range(steps):
            loss = self.step()
        return {"seconds": time.perf_counter() - begin, "loss": loss.item(), "steps": steps}


def count(c):
    with torch.device("meta"):  # shapes without numbers
        return sum(p.numel() for p in CLIP(c).parameters())


def tune(c, rounds=6, steps=20):
    """Times every choice against the others, in turns; the best round counts."""
    choices = list(itertools.product(["foreach", "fused"], ["conv", "unfold"]))
    steppers = {choice: Stepper(c, *choice) for choice in choices}
    best = dict.fromkeys(choices, math.inf)
    for _ in range(rounds):
        for choice, stepper in steppers.items():
            best[choice] = min(best[choice], stepper.run(steps)["seconds"] / steps)
    for choice, seconds in sorted(best.items(), key=lambda item: item[1]):
        print(f"{seconds * 1e3:8.2f} ms/step  optimizer={choice[0]} patches={choice[1]}")


def answer(message):
    print(json.dumps(message), flush=True)


def serve(c):
    optimizer, patches = c.get("optimizer", "fused"), c.get("patches", "conv")
    stepper = Stepper(c, optimizer, patches)
    answer({"ready": True, "params": sum(p.numel() for p in stepper.model.parameters()), "torch": torch.__version__,
            "threads": torch.get_num_threads(), "optimizer": optimizer, "patches": patches})
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if len(words) == 2 and words[0] == "step" and words[1].isdecimal() and int(words[1]) > 0:
            answer(stepper.run(int(words[1])))
        else:
            answer({"error": f"unknown command {line.strip()!r}: use 'step N', N at least 1, or 'quit'"})


def main(arguments):
    if not 1 <= len(arguments) <= 2 or arguments[1:] not in ([], ["--check"], ["--tune"]):
        sys.exit("usage: peer.py CONFIG.json [--check | --tune]")
    with open(arguments[0], encoding="utf-8") as file:
        c = json.load(file)
    torch.set_num_threads(c["threads"])
    if arguments[1:] == ["--check"]:
        print(count(c))
    elif arguments[1:] == ["--tune"]:
        tune(c)
    else:
        serve(c)


if __name__ == "__main__":
    main(sys.argv[1:])
