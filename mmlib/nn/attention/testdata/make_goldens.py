"""Golden values of attention, from PyTorch: small, random, on the CPU.

    pip install torch==2.15.0 numpy==2.4.6
    python make_goldens.py            # writes attention.safetensors and multihead.safetensors beside it

Inputs are float32; PyTorch computes in float64 and the result is rounded to float32, so the files hold the right values
to the last bit or nearly so, and running this again gives the same bytes. "dz" is a random gradient at the output z and
"dNAME" the gradient that PyTorch makes of it at NAME.

attention.safetensors, torch.nn.functional.scaled_dot_product_attention, for each CASE below:
    CASE.q [B, L, H, K], CASE.k, CASE.v [B, S, H, K], CASE.lengths [B] if keys are padded
    CASE.weights [B, H, L, S], CASE.z [B, L, H, K], CASE.dz, CASE.dq, CASE.dk, CASE.dv

multihead.safetensors, torch.nn.MultiheadAttention, D = 8, H = 2, for each CASE below:
    CASE.x [B, L, D], the queries' input; CASE.y [B, S, D], the keys' and values' input (absent: it is x)
    CASE.in_weights [3·D, D], W^Q, W^K and W^V one below the other; CASE.in_biases [3·D]; CASE.out_weights [D, D];
    CASE.out_biases [D]; matrices as PyTorch has them, [out, in]
    CASE.weights [B, H, L, S], CASE.z [B, L, D], CASE.dz, CASE.dx, CASE.dy, CASE.din_weights … CASE.dout_biases
"""

import pathlib
import sys

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

# name: (L, S, causal, lengths)
CASES = {
    "plain": (5, 5, False, None),
    "causal": (5, 5, True, None),
    "padding": (5, 5, False, [5, 2]),
    "causal_padding": (5, 5, True, [3, 1]),
    "cross": (3, 7, False, None),
    "cross_padding": (6, 4, False, [1, 4]),
}
MULTIHEAD = ["plain", "causal", "padding", "cross", "cross_padding"]


def leaf(array):
    return torch.from_numpy(array).double().requires_grad_()


def mask(length, keys, causal, lengths, batch):
    """[B, 1, L, S], true where a query may look."""
    allowed = torch.ones(batch, 1, length, keys, dtype=torch.bool)
    if causal:
        allowed = allowed.tril()
    if lengths is not None:
        allowed &= torch.arange(keys) < torch.tensor(lengths)[:, None, None, None]
    return allowed


def attention(random, length, keys, causal, lengths, batch=2, heads=2, width=4):
    q, k, v = (leaf(random.normal(batch, n, heads, width)) for n in (length, keys, keys))
    dz = torch.from_numpy(random.normal(batch, length, heads, width)).double()
    allowed = mask(length, keys, causal, lengths, batch)

    head_first = [x.transpose(1, 2) for x in (q, k, v)]  # PyTorch has [B, H, L, K]
    if causal and lengths is None:
        z = scaled_dot_product_attention(*head_first, is_causal=True)
    elif lengths is None:
        z = scaled_dot_product_attention(*head_first)
    else:
        z = scaled_dot_product_attention(*head_first, attn_mask=allowed)
    z = z.transpose(1, 2)
    z.backward(dz)

    # PyTorch's function keeps its weights to itself: they come from the formula, which must give the same z.
    scores = head_first[0] @ head_first[1].transpose(2, 3) / width**0.5
    weights = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
    torch.testing.assert_close((weights @ head_first[2]).transpose(1, 2), z, rtol=0, atol=1e-12)

    out = {"q": q, "k": k, "v": v, "weights": weights, "z": z, "dz": dz, "dq": q.grad, "dk": k.grad, "dv": v.grad}
    return arrays(out, lengths)


def multihead(random, length, keys, causal, lengths, cross, batch=2, heads=2, width=8):
    layer = torch.nn.MultiheadAttention(width, heads, batch_first=True, dtype=torch.float64)
    names = {"in_weights": layer.in_proj_weight, "in_biases": layer.in_proj_bias,
             "out_weights": layer.out_proj.weight, "out_biases": layer.out_proj.bias}
    with torch.no_grad():
        for parameter in names.values():
            parameter.copy_(torch.from_numpy(random.normal(*parameter.shape, std=0.5)))
    x = leaf(random.normal(batch, length, width))
    y = leaf(random.normal(batch, keys, width)) if cross else x
    dz = torch.from_numpy(random.normal(batch, length, width)).double()

    blocked = ~mask(length, keys, causal, lengths, batch)  # here true is where a query may *not* look
    blocked = blocked.expand(-1, heads, -1, -1).reshape(batch * heads, length, keys)
    z, weights = layer(x, y, y, attn_mask=blocked, average_attn_weights=False)
    z.backward(dz)

    out = {"x": x, "weights": weights, "z": z, "dz": dz, "dx": x.grad}
    if cross:
        out |= {"y": y, "dy": y.grad}
    out |= names | {"d" + name: parameter.grad for name, parameter in names.items()}
    return arrays(out, lengths)


def arrays(tensors, lengths):
    out = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    if lengths is not None:
        out["lengths"] = np.array(lengths, "<i8")
    return out


def main():
    versions = {"torch": torch.__version__.split("+")[0]}
    random = golden.Random(1706)
    out = {}
    for case, arguments in CASES.items():
        out |= {f"{case}.{name}": a for name, a in attention(random, *arguments).items()}
    golden.write(here / "attention.safetensors", out, versions)
    out = {}
    for case in MULTIHEAD:
        tensors = multihead(random, *CASES[case], cross=case.startswith("cross"))
        out |= {f"{case}.{name}": a for name, a in tensors.items()}
    golden.write(here / "multihead.safetensors", out, versions)


if __name__ == "__main__":
    main()
