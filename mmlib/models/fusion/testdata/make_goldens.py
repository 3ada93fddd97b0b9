"""Golden values of the layers that fuse texts and pictures, and of image-text matching, from PyTorch: small, random, on the CPU.

    pip install torch==2.15.0 numpy==2.4.6
    python make_goldens.py            # writes fusion.safetensors beside it

The formulas of fusion.go and matching.go, written down once more with PyTorch's layer_norm, linear, gelu, cross_entropy and
scaled_dot_product_attention, in float64; the file holds the results rounded to float32, and running this again gives the same bytes.
D = 8, H = 2, pictures' tokens of width 6; one block for the text and one with cross-attention.

    weight.PATH, the weights by their paths in our models, matrices [in, out]
    ids [6, L], texts with padding, 0; picture [2, S, 6], of which each belongs to three texts; dz [6, L, D], a random gradient
    READING.z [6, L, D], READING.dpicture, READING.dPATH for the READINGs encoder and prefix; prefix [6], tokens that are read as a whole
    captions [3, L]; tokens [3, S, 6]; text, picture_of [3], numbers of the negatives
    matching.logits [9, 2], matching.loss (), matching.dtokens, matching.dPATH
"""

import pathlib
import sys

import numpy as np
import torch
from torch.nn.functional import cross_entropy, embedding, gelu, layer_norm, scaled_dot_product_attention

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

WIDTH, HEADS, MLP, SEEN, VOCAB, CONTEXT, LENGTH, PATCHES, PICTURES, ROWS = 8, 2, 12, 6, 11, 7, 5, 4, 2, 3


def shapes():
    """The paths of all weights, with their shapes."""
    dense = {"attention/qkv": (WIDTH, 3 * WIDTH), "attention/out": (WIDTH, WIDTH), "mlp/in": (WIDTH, MLP), "mlp/out": (MLP, WIDTH)}
    cross = {"cross/query": (WIDTH, WIDTH), "cross/key": (SEEN, WIDTH), "cross/value": (SEEN, WIDTH), "cross/out": (WIDTH, WIDTH)}
    layers = {f"text/block0/{name}": shape for name, shape in dense.items()}
    layers |= {f"fusion/block0/{name}": shape for name, shape in (dense | cross).items()} | {"matching": (WIDTH, 2)}
    norms = ["text/norm_pre", "text/block0/norm1", "text/block0/norm2"]
    norms += ["fusion/block0/norm1", "fusion/block0/norm_cross", "fusion/block0/norm2", "fusion/norm"]
    out = {"text/token": (VOCAB, WIDTH), "text/position": (CONTEXT, WIDTH)}
    for name, shape in layers.items():
        out |= {f"{name}/weights": shape, f"{name}/biases": shape[1:]}
    for name in norms:
        out |= {f"{name}/gain": (WIDTH,), f"{name}/offset": (WIDTH,)}
    return out


class Model:
    def __init__(self, values):
        self.w = {name: torch.from_numpy(v).double().requires_grad_() for name, v in values.items()}

    def norm(self, name, x):
        return layer_norm(x, (WIDTH,), self.w[name + "/gain"], self.w[name + "/offset"], eps=1e-5)

    def dense(self, name, x):
        return x @ self.w[name + "/weights"] + self.w[name + "/biases"]

    def attend(self, name, q, k, v, seen):
        heads = [x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in (q, k, v)]
        z = scaled_dot_product_attention(*heads, attn_mask=None if seen is None else seen[:, None])
        return self.dense(name + "/out", z.transpose(1, 2).flatten(2))

    def block(self, name, x, seen, memory=None):
        qkv = self.dense(name + "/attention/qkv", self.norm(name + "/norm1", x))
        x = x + self.attend(name + "/attention", *qkv.split(WIDTH, -1), seen)
        if memory is not None:
            q = self.dense(name + "/cross/query", self.norm(name + "/norm_cross", x))
            k, v = self.dense(name + "/cross/key", memory), self.dense(name + "/cross/value", memory)
            x = x + self.attend(name + "/cross", q, k, v, None)
        hidden = gelu(self.dense(name + "/mlp/in", self.norm(name + "/norm2", x)), approximate="tanh")
        return x + self.dense(name + "/mlp/out", hidden)

    def fuse(self, ids, memory, prefix=None):
        """Texts [B, L] in sight of as many pictures; causal where there is a prefix."""
        at = torch.arange(LENGTH)
        if prefix is None:
            seen = (at < (ids != 0).sum(1)[:, None])[:, None].expand(-1, LENGTH, -1)
        else:
            seen = (at <= at[:, None]) | (at < prefix[:, None, None])
        x = embedding(ids, self.w["text/token"]) + self.w["text/position"][:LENGTH]
        x = self.block("text/block0", self.norm("text/norm_pre", x), seen)
        return self.norm("fusion/norm", self.block("fusion/block0", x, seen, memory))

    def match(self, captions, tokens, text, picture):
        texts = torch.cat([captions, captions[text], captions])
        pictures = torch.cat([tokens, tokens, tokens[picture]])
        logits = self.dense("matching", self.fuse(texts, pictures)[:, 0])
        labels = torch.tensor([1] * len(captions) + [0] * 2 * len(captions))
        return logits, cross_entropy(logits, labels)

    def gradients(self):
        """The gradients of all weights that have one; the next ones begin at zero."""
        out = {"d" + name: w.grad for name, w in self.w.items() if w.grad is not None}
        for w in self.w.values():
            w.grad = None
        return out


def texts(random, lengths):
    ids = random.integers(1, VOCAB, (len(lengths), LENGTH))
    for row, length in enumerate(lengths):
        ids[row, length:] = 0
    return ids


def main():
    random, out = golden.Random(20262), {}
    values = {}
    for name, shape in shapes().items():
        values[name] = random.normal(*shape, mean=1.0 if name.endswith("gain") else 0.0, std=0.4)
    out |= {"weight." + name: v for name, v in values.items()}
    model = Model(values)

    ids, prefix = texts(random, [5, 2, 4, 3, 1, 5]), np.array([2, 1, 3, 5, 1, 0], "<i8")
    picture, dz = random.normal(PICTURES, PATCHES, SEEN), random.normal(PICTURES * ROWS, LENGTH, WIDTH)
    out |= {"ids": ids, "prefix": prefix, "picture": picture, "dz": dz}
    for reading, given in {"encoder": None, "prefix": torch.from_numpy(prefix)}.items():
        seen = torch.from_numpy(picture).double().requires_grad_()
        z = model.fuse(torch.from_numpy(ids), seen.repeat_interleave(ROWS, 0), given)
        z.backward(torch.from_numpy(dz).double())
        out |= {f"{reading}.{name}": x for name, x in ({"z": z, "dpicture": seen.grad} | model.gradients()).items()}

    captions, tokens = texts(random, [4, 5, 3]), random.normal(3, PATCHES, SEEN)
    text, of = np.array([2, 0, 0], "<i8"), np.array([1, 2, 0], "<i8")
    out |= {"captions": captions, "tokens": tokens, "text": text, "picture_of": of}
    seen = torch.from_numpy(tokens).double().requires_grad_()
    logits, loss = model.match(torch.from_numpy(captions), seen, torch.from_numpy(text), torch.from_numpy(of))
    loss.backward()
    result = {"logits": logits, "loss": loss, "dtokens": seen.grad} | model.gradients()
    out |= {f"matching.{name}": x for name, x in result.items()}

    out = {name: x.detach().numpy() if isinstance(x, torch.Tensor) else x for name, x in out.items()}
    golden.write(here / "fusion.safetensors", out, {"torch": torch.__version__.split("+")[0]})


if __name__ == "__main__":
    main()
