"""Makes this folder's pictures: inputs, and what CLIP's resize and centre crop make of them.

The two steps are those of torchvision's Resize(size, BICUBIC) and CenterCrop(size) on a PIL image, as clip.py has them,
written out so that Pillow alone is needed:  pip install pillow==11.3.0 && python golden.py

That version resizes across first and then down, as ours does. Pillow 13 goes the other way for some sizes (tall.png here),
and since bytes are cut off at 0 and 255 in between, its results then differ by a few levels at hard edges.
"""
import random
from PIL import Image

def clip(img, size):
    w, h = img.size
    w2, h2 = (size, int(size * h / w)) if w < h else (int(size * w / h), size)
    img = img.resize((w2, h2), Image.BICUBIC)
    left, top = int(round((w2 - size) / 2.0)), int(round((h2 - size) / 2.0))
    return img.crop((left, top, left + size, top + size))

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
wide.save("wide.png")
tall.save("tall.png")
clip(wide, 16).save("wide-16.png")
clip(wide, 28).save("wide-28.png")
clip(wide, 64).save("wide-64.png")
clip(tall, 32).save("tall-32.png")
clip(tall, 9).save("tall-9.png")
clip(wide.convert("L"), 28).save("wide-28-grey.png")

small = wide.resize((12, 8))  # one of each format
for name in "small.png", "small.jpg", "small.gif", "small.bmp", "small.webp":
    small.save(name, lossless=True)  # WebP's; the others ignore it
