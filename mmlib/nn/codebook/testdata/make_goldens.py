"""Golden values of a step of the dVAE and of the VQ-VAE, from PyTorch: small, random, on the CPU.

    pip install torch==2.15.0 numpy==2.4.6
    python make_goldens.py            # writes autoencoder.safetensors beside it

The formulas of autoencoder.go, codebook.go and relax.go, written down once more with PyTorch's layer_norm, gelu, log_softmax, mse_loss,
gumbel noise of given uniform numbers and scaled_dot_product_attention, in float64; the file holds the results rounded to float32, and
running this again gives the same bytes. Pictures of 4×4 pixels, 4 codes of 5 each; D = 8, H = 2, one block in each transformer.

    weight.PATH, the weights by their paths in our models, matrices [in, out]; METHOD.weight.PATH where the methods differ
    x [3, 4, 4, 1], pictures; u [3, 4, 5], uniform numbers
    METHOD.codes [3, 4], METHOD.back [3, 4, 4, 1], METHOD.loss (), METHOD.dPATH for the METHODs relaxed and vq
"""

import pathlib
import sys

import numpy as np
import torch
from torch.nn.functional import gelu, layer_norm, log_softmax, mse_loss, normalize, scaled_dot_product_attention

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

WIDTH, HEADS, MLP, CODES, VECTOR, PATCH, GRID, BATCH = 8, 2, 12, 5, 3, 2, 2, 3
TAU, DIVERGENCE, COMMITMENT = 0.7, 0.3, 0.25


def shapes(method):
    """The paths of all weights, with their shapes."""
    block = {"attention/qkv": (WIDTH, 3 * WIDTH), "attention/out": (WIDTH, WIDTH), "mlp/in": (WIDTH, MLP), "mlp/out": (MLP, WIDTH)}
    layers = {f"{side}/block0/{name}": shape for side in ("encoder", "decoder") for name, shape in block.items()}
    layers |= {"encoder/patch": (PATCH * PATCH, WIDTH), "encoder/out": (WIDTH, CODES if method == "relaxed" else VECTOR)}
    layers |= {"decoder/in": (VECTOR, WIDTH), "decoder/out": (WIDTH, PATCH * PATCH)}
    out = {f"{side}/position": (GRID * GRID, WIDTH) for side in ("encoder", "decoder")}
    for name, shape in layers.items():
        out |= {f"{name}/weights": shape, f"{name}/biases": shape[1:]}
    for side in ("encoder", "decoder"):
        for name in (f"{side}/block0/norm1", f"{side}/block0/norm2", f"{side}/norm"):
            out |= {f"{name}/gain": (WIDTH,), f"{name}/offset": (WIDTH,)}
    return out | {"codebook/means" if method == "relaxed" else "codebook/vectors": (CODES, VECTOR)}


class Model:
    def __init__(self, values):
        self.w = {name: torch.from_numpy(v).double().requires_grad_() for name, v in values.items()}

    def norm(self, name, x):
        return layer_norm(x, (WIDTH,), self.w[name + "/gain"], self.w[name + "/offset"], eps=1e-5)

    def dense(self, name, x):
        return x @ self.w[name + "/weights"] + self.w[name + "/biases"]

    def stack(self, side, x):
        x = x + self.w[side + "/position"]
        block = side + "/block0"
        qkv = self.dense(block + "/attention/qkv", self.norm(block + "/norm1", x)).split(WIDTH, -1)
        z = scaled_dot_product_attention(*(y.unflatten(-1, (HEADS, -1)).transpose(1, 2) for y in qkv))
        x = x + self.dense(block + "/attention/out", z.transpose(1, 2).flatten(2))
        x = x + self.dense(block + "/mlp/out", gelu(self.dense(block + "/mlp/in", self.norm(block + "/norm2", x)), approximate="tanh"))
        return self.norm(side + "/norm", x)

    def encode(self, x):
        patches = (2 * x - 1).reshape(BATCH, GRID, PATCH, GRID, PATCH).transpose(2, 3).reshape(BATCH, GRID * GRID, PATCH * PATCH)
        return self.dense("encoder/out", self.stack("encoder", self.dense("encoder/patch", patches)))

    def decode(self, e):
        pixels = self.dense("decoder/out", self.stack("decoder", self.dense("decoder/in", e))) + 0.5
        return pixels.reshape(BATCH, GRID, GRID, PATCH, PATCH).transpose(2, 3).reshape(BATCH, GRID * PATCH, GRID * PATCH, 1)

    def relaxed(self, x, u):
        logits = self.encode(x)
        y = torch.softmax((logits - torch.log(-torch.log(u))) / TAU, -1)
        back, logq = self.decode(y @ self.w["codebook/means"]), log_softmax(logits, -1)
        kl = (logq.exp() * (logq + np.log(CODES))).sum(-1).mean()
        return logits.argmax(-1), back, mse_loss(back, x) + DIVERGENCE * kl

    def vq(self, x, _):
        z, vectors = normalize(self.encode(x), dim=-1), self.w["codebook/vectors"].detach()
        codes = torch.cdist(z, vectors).argmin(-1)
        e = vectors[codes]
        back = self.decode(z + (e - z).detach())
        return codes, back, mse_loss(back, x) + COMMITMENT * mse_loss(z, e)


def main():
    random = golden.Random(2021)
    x, u = random.normal(BATCH, 4, 4, 1, mean=0.5, std=0.3), random.state.uniform(0.01, 0.99, (BATCH, GRID * GRID, CODES)).astype("<f4")
    out = {"x": x, "u": u}
    for method in ("relaxed", "vq"):
        values = {}
        for name, shape in shapes(method).items():
            values[name] = random.normal(*shape, mean=1.0 if name.endswith("gain") else 0.0, std=0.4)
        out |= {f"{method}.weight.{name}": v for name, v in values.items()}
        model = Model(values)
        codes, back, loss = getattr(model, method)(torch.from_numpy(x).double(), torch.from_numpy(u).double())
        loss.backward()
        out |= {f"{method}.codes": codes, f"{method}.back": back, f"{method}.loss": loss}
        out |= {f"{method}.d{name}": w.grad for name, w in model.w.items() if w.grad is not None}
    out = {name: a.detach().numpy() if isinstance(a, torch.Tensor) else a for name, a in out.items()}
    golden.write(here / "autoencoder.safetensors", out, {"torch": torch.__version__.split("+")[0]})


if __name__ == "__main__":
    main()
