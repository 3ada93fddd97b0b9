"""Golden values of attention, from PyTorch and JAX: small, random, on the CPU.

    pip install torch==2.15.0 jax==0.10.2 numpy==2.4.6
    python make_goldens.py            # writes the five files below beside it

Inputs are float32; PyTorch and JAX compute in float64 and the result is rounded to float32, so the files hold the right
values to the last bit or nearly so, and running this again gives the same bytes. "dz" is a random gradient at the output z
and "dNAME" the gradient that PyTorch or JAX makes of it at NAME.

attention.safetensors, torch.nn.functional.scaled_dot_product_attention, for each CASE below:
    CASE.q [B, L, H, K], CASE.k, CASE.v [B, S, H, K], CASE.lengths [B] if keys are padded
    CASE.weights [B, H, L, S], CASE.z [B, L, H, K], CASE.dz, CASE.dq, CASE.dk, CASE.dv

multihead.safetensors, torch.nn.MultiheadAttention, D = 8, H = 2, for each CASE below:
    CASE.x [B, L, D], the queries' input; CASE.y [B, S, D], the keys' and values' input (absent: it is x)
    CASE.in_weights [3·D, D], W^Q, W^K and W^V one below the other; CASE.in_biases [3·D]; CASE.out_weights [D, D];
    CASE.out_biases [D]; matrices as PyTorch has them, [out, in]
    CASE.weights [B, H, L, S], CASE.z [B, L, D], CASE.dz, CASE.dx, CASE.dy, CASE.din_weights … CASE.dout_biases

masks.safetensors, shared heads and every mask, for each case of GROUPED (scaled_dot_product_attention with enable_gqa)
and of JAX (jax.nn.dot_product_attention):
    CASE.q [B, L, H, K], CASE.k [B, S, G, K], CASE.v [B, S, G, W], CASE.lengths [B], CASE.prefix [B] if the mask has them
    CASE.z [B, L, H, W], CASE.dz, CASE.dq, CASE.dk, CASE.dv

crossmodal.safetensors, torch.nn.MultiheadAttention with kdim and vdim, D = 8, H = 2, for each case of CROSSMODAL:
    CASE.x [B, L, D]; CASE.y [B, S, D_y]; CASE.values [B, S, D_v] if the values have a sequence of their own
    CASE.query, CASE.key, CASE.value, CASE.out: matrices [out, in]; with _biases, their biases. Where the values are raw,
    PyTorch has the identity for CASE.value, which is not in the file
    CASE.weights [B, H, L, S], CASE.z [B, L, D], CASE.dz, and "d" with each name above

rope.safetensors, the formula of transformers' Llama (apply_rotary_pos_emb and rotate_half), for each case of ROPE:
    CASE.x [B, L, H, K], CASE.positions [B, L] unless they are 0 … L−1; CASE.z [B, L, H, K], CASE.dz, CASE.dx
"""

import pathlib
import sys

import jax
import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "internal" / "golden"))
import golden  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
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

# name: (L, S, H, G, causal, lengths)
GROUPED = {
    "grouped": (5, 5, 4, 2, False, None),
    "grouped_causal": (5, 5, 6, 3, True, None),
    "grouped_cross_padding": (3, 7, 4, 2, False, [7, 2]),
    "multiquery": (5, 5, 3, 1, False, None),
    "multiquery_causal_padding": (5, 5, 4, 1, True, [5, 3]),
}
# name: (H, G, causal, window, prefix, lengths), 6 queries and keys; no row may be masked as a whole, which JAX does not define
JAX = {
    "causal": (2, 2, True, 0, None, None),
    "window": (2, 2, False, 2, None, None),
    "window_one": (2, 2, False, 1, None, None),
    "causal_window": (2, 1, True, 3, None, None),
    "causal_window_padding": (4, 2, True, 3, None, [6, 4]),
    "window_padding": (2, 2, False, 3, None, [4, 6]),
    "lengths": (2, 2, False, 0, None, [1, 5]),
    "prefix": (2, 2, True, 0, [4, 0], None),
    "prefix_padding": (4, 2, True, 0, [2, 5], [3, 6]),
}
# name: (D_y, D_v or None for Y, raw, lengths)
CROSSMODAL = {
    "y": (6, None, False, None),
    "y_padding": (6, None, False, [4, 1]),
    "raw": (8, None, True, None),
    "sequence": (6, 10, False, None),
    "sequence_padding": (6, 10, False, [2, 4]),
    "raw_sequence": (6, 8, True, [3, 4]),
}
# name: (K, base, positions)
ROPE = {
    "start": (8, 10000.0, None),
    "base": (6, 50.0, None),
    "positions": (8, 10000.0, [[7, 8, 9, 10, 11], [0, 3, 1, 1000, 4095]]),
}


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


def grouped(random, length, keys, heads, groups, causal, lengths, batch=2, width=4, value=3):
    q = leaf(random.normal(batch, length, heads, width))
    k = leaf(random.normal(batch, keys, groups, width))
    v = leaf(random.normal(batch, keys, groups, value))
    dz = torch.from_numpy(random.normal(batch, length, heads, value)).double()
    allowed = mask(length, keys, causal, lengths, batch)
    head_first = [x.transpose(1, 2) for x in (q, k, v)]
    z = scaled_dot_product_attention(*head_first, attn_mask=allowed, enable_gqa=True).transpose(1, 2)
    z.backward(dz)
    return arrays({"q": q, "k": k, "v": v, "z": z, "dz": dz, "dq": q.grad, "dk": k.grad, "dv": v.grad}, lengths)


def masked(random, heads, groups, causal, window, prefix, lengths, batch=2, length=6, width=4):
    inputs = {name: random.normal(batch, length, h, width).astype("<f8") for name, h in
              (("q", heads), ("k", groups), ("v", groups))}
    dz = random.normal(batch, length, heads, width).astype("<f8")
    arguments = {}
    if window:
        arguments["local_window_size"] = (window - 1, 0 if causal else window - 1)
    if lengths is not None:
        arguments["key_value_seq_lengths"] = np.array(lengths, "<i4")
    if prefix is None:
        arguments["is_causal"] = causal
    else:
        key, query = np.arange(length), np.arange(length)[:, None]
        arguments["mask"] = (key <= query) | (key < np.array(prefix)[:, None, None, None])

    def attend(q, k, v):
        return jax.nn.dot_product_attention(q, k, v, **arguments)

    z, pull = jax.vjp(attend, *inputs.values())
    out = inputs | {"z": z, "dz": dz} | dict(zip(("dq", "dk", "dv"), pull(dz)))
    out = {name: np.asarray(array) for name, array in out.items()}
    return out | integers(lengths=lengths, prefix=prefix)


def crossmodal(random, width_y, width_v, raw, lengths, batch=2, length=3, keys=4, heads=2, width=8):
    vdim = width_v or width_y
    layer = torch.nn.MultiheadAttention(width, heads, kdim=width_y, vdim=vdim, batch_first=True, dtype=torch.float64)
    if layer._qkv_same_embed_dim:  # all widths are equal: PyTorch has one matrix and keeps the parts as views of it
        w = dict(zip(("query", "key", "value"), layer.in_proj_weight.detach().chunk(3)))
    else:
        w = {"query": layer.q_proj_weight, "key": layer.k_proj_weight, "value": layer.v_proj_weight}
    biases = dict(zip(("query", "key", "value"), layer.in_proj_bias.detach().chunk(3)))
    w["out"], biases["out"] = layer.out_proj.weight, layer.out_proj.bias
    with torch.no_grad():
        for name in w:
            w[name].copy_(torch.from_numpy(random.normal(*w[name].shape, std=0.5)))
            biases[name].copy_(torch.from_numpy(random.normal(*biases[name].shape, std=0.5)))
        if raw:
            w["value"].copy_(torch.eye(width))
            biases["value"].zero_()
    out = {"x": leaf(random.normal(batch, length, width)), "y": leaf(random.normal(batch, keys, width_y))}
    if width_v:
        out["values"] = leaf(random.normal(batch, keys, width_v))
    dz = torch.from_numpy(random.normal(batch, length, width)).double()

    blocked = ~mask(length, keys, False, lengths, batch)
    blocked = blocked.expand(-1, heads, length, -1).reshape(batch * heads, length, keys)
    z, weights = layer(out["x"], out["y"], out.get("values", out["y"]), attn_mask=blocked, average_attn_weights=False)
    z.backward(dz)

    gradients = {"d" + name: x.grad for name, x in out.items()}
    if layer._qkv_same_embed_dim:
        dw = dict(zip(("query", "key", "value"), layer.in_proj_weight.grad.chunk(3)))
    else:
        dw = {name: w[name].grad for name in ("query", "key", "value")}
    db = dict(zip(("query", "key", "value"), layer.in_proj_bias.grad.chunk(3)))
    dw["out"], db["out"] = layer.out_proj.weight.grad, layer.out_proj.bias.grad
    for name in ("query", "key", "out") if raw else ("query", "key", "value", "out"):
        out |= {name: w[name], name + "_biases": biases[name]}
        gradients |= {"d" + name: dw[name], "d" + name + "_biases": db[name]}
    return arrays(out | {"weights": weights, "z": z, "dz": dz} | gradients, lengths)


def rotate_half(x):
    return torch.cat((-x[..., x.shape[-1] // 2:], x[..., : x.shape[-1] // 2]), dim=-1)


def rope(random, width, base, positions, batch=2, length=5, heads=2):
    x = leaf(random.normal(batch, length, heads, width))
    dz = torch.from_numpy(random.normal(batch, length, heads, width)).double()
    p = torch.arange(length).expand(batch, -1) if positions is None else torch.tensor(positions)
    inv_freq = 1.0 / (base ** (torch.arange(0, width, 2).double() / width))
    freqs = p[:, :, None].double() * inv_freq
    emb = torch.cat((freqs, freqs), dim=-1)[:, :, None]  # [B, L, 1, K]
    z = x * emb.cos() + rotate_half(x) * emb.sin()
    z.backward(dz)
    return arrays({"x": x, "z": z, "dz": dz, "dx": x.grad}, None) | integers(positions=positions)


def integers(**lists):
    return {name: np.array(values, "<i8") for name, values in lists.items() if values is not None}


def arrays(tensors, lengths):
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()} | integers(lengths=lengths)


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

    write("masks", [(GROUPED, grouped), (JAX, masked)], versions | {"jax": jax.__version__}, 2305)
    write("crossmodal", [(CROSSMODAL, crossmodal)], versions, 2204)
    write("rope", [(ROPE, rope)], versions, 2104)


def write(name, tables, versions, seed):
    random, out = golden.Random(seed), {}
    for cases, make in tables:
        for case, arguments in cases.items():
            out |= {f"{case}.{key}": a for key, a in make(random, *arguments).items()}
    golden.write(here / f"{name}.safetensors", out, versions)


if __name__ == "__main__":
    main()
