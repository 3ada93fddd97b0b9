"""Golden values of PaLM's parallel block, from PyTorch: small, random, on the CPU.

    pip install torch==2.15.0 numpy==2.4.6
    python make_parallel_goldens.py            # writes parallel.safetensors beside it

The formulas of parallel.go, written down once more with PyTorch's layer_norm, silu and scaled_dot_product_attention, in float64; the
file holds the results rounded to float32, and running this again gives the same bytes. Two blocks; D = 6, H = 2 heads of queries of
width K = 4 and one head of keys and values, RoPE of base 10,000.

    weight.PATH, the weights by their paths in our models, matrices [in, out]
    x [2, L, D], z [2, L, D]; dz, a random gradient there; dx, dPATH
"""

import pathlib
import sys

import torch
from torch.nn.functional import layer_norm, scaled_dot_product_attention, silu

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

WIDTH, HEADS, K, MLP, LAYERS, BATCH, LENGTH = 6, 2, 4, 5, 2, 2, 7


def shapes():
    """The paths of all weights, with their shapes."""
    block = {"norm/gain": (WIDTH,), "attention/qkv/weights": (WIDTH, (HEADS + 2) * K), "attention/out/weights": (HEADS * K, WIDTH)}
    block |= {"mlp/in/weights": (WIDTH, 2 * MLP), "mlp/out/weights": (MLP, WIDTH)}
    return {f"block{i}/{name}": shape for i in range(LAYERS) for name, shape in block.items()}


def rotate(x):
    """RoPE: x [B, H, L, K]; the two numbers of a point lie half a head apart."""
    theta = 10000.0 ** (-2 * torch.arange(K // 2).double() / K)
    angle = torch.arange(x.shape[2]).double()[:, None] * theta
    a, b = x.chunk(2, -1)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


def block(w, name, x):
    h = layer_norm(x, (WIDTH,), w[name + "/norm/gain"], None, eps=1e-6)
    q, k, v = (h @ w[name + "/attention/qkv/weights"]).split([HEADS * K, K, K], -1)
    q = rotate(q.unflatten(-1, (HEADS, K)).transpose(1, 2))
    k, v = rotate(k[:, None]).expand(-1, HEADS, -1, -1), v[:, None].expand(-1, HEADS, -1, -1)
    z = scaled_dot_product_attention(q, k, v, is_causal=True)
    attended = z.transpose(1, 2).flatten(2) @ w[name + "/attention/out/weights"]
    gate, value = (h @ w[name + "/mlp/in/weights"]).chunk(2, -1)
    return x + attended + (silu(gate) * value) @ w[name + "/mlp/out/weights"]


def main():
    random = golden.Random(2204)
    values = {name: random.normal(*shape, mean=1.0 if name.endswith("gain") else 0.0, std=0.4) for name, shape in shapes().items()}
    w = {name: torch.from_numpy(v).double().requires_grad_() for name, v in values.items()}
    x = torch.from_numpy(random.normal(BATCH, LENGTH, WIDTH)).double().requires_grad_()
    dz = torch.from_numpy(random.normal(BATCH, LENGTH, WIDTH)).double()
    z = x
    for i in range(LAYERS):
        z = block(w, f"block{i}", z)
    z.backward(dz)
    out = {"weight." + name: v for name, v in values.items()} | {"x": x, "z": z, "dz": dz, "dx": x.grad}
    out |= {"d" + name: v.grad for name, v in w.items()}
    out = {name: a.detach().numpy() if isinstance(a, torch.Tensor) else a for name, a in out.items()}
    golden.write(here / "parallel.safetensors", out, {"torch": torch.__version__.split("+")[0]})


if __name__ == "__main__":
    main()
