"""Makes the pictures for the tests of resizing: inputs, and what Pillow makes of them.

The steps are those of torchvision's Resize and CenterCrop on a PIL image (as clip.py has them), of transformers' (crop
"floor") and of open_clip's squash and longest ("pad"), written out so that Pillow alone is needed:

    pip install pillow==13.0.0 && python resize.py

The files' names are INPUT-SIZE[-RESAMPLING][-RESIZE][-floor][-grey].png.
"""
import random
from PIL import Image


def crop(img, size, resampling, rounding=round):
    w, h = img.size
    img = img.resize((size, int(size * h / w)) if w < h else (int(size * w / h), size), resampling)
    left, top = (int(rounding((side - size) / 2.0)) for side in img.size)
    return img.crop((left, top, left + size, top + size))


def squash(img, size, resampling):
    return img.resize((size, size), resampling)


def pad(img, size, resampling):
    ratio = max(img.size) / size
    img = img.resize(tuple(round(side / ratio) for side in img.size), resampling)
    out = Image.new(img.mode, (size, size))
    out.paste(img, ((size - img.width) // 2, (size - img.height) // 2))
    return out


def noise(w, h, seed):
    """Blocks of random colours of 3x3 pixels, with some single pixels set: edges for the filter to overshoot at."""
    r = random.Random(seed)
    img = Image.new("RGB", (w, h))
    blocks = {}
    for y in range(h):
        for x in range(w):
            colour = blocks.setdefault((x // 3, y // 3), tuple(r.randrange(256) for _ in range(3)))
            img.putpixel((x, y), (255, 255, 255) if r.random() < 0.05 else colour)
    return img


wide, tall = noise(61, 37, 1), noise(23, 50, 2)
inputs = {"wide": wide, "tall": tall}
for name, img in inputs.items():
    img.save(name + ".png")
for name, size in ("wide", 16), ("wide", 28), ("wide", 64), ("tall", 32), ("tall", 9):
    crop(inputs[name], size, Image.BICUBIC).save(f"{name}-{size}.png")
crop(wide.convert("L"), 28, Image.BICUBIC).save("wide-28-grey.png")
filters = {"bilinear": Image.BILINEAR, "lanczos": Image.LANCZOS, "box": Image.BOX, "nearest": Image.NEAREST}
for key, resampling in filters.items():
    crop(wide, 20, resampling).save(f"wide-20-{key}.png")
    crop(tall, 40, resampling).save(f"tall-40-{key}.png")
for size in 12, 31:
    for name, img in inputs.items():
        squash(img, size, Image.BICUBIC).save(f"{name}-{size}-squash.png")
        pad(img, size, Image.BICUBIC).save(f"{name}-{size}-pad.png")
for name, size in ("wide", 17), ("tall", 12):
    crop(inputs[name], size, Image.BICUBIC, int).save(f"{name}-{size}-floor.png")
    crop(inputs[name], size, Image.BICUBIC).save(f"{name}-{size}.png")
