"""Writes the golden files that package golden reads: safetensors, with nothing in them that depends on the machine.

The recipes, testdata/make_goldens.py in the packages that the files serve, import this module.
"""

import json
import struct

import numpy as np

NAMES = {np.dtype("<f4"): "F32", np.dtype("<i4"): "I32", np.dtype("<i8"): "I64"}


class Random:
    """Numbers that are the same on every machine: NumPy's RandomState, whose streams are frozen (NEP 19)."""

    def __init__(self, seed):
        self.state = np.random.RandomState(seed)

    def normal(self, *shape, mean=0.0, std=1.0):
        """Normal numbers, exactly representable as float32."""
        return (mean + std * self.state.standard_normal(shape)).astype("<f4")

    def integers(self, low, high, shape=()):
        """Integers, low ≤ x < high."""
        return self.state.randint(low, high, shape, dtype="<i8")


def write(path, tensors, metadata=None):
    """Writes name → array. Floating point is rounded to float32; order of names is kept."""
    header, data = {}, []
    if metadata:
        header["__metadata__"] = {key: str(value) for key, value in metadata.items()}
    offset = 0
    for name, array in tensors.items():
        array = np.asarray(array)
        if array.dtype.kind == "f":
            array = array.astype("<f4")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} is not finite")
        raw = array.tobytes()  # row-major, whatever the strides
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(raw)],
        }
        offset += len(raw)
        data.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data starts at a multiple of 8
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data))
