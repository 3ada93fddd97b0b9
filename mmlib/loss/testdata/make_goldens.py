"""Golden values of the losses, from PyTorch: small, random, on the CPU.

    pip install torch==2.15.0 numpy==2.4.6
    python make_goldens.py            # writes contrastive.safetensors and crossentropy.safetensors beside it

Inputs are float32; PyTorch computes in float64 and the result is rounded to float32, so the files hold the right values
to the last bit or nearly so, and running this again gives the same bytes. "dNAME" is the gradient of the loss at NAME.

contrastive.safetensors, for each case (see contrastive_cases):
    CASE.image, CASE.text [N, D], rows of length 1; CASE.s (), the logarithm of the logit scale, clamped at ln 100
    CASE.groups [N], pairs with the same id share their target mass (absent: every pair for itself)
    CASE.targets [N, N], CASE.scale (), CASE.logits [N, N], images in rows
    CASE.loss (), the symmetric loss; CASE.entropy (), of the targets: no logits give less
    CASE.infonce (), the rows' half: each image must find its text among all texts
    CASE.dimage, CASE.dtext, CASE.ds, CASE.dlogits, of CASE.loss

crossentropy.safetensors, for each case (see crossentropy_cases):
    CASE.logits [N, classes]; CASE.labels [N] and CASE.smoothing (), or CASE.targets [N, classes]
    CASE.loss (), CASE.dlogits
"""

import math
import pathlib
import sys

import numpy as np
import torch
from torch.nn.functional import cross_entropy

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[1] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def leaf(array):
    return torch.from_numpy(np.asarray(array)).double().requires_grad_()


def unit(rows):
    """Rows of length 1, as near as float32 comes to it."""
    return (rows / np.linalg.norm(rows.astype("<f8"), axis=1, keepdims=True)).astype("<f4")


def contrastive(image, text, s, groups=None):
    n = len(image)
    image, text, s = leaf(image), leaf(text), leaf(np.float32(s))
    ids = torch.arange(n) if groups is None else torch.tensor(groups)
    same = (ids[:, None] == ids[None, :]).double()
    targets = same / same.sum(1, keepdim=True)
    torch.testing.assert_close(targets.sum(0), torch.ones(n).double())  # columns too are distributions

    scale = s.clamp(max=math.log(100)).exp()
    logits = image @ text.T * scale
    logits.retain_grad()
    loss = (cross_entropy(logits, targets) + cross_entropy(logits.T, targets.T)) / 2
    loss.backward()
    out = {
        "image": image, "text": text, "s": s, "targets": targets, "scale": scale, "logits": logits, "loss": loss,
        "entropy": torch.special.entr(targets).sum(1).mean(),
        "infonce": cross_entropy(logits, torch.arange(n)),
        "dimage": image.grad, "dtext": text.grad, "ds": s.grad, "dlogits": logits.grad,
    }
    out = {name: tensor.detach().numpy() for name, tensor in out.items()}
    if groups is not None:
        out["groups"] = np.array(groups, "<i8")
    return out


def contrastive_cases(random):
    n, width = 6, 5
    image, text = unit(random.normal(n, width)), unit(random.normal(n, width))
    groups = [0, 1, 0, 2, 1, 0]
    equal = text[[groups.index(g) for g in groups]]  # pairs of a group have the same caption
    return {
        "plain": contrastive(image, text, 2.0),
        "sharp": contrastive(image, text, 4.5),  # scale 90, just below the clamp
        "clamped": contrastive(image, text, 5.5),  # scale 245, clamped to 100: no gradient at s
        "equal_captions": contrastive(image, equal, 2.0, groups),
        # The same loss and gradients at image and s and, summed over the copies of a caption, at text:
        "equal_captions_unshared": contrastive(image, equal, 2.0),
        "equal_meanings": contrastive(image, text, 2.0, groups),  # like plain, but with other gradients
        "equal_meanings_clamped": contrastive(image, text, 5.5, groups),
    }


def crossentropy(logits, target, smoothing=0.0):
    logits = leaf(logits)
    labels = target.ndim == 1
    wanted = torch.from_numpy(target if labels else target.astype("<f8"))
    loss = cross_entropy(logits, wanted, label_smoothing=smoothing)
    loss.backward()
    out = {"logits": logits, "loss": loss, "dlogits": logits.grad}
    out = {name: tensor.detach().numpy() for name, tensor in out.items()}
    if not labels:
        return out | {"targets": target}
    return out | {"labels": target, "smoothing": np.float32(smoothing)}


def crossentropy_cases(random):
    n, classes = 5, 7
    logits, labels = random.normal(n, classes, std=2), random.integers(0, classes, (n,))
    targets = np.exp(random.normal(n, classes)).astype("<f8")
    targets = (targets / targets.sum(1, keepdims=True)).astype("<f4")
    return {
        "labels": crossentropy(logits, labels),
        "smoothed": crossentropy(logits, labels, 0.1),
        "distributions": crossentropy(logits, targets),
        "large": crossentropy(logits * np.float32(1e4), labels),  # exp of these overflows
        "large_smoothed": crossentropy(logits * np.float32(1e4), labels, 0.1),
    }


def main():
    versions = {"torch": torch.__version__.split("+")[0]}
    random = golden.Random(2103)
    for name, cases in [("contrastive", contrastive_cases(random)), ("crossentropy", crossentropy_cases(random))]:
        flat = {f"{case}.{key}": a for case, tensors in cases.items() for key, a in tensors.items()}
        golden.write(here / f"{name}.safetensors", flat, versions)


if __name__ == "__main__":
    main()
