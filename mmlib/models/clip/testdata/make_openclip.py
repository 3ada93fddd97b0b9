"""Golden values of open_clip's two classes of CLIP: small, random, float32, on the CPU.

    pip install torch==2.15.0 numpy==2.4.6 && pip install --no-deps open_clip_torch==3.3.0 timm torchvision
    python make_openclip.py           # writes openclip.safetensors and customtext.safetensors beside it

Each file holds a model (weight.NAME, under open_clip's names), pictures, ids, and the embeddings of both, of length 1; its metadata has
the open_clip_config.json. openclip is the class CLIP with gelu, customtext the class CustomTextCLIP with quick_gelu, an MLP of another
ratio and the end of a text found by its id.
"""

import json
import pathlib
import sys

import numpy as np
import open_clip
import torch
from open_clip.model import CLIP, CustomTextCLIP

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

VISION = {"image_size": 16, "layers": 2, "width": 16, "head_width": 8, "patch_size": 8}
TEXT = {"context_length": 8, "vocab_size": 40, "width": 12, "heads": 2, "layers": 2}
PLAIN = {"embed_dim": 10, "vision_cfg": VISION, "text_cfg": TEXT}
CUSTOM = {
    "embed_dim": 10, "quick_gelu": True, "custom_text": True,
    "vision_cfg": VISION | {"mlp_ratio": 2.0}, "text_cfg": TEXT | {"pool_type": "eos", "eos_id": 30},
}


def values(shape, name, random):
    if name == "logit_scale":
        return np.array(1.3, "<f4")
    if "ln_" in name and name.endswith("weight"):
        return random.normal(*shape, mean=1, std=0.3)
    if name.endswith("bias"):
        return random.normal(*shape, std=0.2)
    return random.normal(*shape, std=0.3)


def main():
    random = golden.Random(20261127)
    for name, cls, settings in [("openclip", CLIP, PLAIN), ("customtext", CustomTextCLIP, CUSTOM)]:
        model = cls(**{k: v for k, v in settings.items() if k != "custom_text"}).eval()
        weights = {n: values(tuple(p.shape), n, random) for n, p in model.state_dict().items()}
        model.load_state_dict({n: torch.from_numpy(v) for n, v in weights.items()}, strict=True)
        pixels, ids = random.normal(3, 3, 16, 16), random.integers(1, 39, (3, 8))
        ids[ids == 30] += 1
        for row, length in enumerate([3, 8, 6]):
            ids[row, length - 1] = 30 if name == "customtext" else 39
            ids[row, length:] = 0
        with torch.no_grad():
            image = model.encode_image(torch.from_numpy(pixels), normalize=True)
            text = model.encode_text(torch.from_numpy(ids), normalize=True)
        golden.write(
            here / f"{name}.safetensors",
            {"weight." + n: v for n, v in weights.items()}
            | {"pixels": pixels, "ids": ids, "image": image.numpy(), "text": text.numpy()},
            {"config": json.dumps({"model_cfg": settings}), "open_clip": open_clip.__version__, "torch": torch.__version__.split("+")[0]},
        )


if __name__ == "__main__":
    main()
