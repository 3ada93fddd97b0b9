"""Golden values of a decoder with cross-attention, from PyTorch: small, random, on the CPU.

    pip install torch==2.15.0 numpy==2.4.6
    python make_goldens.py            # writes decoder.safetensors beside it

torch.nn.TransformerDecoderLayer with norm_first and GELU, two of them, D = 8, H = 2, in float64; the file holds the results
rounded to float32, and running this again gives the same bytes. For each CASE below:
    CASE.x [B, L, D], CASE.memory [B, S, D], CASE.lengths [B] if the memory is padded; x looks at itself causally
    CASE.z [B, L, D]; CASE.dz, a random gradient there; CASE.dx, CASE.dmemory
    CASE.blockI.NAME, the weights of layer I as PyTorch has them, matrices [out, in]; CASE.dblockI.NAME, their gradients
"""

import pathlib
import sys

import numpy as np
import torch

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

CASES = {"all": None, "padding": [2, 4]}  # name: lengths of the memory


def decoder(random, lengths, batch=2, length=5, keys=4, heads=2, width=8, mlp=12, layers=2):
    stack = [torch.nn.TransformerDecoderLayer(width, heads, mlp, dropout=0.0, activation="gelu", norm_first=True,
                                              batch_first=True, dtype=torch.float64) for _ in range(layers)]
    weights = {f"block{i}.{name}": w for i, layer in enumerate(stack) for name, w in layer.named_parameters()}
    with torch.no_grad():
        for w in weights.values():
            w.copy_(torch.from_numpy(random.normal(*w.shape, std=0.5)))
    x = torch.from_numpy(random.normal(batch, length, width)).double().requires_grad_()
    memory = torch.from_numpy(random.normal(batch, keys, width)).double().requires_grad_()
    dz = torch.from_numpy(random.normal(batch, length, width)).double()
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    padding = None if lengths is None else torch.arange(keys) >= torch.tensor(lengths)[:, None]
    z = x
    for layer in stack:
        z = layer(z, memory, tgt_mask=later, memory_key_padding_mask=padding)
    z.backward(dz)
    out = {"x": x, "memory": memory, "z": z, "dz": dz, "dx": x.grad, "dmemory": memory.grad} | weights
    out |= {"d" + name: w.grad for name, w in weights.items()}
    out = {name: tensor.detach().numpy() for name, tensor in out.items()}
    return out if lengths is None else out | {"lengths": np.array(lengths, "<i8")}


def main():
    random, out = golden.Random(1706), {}
    for case, lengths in CASES.items():
        out |= {f"{case}.{name}": a for name, a in decoder(random, lengths).items()}
    golden.write(here / "decoder.safetensors", out, {"torch": torch.__version__.split("+")[0]})


if __name__ == "__main__":
    main()
