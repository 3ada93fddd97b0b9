"""Golden values of the losses that make_goldens.py lacks, from PyTorch and JAX: small, random, on the CPU.

    pip install torch==2.15.0 jax==0.10.2 numpy==2.4.6
    python make_goldens_chapter.py    # writes ntxent, infonce, siglip and tokens.safetensors beside it

Inputs are float32; the references compute in float64 and the results are rounded to float32. "dNAME" is the gradient of
the loss at NAME. Every formula is written out the slow way, as its paper has it.

ntxent.safetensors (PyTorch, two loops over the 2N representations; SimCLR, equation 1), for each case:
    CASE.z, CASE.zplus [N, D]; CASE.tau (); CASE.anchors_loss (), over N anchors as chapter 4.1.1 has it, with
    CASE.anchors_dz, .anchors_dzplus, .anchors_dscale, at the scale 1/tau; CASE.loss (), over all 2N, with CASE.dz, ...

infonce.safetensors (PyTorch; van den Oord et al. 2018, equation 4), for each case:
    CASE.x [N, D], CASE.y [N, E], CASE.negatives [N, K, E] or [K, E], CASE.w [D, E]; f(x, y) = x·w·y
    CASE.loss (), CASE.dx, .dy, .dnegatives, .dw

siglip.safetensors (JAX; Zhai et al. 2023, algorithm 1), for each case:
    CASE.image, CASE.text [N, D], CASE.groups [N] (absent: each its own), CASE.t, CASE.b ()
    CASE.loss (), CASE.dimage, .dtext, .dt, .db

tokens.safetensors (PyTorch's cross_entropy with ignore_index and label_smoothing; z-loss as PaLM §5), for each case:
    CASE.logits [B, L, V], CASE.labels [B, L], CASE.mask [B, L] of 0 and 1; CASE.smoothing, CASE.zloss ()
    CASE.loss (), CASE.dlogits
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.nn.functional import cosine_similarity, cross_entropy

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[1] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def leaf(array):
    return torch.from_numpy(np.array(array)).double().requires_grad_()


def arrays(tensors):
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def unit(rows):
    """Rows of length 1, as near as float32 comes to it."""
    return (rows / np.linalg.norm(rows.astype("<f8"), axis=1, keepdims=True)).astype("<f4")


def ntxent_loss(z, zplus, scale, sim, all_anchors):
    n = len(z)
    rows = list(z) + list(zplus)
    total = 0
    for i in range(2 * n if all_anchors else n):
        positive = (i + n) % (2 * n)
        denominator = 0
        for j in range(2 * n):
            if j != i:
                denominator = denominator + torch.exp(sim(rows[i], rows[j]) * scale)
        total = total - torch.log(torch.exp(sim(rows[i], rows[positive]) * scale) / denominator)
    return total / (2 * n if all_anchors else n)


def ntxent(z, zplus, tau, sim):
    out = {"z": z, "zplus": zplus, "tau": np.float32(tau)}
    for prefix, all_anchors in [("anchors_", False), ("", True)]:
        a, b, scale = leaf(z), leaf(zplus), leaf(1 / float(np.float32(tau)))
        loss = ntxent_loss(a, b, scale, sim, all_anchors)
        loss.backward()
        out |= arrays({prefix + "loss": loss, prefix + "dz": a.grad, prefix + "dzplus": b.grad, prefix + "dscale": scale.grad})
    return out


def ntxent_cases(random):
    def cosine(a, b):
        return cosine_similarity(a, b, dim=0)

    n, width = 5, 4
    z, zplus = random.normal(n, width, std=2), random.normal(n, width)
    return {
        "cosine": ntxent(z, zplus, 0.5, cosine),
        "cosine_sharp": ntxent(z, zplus, 0.05, cosine),
        "dot": ntxent(z, zplus, 1.0, torch.dot),
        "two": ntxent(z[:2], zplus[:2], 0.5, cosine),  # the smallest batch
    }


def infonce(x, y, negatives, w):
    t = {"x": leaf(x), "y": leaf(y), "negatives": leaf(negatives), "w": leaf(w)}
    total = 0
    for i in range(len(x)):
        own = t["negatives"][i] if negatives.ndim == 3 else t["negatives"]
        candidates = torch.stack([t["y"][i], *own])
        f = torch.exp(candidates @ (t["x"][i] @ t["w"]))
        total = total - torch.log(f[0] / f.sum())
    loss = total / len(x)
    loss.backward()
    return arrays({**t, "loss": loss, **{"d" + name: tensor.grad for name, tensor in t.items()}})


def infonce_cases(random):
    n, k, d, e = 4, 3, 5, 2
    x, y, w = random.normal(n, d), random.normal(n, e), random.normal(d, e)
    return {
        "own": infonce(x, y, random.normal(n, k, e), w),
        "shared": infonce(x, y, random.normal(k, e), w),
        "one": infonce(x, y, random.normal(n, 1, e), w),
    }


def siglip(image, text, t, b, groups=None):
    ids = np.arange(len(image)) if groups is None else np.array(groups, "<i8")
    labels = 2.0 * (ids[:, None] == ids[None, :]) - 1

    def loss(image, text, t, b):
        logits = jnp.dot(image, text.T) * t + b
        return -jnp.sum(jax.nn.log_sigmoid(labels * logits)) / len(image)

    given = [np.asarray(x, "<f4").astype("<f8") for x in (image, text, t, b)]
    value, gradients = jax.value_and_grad(loss, argnums=(0, 1, 2, 3))(*given)
    names = ["image", "text", "t", "b"]
    out = dict(zip(names, given)) | {"loss": value} | dict(zip(["d" + name for name in names], gradients))
    return out | ({} if groups is None else {"groups": ids})


def siglip_cases(random):
    n, width = 6, 5
    image, text = unit(random.normal(n, width)), unit(random.normal(n, width))
    return {
        "start": siglip(image, text, 10, -10),
        "later": siglip(image, text, 3.5, -0.7),
        "groups": siglip(image, text, 10, -10, [0, 1, 0, 2, 1, 0]),
        "large": siglip(image, text, 1e4, -3e3),  # exp of these overflows
    }


def tokens(logits, labels, mask, smoothing=0.0, zloss=0.0):
    t = leaf(logits)
    flat = t.reshape(-1, t.shape[-1])
    ignored = torch.from_numpy(np.where(mask.astype(bool), labels, -100).reshape(-1))
    loss = cross_entropy(flat, ignored, ignore_index=-100, label_smoothing=smoothing)
    log_z = torch.logsumexp(t, -1)
    loss = loss + zloss * (log_z**2 * torch.from_numpy(mask)).sum() / mask.sum()
    loss.backward()
    out = arrays({"logits": t, "loss": loss, "dlogits": t.grad})
    return out | {"labels": labels, "mask": mask, "smoothing": np.float32(smoothing), "zloss": np.float32(zloss)}


def tokens_cases(random):
    b, length, vocabulary = 3, 4, 6
    logits = random.normal(b, length, vocabulary, std=2)
    labels = random.integers(0, vocabulary, (b, length))
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]], "<i8")  # padding; lengths 4, 2, 0
    hidden = np.array([[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]], "<i8")
    return {
        "all": tokens(logits, labels, np.ones_like(mask)),
        "padding": tokens(logits, labels, mask),
        "hidden": tokens(logits, labels, hidden),
        "smoothed": tokens(logits, labels, mask, smoothing=0.1),
        "zloss": tokens(logits, labels, mask, zloss=0.25),
        "everything": tokens(logits, labels, hidden, smoothing=0.2, zloss=1e-4),
        "large": tokens(logits * np.float32(1e4), labels, mask, smoothing=0.1),  # exp of these overflows
    }


def main():
    versions = {"torch": torch.__version__.split("+")[0]}
    random = golden.Random(1807)
    for name, cases, made in [
        ("ntxent", ntxent_cases(random), versions),
        ("infonce", infonce_cases(random), versions),
        ("siglip", siglip_cases(random), {"jax": jax.__version__}),
        ("tokens", tokens_cases(random), versions),
    ]:
        flat = {f"{case}.{key}": np.asarray(a) for case, tensors in cases.items() for key, a in tensors.items()}
        golden.write(here / f"{name}.safetensors", flat, made)


if __name__ == "__main__":
    main()
