"""What the reference accepts, refuses, writes and computes: safetensors 0.8.0 and torch 2.15.0.

python make_goldens.py writes headers.json, files.json, numbers.json and tiny.safetensors beside itself.
"""

import base64
import hashlib
import json
import os
import struct
import tempfile

import safetensors
import safetensors.torch
import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def entry(dtype="U8", shape="[1]", offsets="[0,1]", more=""):
    return '{"dtype":"%s","shape":%s,"data_offsets":%s%s}' % (dtype, shape, offsets, more)


E = entry()
CASES = []  # name, pieces (bytes, how often), why ours refuses what the reference accepts


def raw(name, *pieces, differs=""):
    """A file of pieces: bytes, or (bytes, how often)."""
    CASES.append((name, [p if isinstance(p, tuple) else (p, 1) for p in pieces], differs))


def case(name, header, data=b"", differs=""):
    """A file with a header of the right length."""
    header = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    raw(name, struct.pack("<Q", len(header)) + header + data, differs=differs)


def one(name, value, data=b"1", differs=""):
    """A file with one tensor, x."""
    case(name, '{"x":%s}' % value, data, differs)


def length(n):
    return struct.pack("<Q", n)


# The length in front.
raw("no bytes", b"")
raw("one byte", b"\2")
raw("seven bytes", b"\2\0\0\0\0\0\0")
raw("header of 0 bytes", length(0))
raw("header of 0 bytes and data", length(0) + b"{}")
raw("header of 1 byte", length(1) + b"{")
raw("header longer than the file", length(3) + b"{}")
raw("header of 2^64-1 bytes", length(2**64 - 1) + b"{}")
raw("header of 2^63 bytes", length(2**63) + b"{}")
raw("header of 100 MB", length(100_000_000) + b"{}", (b" ", 99_999_998))
raw("header of 100 MB and a byte", length(100_000_001) + b"{}", (b" ", 99_999_999))
raw("big-endian length", struct.pack(">Q", 2) + b"{}")

# White space and what is not JSON.
case("no tensors", "{}")
case("no tensors, data", "{}", b"1")
case("spaces before", "   {}")
case("other white space before and after", "\t\r\n {}\n\r\t ")
case("spaces within", '{ "x" : { "dtype" : "U8" , "shape" : [ 1 ] , "data_offsets" : [ 0 , 1 ] } }', b"1")
case("spaces after", "{}      ")
case("zeros after", "{}\0\0")
case("form feed after", "{}\f")
case("no-break space after", "{}\u00a0")
case("byte order mark", "\ufeff{}")
case("garbage after", "{}x")
case("second object after", "{}{}")
case("comma after", "{},")
case("comma before the end", '{"x":%s,}' % E, b"1")
case("comma alone", "{,}")
case("not closed", '{"x":%s' % E, b"1")
case("an array", "[]")
case("an array of the fields", "[null,{}]")
case("null", "null")
case("a string", '"x"')
case("a number", "3")
case("single quotes", "{'x':%s}" % E, b"1")
case("a comment", "{/**/}")
case("a key without quotes", "{x:%s}" % E, b"1")
case("no colon", '{"x" %s}' % E, b"1")
case("two colons", '{"x"::%s}' % E, b"1")
case("no value", '{"x":}')
case("no comma", '{"x":%s "y":%s}' % (entry(), entry(offsets="[1,2]")), b"12")

# Strings.
case("empty name", '{"":%s}' % E, b"1")
case("name of other scripts", '{"权重 ü 😀":%s}' % E, b"1")
case("name with NUL escaped", '{"a\\u0000b":%s}' % E, b"1")
case("name with NUL", '{"a\0b":%s}' % E, b"1")
case("name with a line break", '{"a\nb":%s}' % E, b"1")
case("name with DEL", '{"a\x7fb":%s}' % E, b"1")
case("name with a slash", '{"../a":%s}' % E, b"1")
case("every escape", '{"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fC":%s}' % E, b"1")
case("unknown escape", '{"\\a":%s}' % E, b"1")
case("hexadecimal escape", '{"\\x41":%s}' % E, b"1")
case("escape of three digits", '{"\\u041":%s}' % E, b"1")
case("escape with a sign", '{"\\u+041":%s}' % E, b"1")
case("escape with an underscore", '{"\\u0_41":%s}' % E, b"1")
case("surrogate pair", '{"\\ud83d\\ude00":%s}' % E, b"1")
case("high surrogate alone", '{"\\ud83d":%s}' % E, b"1")
case("high surrogate and a letter", '{"\\ud83da":%s}' % E, b"1")
case("high surrogate and another escape", '{"\\ud83d\\n":%s}' % E, b"1")
case("high surrogate and an escaped letter", '{"\\ud83d\\u0041":%s}' % E, b"1")
case("two high surrogates", '{"\\ud83d\\ud83d":%s}' % E, b"1")
case("low surrogate alone", '{"\\ude00":%s}' % E, b"1")
case("U+FFFD escaped", '{"\\ufffd":%s}' % E, b"1")
case("invalid UTF-8", b'{"\xff":' + E.encode() + b"}", b"1")
case("UTF-8 of two bytes for one", b'{"\xc0\x80":' + E.encode() + b"}", b"1")
case("UTF-8 of a surrogate", '{"\ud83d":%s}' % E, b"1")
case("UTF-8 beyond Unicode", b'{"\xf4\x90\x80\x80":' + E.encode() + b"}", b"1")
case("UTF-8 cut off", b'{"x":' + E.encode() + b"}\xe2\x82", b"1")

# Names that stand twice.
case("name twice", '{"x":%s,"x":%s}' % (E, E), b"1", "a name that stands twice")
case("name twice, one escaped", '{"x":%s,"\\u0078":%s}' % (E, E), b"1", "a name that stands twice")
case("name twice, first wrong", '{"x":%s,"x":%s}' % (entry(offsets="[5,6]"), E), b"1", "a name that stands twice")
case("name twice, last wrong", '{"x":%s,"x":%s}' % (E, entry(offsets="[5,6]")), b"1")
case("name twice, two places", '{"x":%s,"x":%s}' % (E, entry(offsets="[1,2]")), b"12")
one("dtype twice", '{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}')
one("shape twice", '{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}')
one("data_offsets twice", '{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}')
one("dtype twice, one escaped", '{"dtype":"U8","\\u0064type":"U8","shape":[1],"data_offsets":[0,1]}')
one("unknown field twice", entry(more=',"a":1,"a":2'))
case("metadata twice", '{"__metadata__":{},"__metadata__":{}}')
case("metadata null twice", '{"__metadata__":null,"__metadata__":null}')
case("key of metadata twice", '{"__metadata__":{"a":"1","a":"2"}}', differs="a key of the metadata that stands twice")

# Metadata.
case("metadata", '{"__metadata__":{"format":"pt","":"","a\\n":"ü"}}')
case("metadata empty", '{"__metadata__":{}}')
case("metadata last", '{"x":%s,"__metadata__":{"a":"b"}}' % E, b"1")
case("metadata null", '{"__metadata__":null}')
case("metadata nul", '{"__metadata__":nul}')
case("metadata escaped", '{"\\u005f_metadata__":{"a":"b"}}')
case("metadata of a number", '{"__metadata__":{"a":1}}')
case("metadata of null", '{"__metadata__":{"a":null}}')
case("metadata of an object", '{"__metadata__":{"a":{}}}')
case("metadata of true", '{"__metadata__":{"a":true}}')
case("metadata an array", '{"__metadata__":[]}')
case("metadata a string", '{"__metadata__":"a"}')
case("metadata a tensor", '{"__metadata__":%s}' % E, b"1")
case("metadata in capitals", '{"__METADATA__":{"a":"b"}}')
case("metadata in capitals, a tensor", '{"__METADATA__":%s}' % E, b"1")

# Fields.
one("one tensor", E)
one("fields in another order", '{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}')
one("no dtype", '{"shape":[1],"data_offsets":[0,1]}')
one("no shape", '{"dtype":"U8","data_offsets":[0,1]}')
one("no data_offsets", '{"dtype":"U8","shape":[1]}')
one("no field", "{}", b"")
one("DType", '{"DType":"U8","shape":[1],"data_offsets":[0,1]}')
one("Shape", '{"dtype":"U8","Shape":[1],"data_offsets":[0,1]}')
one("DATA_OFFSETS", '{"dtype":"U8","shape":[1],"DATA_OFFSETS":[0,1]}')
one("dtype and DType", entry(more=',"DType":"F64"'))
one("long s in shape", '{"dtype":"U8","\u017fhape":[1],"data_offsets":[0,1]}')
one("field escaped", '{"\\u0064type":"U8","shape":[1],"data_offsets":[0,1]}')
one("unknown field", entry(more=',"scale":2'))
one("unknown field of everything", entry(more=',"a":[null,true,false,-0,-1.5e-3,"\\n",{},[],{"a":{"b":[1]}}]'))
one("unknown field, leading zero", entry(more=',"a":01'))
one("unknown field, plus", entry(more=',"a":+1'))
one("unknown field, point", entry(more=',"a":1.'))
one("unknown field, no digit before the point", entry(more=',"a":.5'))
one("unknown field, exponent", entry(more=',"a":1e'))
one("unknown field, minus alone", entry(more=',"a":-'))
one("unknown field, NaN", entry(more=',"a":NaN'))
one("unknown field, infinity", entry(more=',"a":-Infinity'))
one("unknown field, True", entry(more=',"a":True'))
one("unknown field, hexadecimal", entry(more=',"a":0x1'))
one("unknown field, underscore", entry(more=',"a":1_0'))
one("unknown field, 1e308", entry(more=',"a":1e308'))
one("unknown field, largest", entry(more=',"a":1.7976931348623157e308'))
one("unknown field, beyond the largest", entry(more=',"a":1.7976931348623159e308'))
one("unknown field, rounded down to the largest", entry(more=',"a":1.79769313486231579223372036854775808e308'))
one("unknown field, integer at the border", entry(more=',"a":179769313486231580' + "0" * 291))
one("unknown field, 20 digits at the border", entry(more=',"a":17976931348623158079e289'))
one("unknown field, point after 20 digits", entry(more=',"a":18446744073709551616.5e289'))
one("unknown field, 1e309", entry(more=',"a":1e309'))
one("unknown field, -1e999", entry(more=',"a":-1e999'))
one("unknown field, 1e-999", entry(more=',"a":1e-999'))
one("unknown field, 0e999", entry(more=',"a":0e999'))
one("unknown field, 1e-99999999999999999999", entry(more=',"a":1e-99999999999999999999'))
one("unknown field, 1e99999999999999999999", entry(more=',"a":1e99999999999999999999'))
one("unknown field, 0e99999999999999999999", entry(more=',"a":0e99999999999999999999'))
one("unknown field, 300 digits", entry(more=',"a":' + "9" * 300))
one("unknown field, 400 digits", entry(more=',"a":' + "9" * 400))
one("unknown field, 400 digits and e-300", entry(more=',"a":' + "9" * 400 + "e-300"))
one("unknown field, 400 zeros and e400", entry(more=',"a":0.' + "0" * 400 + "1e400"))
one("unknown field, half a surrogate pair", entry(more=',"a":"\\ud800"'))
one("unknown field, bad escape in a key", entry(more=',"a":{"\\q":1}'))
for n in 124, 125, 126, 127, 1000:
    one("unknown field, arrays %d deep" % n, entry(more=',"a":' + "[" * n + "]" * n))
one("unknown field, objects 125 deep", entry(more=',"a":' + '{"a":' * 125 + "1" + "}" * 125))
one("unknown field, objects 126 deep", entry(more=',"a":' + '{"a":' * 126 + "1" + "}" * 126))
one("unknown field, arrays not closed", entry(more=',"a":' + "[" * 200))

# Entries that are not objects.
one("entry null", "null", b"")
one("entry a number", "3", b"")
one("entry a string", '"U8"', b"")
one("entry true", "true", b"")
one("entry an array", '["U8",[1],[0,1]]')
one("entry an array of 0", "[]", b"")
one("entry an array of 2", '["U8",[1]]')
one("entry an array of 4", '["U8",[1],[0,1],null]')
one("entry an array in another order", '["U8",[0,1],[1]]')

# Types.
for dtype, bits in {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64,
    "I64": 64, "U64": 64, "C128": 128, "I4": 4, "U4": 4, "F8": 8, "I128": 128, "STRING": 8,
}.items():
    one("dtype " + dtype, entry(dtype, "[2,2]", "[0,%d]" % (bits // 2)), bytes(range(1, bits // 2 + 1)))
one("dtype f32", entry("f32", "[1]", "[0,4]"), b"1234")
one("dtype float32", entry("float32", "[1]", "[0,4]"), b"1234")
one("dtype with a space", entry("F32 ", "[1]", "[0,4]"), b"1234")
one("dtype empty", entry(""))
one("dtype escaped", entry("\\u0055\\u0038"))
one("dtype a number", '{"dtype":4,"shape":[1],"data_offsets":[0,1]}')
one("dtype null", '{"dtype":null,"shape":[1],"data_offsets":[0,1]}')
one("dtype an array", '{"dtype":["U8"],"shape":[1],"data_offsets":[0,1]}')
one("dtype an object", '{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}')
one("dtype an object of an object", '{"dtype":{"U8":{}},"shape":[1],"data_offsets":[0,1]}')
one("dtype an object of an array", '{"dtype":{"U8":[]},"shape":[1],"data_offsets":[0,1]}')
one("dtype an object of a number", '{"dtype":{"U8":1},"shape":[1],"data_offsets":[0,1]}')
one("dtype an object of two", '{"dtype":{"U8":null,"I8":null},"shape":[1],"data_offsets":[0,1]}')
one("dtype an object of the same twice", '{"dtype":{"U8":null,"U8":null},"shape":[1],"data_offsets":[0,1]}')
one("dtype an object of none", '{"dtype":{},"shape":[1],"data_offsets":[0,1]}')
one("dtype an object of an unknown one", '{"dtype":{"":null},"shape":[1],"data_offsets":[0,1]}')
one("F4, half a byte", entry("F4", "[1]", "[0,0]"), b"")
one("F4, half a byte rounded up", entry("F4", "[1]", "[0,1]"))
one("F4, three", entry("F4", "[3]", "[0,2]"), b"12")
one("F4, none", entry("F4", "[0]", "[0,0]"), b"")
one("F6, two", entry("F6_E2M3", "[2]", "[0,2]"), b"12")

# Shapes.
one("scalar", entry("U8", "[]", "[0,1]"))
one("scalar without data", entry("U8", "[]", "[0,0]"), b"")
one("shape of 0", entry("U8", "[0]", "[0,0]"), b"")
one("shape of 3 and 0", entry("F32", "[3,0]", "[0,0]"), b"")
one("shape of 1, 1, 1", entry("U8", "[1,1,1]"))
one("shape of 1000 dimensions", entry("U8", "[" + ",".join(["1"] * 1000) + "]"))
one("shape null", entry("U8", "null"))
one("shape a number", entry("U8", "1"))
one("shape an object", entry("U8", "{}"))
one("shape a string", entry("U8", '"1"'))
one("shape of a string", entry("U8", '["1"]'))
one("shape of null", entry("U8", "[null]"))
one("shape of an array", entry("U8", "[[1]]"))
one("shape of true", entry("U8", "[true]"))
one("shape of -1", entry("U8", "[-1]"))
one("shape of -1 and -1", entry("U8", "[-1,-1]"))
one("shape of -0", entry("U8", "[-0]", "[0,0]"), b"")
one("shape of 1.0", entry("U8", "[1.0]"))
one("shape of 1e0", entry("U8", "[1e0]"))
one("shape of 1E0", entry("U8", "[1E0]"))
one("shape of 01", entry("U8", "[01]"))
one("shape of 00", entry("U8", "[00]", "[0,0]"), b"")
one("shape with a comma at the end", entry("U8", "[1,]"))
one("shape of 2^63-1 and 0", entry("U8", "[9223372036854775807,0]", "[0,0]"), b"")
one("shape of 0 and 2^63", entry("U8", "[0,9223372036854775808]", "[0,0]"), b"", "a dimension beyond int")
one("shape of 2^64-1 and 0", entry("U8", "[18446744073709551615,0]", "[0,0]"), b"", "a dimension beyond int")
one("shape of 2^64 and 0", entry("U8", "[18446744073709551616,0]", "[0,0]"), b"")
one("shape of 1e30 and 0", entry("U8", "[1" + "0" * 30 + ",0]", "[0,0]"), b"")
one("shape of 2^32, 2^32", entry("U8", "[4294967296,4294967296]", "[0,0]"), b"")
one("shape of 0, 2^32, 2^32", entry("U8", "[0,4294967296,4294967296]", "[0,0]"), b"")
one("shape of 2^32, 0, 2^32", entry("U8", "[4294967296,0,4294967296]", "[0,0]"), b"")
one("shape of 2^32, 2^32, 0", entry("U8", "[4294967296,4294967296,0]", "[0,0]"), b"")
one("shape of 2^61, 8 bytes each", entry("F64", "[2305843009213693952]", "[0,0]"), b"")
one("shape of 2^62, 4 bytes each", entry("F32", "[4611686018427387904]", "[0,0]"), b"")
one("shape of 2^60 bytes", entry("U8", "[1152921504606846976]", "[0,1152921504606846976]"))

# Offsets.
one("offsets null", entry("U8", "[1]", "null"))
one("offsets of none", entry("U8", "[1]", "[]"))
one("offsets of one", entry("U8", "[1]", "[0]"))
one("offsets of three", entry("U8", "[1]", "[0,1,2]"))
one("offsets an object", entry("U8", "[1]", '{"0":0,"1":1}'))
one("offsets of strings", entry("U8", "[1]", '["0","1"]'))
one("offsets of floats", entry("U8", "[1]", "[0.0,1.0]"))
one("offsets of an exponent", entry("U8", "[1]", "[0,1e0]"))
one("offsets from -0", entry("U8", "[1]", "[-0,1]"))
one("offsets from -1", entry("U8", "[1]", "[-1,0]"))
one("offsets of 2^64", entry("U8", "[1]", "[18446744073709551616,18446744073709551617]"))
one("offsets of 2^64-1", entry("U8", "[1]", "[18446744073709551614,18446744073709551615]"))
one("offsets that wrap around", entry("U8", "[2]", "[18446744073709551615,1]"))
one("begin after end", entry("U8", "[1]", "[1,0]"))
one("begin after end, nothing", entry("U8", "[0]", "[1,0]"))
one("begin and end at 1, nothing", entry("U8", "[0]", "[1,1]"))
one("too few bytes", entry("F32", "[1]", "[0,3]"), b"123")
one("too many bytes", entry("F32", "[1]", "[0,5]"), b"12345")
one("out of range", entry("U8", "[1]", "[1,2]"))
one("hole at the beginning", entry("U8", "[1]", "[1,2]"), b"12")
one("data behind", E, b"12")
one("data missing", E, b"")


def two(name, first, second, data=b"12"):
    case(name, '{"x":%s,"y":%s}' % (entry("U8", *first), entry("U8", *second)), data)


two("two", ("[1]", "[0,1]"), ("[1]", "[1,2]"))
two("two in reverse", ("[1]", "[1,2]"), ("[1]", "[0,1]"))
two("two in the same place", ("[1]", "[0,1]"), ("[1]", "[0,1]"), b"1")
two("two overlapping", ("[2]", "[0,2]"), ("[2]", "[1,3]"), b"123")
two("one within the other", ("[3]", "[0,3]"), ("[1]", "[1,2]"), b"123")
two("hole between", ("[1]", "[0,1]"), ("[1]", "[2,3]"), b"123")
two("nothing at the beginning", ("[1]", "[0,1]"), ("[0]", "[0,0]"), b"1")
two("nothing at the end", ("[1]", "[0,1]"), ("[0]", "[1,1]"), b"1")
two("nothing within", ("[2]", "[0,2]"), ("[0]", "[1,1]"))
two("nothing behind", ("[1]", "[0,1]"), ("[0]", "[2,2]"), b"1")
two("nothing twice", ("[0]", "[0,0]"), ("[0]", "[0,0]"), b"")
two("not aligned", ("[1]", "[0,1]"), ("[4]", "[1,5]"), b"12345")


def judge(content):
    """Whether the reference accepts a file, and what it finds in it."""
    try:
        tensors = safetensors.deserialize(content)
        accepted = True
    except safetensors.SafetensorError:
        tensors, accepted = [], False
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            with safetensors.safe_open(file.name, "pt") as opened:
                also, metadata = True, opened.metadata()
                assert sorted(opened.keys()) == sorted(name for name, _ in tensors)
        except (safetensors.SafetensorError, OSError):
            also, metadata = False, None
    assert accepted == also
    found = {name: [t["dtype"], [str(n) for n in t["shape"]], bytes(t["data"]).hex()] for name, t in tensors}
    return {"accepted": accepted} | ({"tensors": found} if found else {}) | ({"metadata": metadata} if metadata is not None else {})


def headers():
    out = []
    for name, pieces, differs in CASES:
        verdict = judge(b"".join(text * times for text, times in pieces))
        assert not differs or verdict["accepted"], name
        row = {"name": name, "pieces": [[text.hex(), times] for text, times in pieces]} | verdict
        out.append(row | ({"differs": differs} if differs else {}))
    assert len({row["name"] for row in out}) == len(out)
    return out


def files():
    """Files that the reference wrote, with one key of metadata at most: it writes several in a random order."""
    torch.manual_seed(1)
    every = {
        "b.f32": torch.randn(2, 3), "a.f32": torch.tensor(1.5), "f16": torch.randn(5).half(), "bf16": torch.randn(3, 1).bfloat16(),
        "f64": torch.randn(2).double(), "i64": torch.tensor([-1, 2**62]), "i32": torch.tensor([-(2**31), 7], dtype=torch.int32),
        "i16": torch.tensor([-2, 3], dtype=torch.int16), "i8": torch.tensor([-128, 127], dtype=torch.int8),
        "u8": torch.tensor([0, 255, 1], dtype=torch.uint8), "u16": torch.tensor([65535], dtype=torch.uint16),
        "u32": torch.tensor([2**32 - 1], dtype=torch.uint32), "u64": torch.tensor([2**63 - 1], dtype=torch.uint64),
        "bool": torch.tensor([True, False, True]), "e5m2": torch.randn(2).to(torch.float8_e5m2),
        "e4m3": torch.randn(3).to(torch.float8_e4m3fn), "c64": torch.randn(1, dtype=torch.complex64), "none": torch.zeros(0, 4),
        "权重": torch.zeros(1), 'quote " and \\ and /': torch.zeros(1), "\0\x01\b\t\n\f\r\x1f\x7f<>&\u2028": torch.zeros(1), "": torch.zeros(1),
    }
    return {
        "every type": safetensors.torch.save(every, {"format": "pt"}),
        "no tensors": safetensors.torch.save({}),
        "empty metadata": safetensors.torch.save({"x": torch.ones(1)}, {}),
        "odd metadata": safetensors.torch.save({"x": torch.ones(1).half()}, {'\n"k\x1b</': "\u2029v\\"}),
    }


def numbers():
    """Float32 numbers, most of them at the borders of rounding, and what torch makes of them."""
    torch.manual_seed(2)
    bits = []
    for exponent in [*range(0, 4), 87, *range(99, 146), 251, 252, 253, 254]:
        for fraction in (0, 1, 0x0FFF, 0x1000, 0x1001, 0x1FFF, 0x2000, 0x3000, 0x3001, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x10000, 0x17FFF,
                         0x18000, 0x18001, 0x555555, 0x7FEFFF, 0x7FF000, 0x7FF001, 0x7F7FFF, 0x7F8000, 0x7FFFFF):
            bits += [exponent << 23 | fraction, 1 << 31 | exponent << 23 | fraction]
    bits += [0x7F800000, 0xFF800000]
    f32 = torch.tensor(bits, dtype=torch.int64).to(torch.uint32).view(torch.float32)
    f32 = torch.cat([f32, torch.randn(500) * torch.logspace(-12, 6, 500)])
    every = torch.arange(65536, dtype=torch.int32).to(torch.uint16)

    def text(t):
        return base64.b64encode(t.contiguous().view(torch.uint8).numpy().tobytes()).decode()

    def digest(t):
        t = torch.where(torch.isnan(t), torch.tensor(0x7FC00000, dtype=torch.int32).view(torch.float32), t)
        return hashlib.sha256(t.view(torch.uint8).numpy().tobytes()).hexdigest()

    return {
        "f32": text(f32), "f16": text(f32.half()), "bf16": text(f32.bfloat16()),
        "every_f16": digest(every.view(torch.float16).float()), "every_bf16": digest(every.view(torch.bfloat16).float()),
    }


def write(name, value):
    with open(os.path.join(HERE, name), "w", newline="\n") as file:
        file.write(value)


if __name__ == "__main__":
    versions = {"safetensors": safetensors.__version__, "torch": torch.__version__.split("+")[0]}
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in headers())
    write("headers.json", '{"versions":%s,"cases":[\n%s\n]}\n' % (json.dumps(versions), rows))
    write("files.json", json.dumps({name: base64.b64encode(f).decode() for name, f in files().items()}, indent=1) + "\n")
    write("numbers.json", json.dumps(numbers(), indent=1) + "\n")
    tiny = {"weight": torch.tensor([[1.0, -2.0], [0.5, 3.0]]), "steps": torch.tensor(1000)}
    safetensors.torch.save_file(tiny, os.path.join(HERE, "tiny.safetensors"), {"format": "pt"})
