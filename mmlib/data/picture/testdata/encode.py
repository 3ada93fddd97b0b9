"""Encoders for what Pillow reads and does not write. Pixels are rows of tuples."""
import struct, zlib


def png(width, height, depth, kind, samples, interlaced=False, before=b"", after=b""):
    """samples(x, y) gives a pixel's samples; before and after are chunks before the pixels and behind them."""
    def scanlines(xs, ys):
        out = b""
        for y in ys:
            bits = "".join(f"{s:0{depth}b}" for x in xs for s in samples(x, y))
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        return out
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for x0, y0, dx, dy in passes:
        if x0 < width and y0 < height:
            data += scanlines(range(x0, width, dx), range(y0, height, dy))
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", zlib.compress(data, 9)) + after + chunk(b"IEND", b"")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gif(screen, place, indices, bits, palette=None, local=None, transparent=None, interlaced=False, tail=b";"):
    """Writes codes without compression: clear codes keep the table so small that the codes' width never grows."""
    def table(p):
        return b"".join(bytes(c) for c in p)
    def flags(p):
        return 0x80 | (len(p).bit_length() - 2) if p else 0
    out = b"GIF89a" + struct.pack("<HHBBB", *screen, flags(palette), 0, 0) + (table(palette) if palette else b"")
    if transparent is not None:
        out += b"!\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    out += b"," + struct.pack("<HHHHB", *place, flags(local) | (0x40 if interlaced else 0)) + (table(local) if local else b"")
    width, height = place[2:]
    rows = [indices[y * width : (y + 1) * width] for y in range(height)]
    if interlaced:
        rows = [r for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for r in rows[first::step]]
    stream = ""
    for i, index in enumerate(v for row in rows for v in row):
        if i % (2**bits - 2) == 0:
            stream = f"{2**bits:0{bits + 1}b}" + stream
        stream = f"{index:0{bits + 1}b}" + stream
    stream = f"{2**bits + 1:0{bits + 1}b}" + stream
    stream = "0" * (-len(stream) % 8) + stream
    data = bytes(int(stream[i : i + 8], 2) for i in range(len(stream) - 8, -1, -8))
    out += bytes([bits])
    for i in range(0, len(data), 255):
        out += bytes([len(data[i : i + 255])]) + data[i : i + 255]
    return out + b"\0" + tail


def bmp(width, height, bits, rows, compression=0, palette=(), masks=(), core=False, v4=False, gap=0):
    """rows are bytes, in the file's order; a negative height is a picture from top to bottom."""
    colours = b"".join(bytes(reversed(c)) + (b"" if core else b"\0") for c in palette)
    fields = b"".join(struct.pack("<I", m) for m in masks)
    size = 12 if core else 108 if v4 else 40
    body = fields.ljust(68, b"\0") if v4 else fields
    offset = 14 + size + (0 if v4 else len(fields)) + len(colours) + gap
    if core:
        head = struct.pack("<IHHHH", size, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(rows), 0, 0, len(palette), 0)
    return struct.pack("<2sIII", b"BM", offset + len(rows), 0, offset) + head + body + colours + b"\0" * gap + rows


def riff(*chunks):
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def unriff(data):
    at, out = 12, {}
    while at + 8 <= len(data):
        length = struct.unpack("<I", data[at + 4 : at + 8])[0]
        out.setdefault(data[at : at + 4], data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return out


def u24(n):
    return struct.pack("<I", n)[:3]


def exif(orientation, order="<"):
    """A table with two entries, of which the second is the orientation."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(order + "HHIHH", 0x0100, 3, 1, 24, 0) + struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + head + struct.pack(order + "IH", 8, 2) + entries + b"\0\0\0\0"


def xmp(orientation):
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()
