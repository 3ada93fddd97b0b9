"""Makes formats.zip (files of every kind that is read) and pillow.zip (what Pillow decodes them to, as PNG). They are
archives because so many small files take far more room on a disk.

    pip install pillow==13.0.0 simplejpeg==1.9.0 && python pillow.py

What Pillow decodes is turned as EXIF says, laid on black where it is transparent, and cut to 8 bits. simplejpeg writes
the JPEGs that Pillow cannot write (4:4:0, 4:1:1, YCCK); nothing but Pillow reads them.
"""
import io, random, struct, zipfile, zlib
import numpy, simplejpeg
from PIL import Image, ImageOps
from encode import png, chunk, gif, bmp, riff, unriff, u24, exif, xmp

W, H = 24, 17


def photo(w, h, seed):
    """Slopes of colour, some hard edges, a little noise."""
    r = random.Random(seed)
    img = Image.new("RGB", (w, h))
    for y in range(h):
        for x in range(w):
            c = [40 + 200 * x // w, 220 - 200 * y // h, 128 + 100 * (x - y) // (w + h)]
            if (x // 5 + y // 4) % 3 == 0:
                c = [255 - c[1], c[0], c[2] // 2]
            if 2 * x + y < 14:
                c = [255, 0, 0] if y % 2 else [0, 0, 255]
            img.putpixel((x, y), tuple(max(0, min(255, v + r.randrange(-6, 7))) for v in c))
    return img


rgb = photo(W, H, 1)
alpha = Image.new("L", (W, H))
alpha.putdata([min(255, max(0, (x - 3) * 20 + y * 5)) for y in range(H) for x in range(W)])
rgba = rgb.copy()
rgba.putalpha(alpha)
grey = rgb.convert("L")
files = {}


def save(name, img, kind, **options):
    out = io.BytesIO()
    img.save(out, kind, **options)
    files[name] = out.getvalue()


def pixel(img, bits=8):
    """An encoder's samples: 16 bits have a low byte of their own, fewer bits are the highest of 8."""
    def samples(x, y):
        v = img.getpixel((x, y))
        v = v if isinstance(v, tuple) else (v,)
        if bits == 16:
            return tuple(s << 8 | s * 7 + x & 255 for s in v)
        return tuple(s >> 8 - bits for s in v)
    return samples


# PNG
GREY, RGB, PALETTE, GREYA, RGBA = 0, 2, 3, 4, 6
greya = Image.merge("LA", (grey, alpha))
for bits in 1, 2, 4, 8, 16:
    files[f"grey{bits}.png"] = png(W, H, bits, GREY, pixel(grey, bits))
for bits in 8, 16:
    files[f"rgb{bits}.png"] = png(W, H, bits, RGB, pixel(rgb, bits))
    files[f"rgba{bits}.png"] = png(W, H, bits, RGBA, pixel(rgba, bits))
    files[f"greyalpha{bits}.png"] = png(W, H, bits, GREYA, pixel(greya, bits))
palettes = {}
for bits in 1, 2, 4, 8:
    quantised = rgb.quantize(2**bits - bits // 8 * 56)
    table = quantised.getpalette()[: 3 * (2**bits - bits // 8 * 56)]
    palettes[bits] = quantised, table
    indices = lambda x, y, q=quantised: (q.getpixel((x, y)),)
    files[f"palette{bits}.png"] = png(W, H, bits, PALETTE, indices, before=chunk(b"PLTE", bytes(table)))
    trns = chunk(b"tRNS", bytes(range(0, 256, 256 // 2**bits))[: 2**bits // 2])
    files[f"palette{bits}-trns.png"] = png(W, H, bits, PALETTE, indices, before=chunk(b"PLTE", bytes(table)) + trns)
    files[f"palette{bits}-interlaced.png"] = png(W, H, bits, PALETTE, indices, True, chunk(b"PLTE", bytes(table)))
files["grey8-trns.png"] = png(W, H, 8, GREY, pixel(grey), before=chunk(b"tRNS", struct.pack(">H", grey.getpixel((9, 9)))))
files["rgb8-trns.png"] = png(W, H, 8, RGB, pixel(rgb), before=chunk(b"tRNS", struct.pack(">HHH", *rgb.getpixel((9, 9)))))
files["rgb8-interlaced.png"] = png(W, H, 8, RGB, pixel(rgb), True)
files["rgba16-interlaced.png"] = png(W, H, 16, RGBA, pixel(rgba, 16), True)
files["grey1-interlaced.png"] = png(W, H, 1, GREY, pixel(grey, 1), True)
save("animated.png", rgb, "PNG", save_all=True, append_images=[ImageOps.invert(rgb)], duration=50)
save("animated-default.png", rgb, "PNG", save_all=True, default_image=True, append_images=[ImageOps.invert(rgb), rgb], duration=50)
files["exif6.png"] = png(W, H, 8, RGB, pixel(rgb), before=chunk(b"eXIf", exif(6)[6:]))
files["exif8-behind.png"] = png(W, H, 4, GREY, pixel(grey, 4), after=chunk(b"eXIf", exif(8, ">")[6:]))
quantised, table = palettes[8]
before = chunk(b"PLTE", bytes(table)) + chunk(b"eXIf", exif(5)[6:])
files["exif5-palette.png"] = png(W, H, 8, PALETTE, lambda x, y: (quantised.getpixel((x, y)),), before=before)
files["xmp7.png"] = png(W, H, 8, RGBA, pixel(rgba), before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(7)))
profile = exif(3)
raw = f"\nexif\n{len(profile):8}\n{profile.hex()}\n".encode()
files["profile3.png"] = png(W, H, 8, RGB, pixel(rgb), before=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)))

# JPEG
for name, subsampling in ("444", 0), ("422", 1), ("420", 2):
    for quality in 35, 90:
        save(f"{name}-{quality}.jpg", rgb, "JPEG", quality=quality, subsampling=subsampling)
    save(f"{name}-progressive.jpg", rgb, "JPEG", quality=85, subsampling=subsampling, progressive=True)
save("420-restarts.jpg", rgb, "JPEG", quality=85, subsampling=2, restart_marker_blocks=1)
save("rgb.jpg", rgb, "JPEG", quality=90, keep_rgb=True, subsampling=0)
save("grey.jpg", grey, "JPEG", quality=80)
save("grey-progressive.jpg", grey, "JPEG", quality=80, progressive=True)
for w, h in (1, 1), (2, 3), (4, 4), (5, 2), (7, 33), (40, 1), (1, 21):
    save(f"420-{w}x{h}.jpg", photo(w, h, w), "JPEG", quality=80, subsampling=2)
save("422-5x3.jpg", photo(5, 3, 5), "JPEG", quality=80, subsampling=1)
array = numpy.ascontiguousarray(numpy.asarray(rgb))
cmyk = numpy.ascontiguousarray(numpy.concatenate([255 - array, numpy.asarray(alpha)[:, :, None] // 3], 2))
for subsampling in "440", "411":
    files[f"{subsampling}.jpg"] = simplejpeg.encode_jpeg(array, quality=85, colorsubsampling=subsampling)
for subsampling in "444", "420":
    files[f"ycck-{subsampling}.jpg"] = simplejpeg.encode_jpeg(cmyk, quality=85, colorspace="CMYK", colorsubsampling=subsampling)
save("cmyk.jpg", Image.fromarray(cmyk, "CMYK"), "JPEG", quality=85)
save("cmyk-progressive.jpg", Image.fromarray(cmyk, "CMYK"), "JPEG", quality=85, progressive=True)
adobe = files["cmyk.jpg"].index(b"\xff\xee")
files["cmyk-no-adobe.jpg"] = files["cmyk.jpg"][:adobe] + files["cmyk.jpg"][adobe + 16 :]
for orientation in range(1, 9):
    save(f"exif{orientation}.jpg", rgb, "JPEG", quality=85, subsampling=orientation % 3, exif=exif(orientation, "<>"[orientation % 2])[0:])
save("exif6-grey.jpg", grey, "JPEG", quality=85, exif=exif(6))
save("exif9.jpg", rgb, "JPEG", quality=85, exif=exif(9))
save("xmp8.jpg", rgb, "JPEG", quality=85, xmp=xmp(8))
save("exif1-xmp8.jpg", rgb, "JPEG", quality=85, exif=exif(1), xmp=xmp(8))

# GIF
indexed = rgb.quantize(60)
indices = list(indexed.getdata())
table = [tuple(indexed.getpalette()[3 * i : 3 * i + 3]) for i in range(60)] + [(0, 0, 0)] * 4
other = [(b, r, g) for r, g, b in table]
save("plain.gif", rgb, "GIF")
save("animated.gif", rgb, "GIF", save_all=True, append_images=[ImageOps.invert(rgb)], duration=50)
save("alpha.gif", rgba, "GIF")
files["interlaced.gif"] = gif((W, H), (0, 0, W, H), indices, 6, table, interlaced=True)
files["local.gif"] = gif((W, H), (0, 0, W, H), indices, 6, table, local=other)
files["transparent.gif"] = gif((W, H), (0, 0, W, H), indices, 6, table, transparent=5)
files["offset.gif"] = gif((W + 9, H + 6), (4, 3, W, H), indices, 6, table)
files["offset-local.gif"] = gif((W + 9, H + 6), (4, 3, W, H), indices, 6, table, local=other, interlaced=True)
files["offset-transparent.gif"] = gif((W + 9, H + 6), (4, 3, W, H), indices, 6, table, transparent=7)
files["beyond.gif"] = gif((W, H), (5, 2, W, H), indices, 6, table)
files["no-screen.gif"] = gif((0, 0), (0, 0, W, H), indices, 6, table)
files["no-palette.gif"] = gif((W, H), (0, 0, W, H), [4 * i for i in indices], 8)
files["no-trailer.gif"] = gif((W, H), (0, 0, W, H), indices, 6, table, tail=b"")

# WebP
for quality in 5, 50, 80, 100:
    save(f"lossy-{quality}.webp", rgb, "WEBP", quality=quality, method=quality % 7)
for w, h in (1, 1), (2, 2), (3, 5), (16, 1), (33, 18):
    save(f"lossy-{w}x{h}.webp", photo(w, h, h), "WEBP", quality=75)
save("lossless.webp", rgb, "WEBP", lossless=True)
save("lossless-alpha.webp", rgba, "WEBP", lossless=True)
save("lossless-palette.webp", indexed.convert("RGB"), "WEBP", lossless=True, method=6)
save("lossy-alpha.webp", rgba, "WEBP", quality=70)
save("lossy-alpha-50.webp", rgba, "WEBP", quality=70, alpha_quality=50, method=2)
save("animated.webp", rgb, "WEBP", save_all=True, append_images=[ImageOps.invert(rgb)], duration=50, quality=70)
save("animated-lossless.webp", rgba, "WEBP", save_all=True, append_images=[rgba.rotate(180)], duration=50, lossless=True)
save("animated-alpha.webp", rgba, "WEBP", save_all=True, append_images=[rgba.rotate(180)], duration=50, quality=60)
frame = unriff(files["lossy-alpha.webp"])
place = u24(3) + u24(2) + u24(W - 1) + u24(H - 1) + u24(50) + b"\0"
part = b"".join(k + struct.pack("<I", len(frame[k])) + frame[k] + b"\0" * (len(frame[k]) % 2) for k in (b"ALPH", b"VP8 "))
head = b"\0\0\0" + u24(W + 10) + u24(H + 7)
files["animated-offset.webp"] = riff((b"VP8X", b"\x12" + head), (b"ANIM", b"\xff\xff\xff\xff\0\0"), (b"ANMF", place + part))
frame = unriff(files["lossless.webp"])[b"VP8L"]
part = b"VP8L" + struct.pack("<I", len(frame)) + frame + b"\0" * (len(frame) % 2)
files["animated-offset-opaque.webp"] = riff((b"VP8X", b"\x02" + head), (b"ANIM", b"\xff\xff\xff\xff\0\0"), (b"ANMF", place + part))
save("exif6.webp", rgb, "WEBP", quality=80, exif=exif(6))
save("exif3-alpha.webp", rgba, "WEBP", lossless=True, exif=exif(3))
save("xmp5.webp", rgb, "WEBP", lossless=True, xmp=xmp(5))

# BMP
for mode in "1", "L", "P", "RGB", "RGBA":
    save(f"{mode.lower()}.bmp", rgba.convert("RGB").convert(mode) if mode != "RGBA" else rgba, "BMP")
def packed(value, bits, order=range(H - 1, -1, -1)):
    rows = b""
    for y in order:
        row = ""
        for x in range(W):
            data = value(x, y).to_bytes(max(1, bits // 8), "little")
            row += "".join(f"{b:08b}" for b in data)[-bits:]
        row += "0" * (-len(row) % 32)
        rows += bytes(int(row[i : i + 8], 2) for i in range(0, len(row), 8))
    return rows
def field(*widths):
    def value(x, y):
        out = 0
        for v, w in zip(rgba.getpixel((x, y)), widths):
            out = out << w | v >> 8 - w
        return out
    return value
sixteen = rgb.quantize(16)
table16 = [tuple(sixteen.getpalette()[3 * i : 3 * i + 3]) for i in range(16)]
at16, at = lambda x, y: sixteen.getpixel((x, y)), lambda x, y: indexed.getpixel((x, y))
files["4.bmp"] = bmp(W, H, 4, packed(at16, 4), palette=table16)
files["8-short-palette.bmp"] = bmp(W, H, 8, packed(at, 8), palette=table[:60])
files["8-top-down.bmp"] = bmp(W, -H, 8, packed(at, 8, range(H)), palette=table)
files["24-top-down.bmp"] = bmp(W, -H, 24, packed(field(8, 8, 8), 24, range(H)))
files["24-gap.bmp"] = bmp(W, H, 24, packed(field(8, 8, 8), 24), gap=10)
files["16.bmp"] = bmp(W, H, 16, packed(field(5, 5, 5), 16))
files["16-565.bmp"] = bmp(W, H, 16, packed(field(5, 6, 5), 16), compression=3, masks=(0xF800, 0x7E0, 0x1F))
files["32-fields.bmp"] = bmp(W, H, 32, packed(field(8, 8, 8, 8), 32), compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00))
files["32-alpha.bmp"] = bmp(W, H, 32, packed(field(8, 8, 8, 8), 32), compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00, 0xFF), v4=True)
files["os2-24.bmp"] = bmp(W, H, 24, packed(field(8, 8, 8), 24), core=True)
files["os2-8.bmp"] = bmp(W, H, 8, packed(at, 8), palette=table + [(0, 0, 0)] * 192, core=True)
runs8 = runs4 = b""
for y in range(H - 1, -1, -1):
    row, row4 = [at(x, y) for x in range(W)], [at16(x, y) for x in range(W)]
    runs8 += b"\0" + bytes([W - 5]) + bytes(row[: W - 5]) + b"\0" * ((W - 5) % 2) + b"".join(bytes([1, v]) for v in row[W - 5 :]) + b"\0\0"
    runs4 += b"\0" + bytes([9]) + bytes(row4[i] << 4 | (row4[i + 1] if i < 8 else 0) for i in range(0, 9, 2)) + b"\0"
    runs4 += b"".join(bytes([2, row4[i] << 4 | row4[i + 1]]) for i in range(9, W - 1, 2)) + bytes([1, row4[W - 1] << 4]) + b"\0\0"
files["rle8.bmp"] = bmp(W, H, 8, runs8 + b"\0\1", compression=1, palette=table)
files["rle4.bmp"] = bmp(W, H, 4, runs4 + b"\0\1", compression=2, palette=table16)


def decoded(data):
    img = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if img.mode.startswith("I"):
        return Image.fromarray((numpy.asarray(img) >> 8).astype("uint8"), "L").convert("RGB")
    if img.has_transparency_data:
        img = img.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", img.size, (0, 0, 0, 255)), img).convert("RGB")
    return img.convert("RGB")


def archive(name, files):
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as z:
        for member, data in sorted(files.items()):
            z.writestr(zipfile.ZipInfo(member), data)


def as_png(img):
    out = io.BytesIO()
    img.save(out, "PNG", optimize=True)
    return out.getvalue()


archive("formats.zip", files)
archive("pillow.zip", {name + ".png": as_png(decoded(data)) for name, data in files.items()})
