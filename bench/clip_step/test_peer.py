"""Tests of peer.py: that it is the same model as ours, and that it learns.

    bench/.venv-bench/bin/python bench/clip_step/test_peer.py
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import torch

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here))
import peer  # noqa: E402

GOLDENS = here.parents[1] / "mmlib" / "models" / "clip" / "testdata"


def tower(width, layers, heads, activation, **more):
    return {"width": width, "layers": layers, "heads": heads, "mlp": 4 * width, "activation": activation,
            "layer_norm": 1e-5, **more}


def settings(vision, text, projection):
    return {"vision": vision, "text": text, "projection": projection, "temperature": 0.07, "batch": 20, "distinct": 10,
            "classes": 5, "threads": 1, "learning_rate": 1e-3, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.98,
            "epsilon": 1e-6, "clip_norm": 1.0}


SMALL = settings(
    tower(16, 1, 2, "gelu_tanh", image_size=8, channels=1, patch_size=4),
    tower(8, 1, 2, "gelu_tanh", vocab=20, context=4, end_of_text=-1),
    8,
)
VIT_B_32 = settings(
    tower(768, 12, 12, "quick_gelu", image_size=224, channels=3, patch_size=32),
    tower(512, 12, 8, "quick_gelu", vocab=49408, context=77, end_of_text=-1),
    512,
)


def read(path):
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    metadata = header.pop("__metadata__")
    kinds = {"F32": "<f4", "I64": "<i8"}
    arrays = {}
    for name, e in header.items():
        begin, end = e["data_offsets"]
        arrays[name] = torch.from_numpy(np.frombuffer(data[begin:end], kinds[e["dtype"]]).reshape(e["shape"]).copy())
    return arrays, metadata


def from_transformers(w, layers):
    """Our peer's weights from those of transformers' CLIPModel."""
    out = {
        "logit_scale": w["logit_scale"],
        "image_projection.weight": w["visual_projection.weight"],
        "text_projection.weight": w["text_projection.weight"],
        "vision.patch.weight": w["vision_model.embeddings.patch_embedding.weight"],
        "vision.cls": w["vision_model.embeddings.class_embedding"],
        "vision.position": w["vision_model.embeddings.position_embedding.weight"],
        "text.token": w["text_model.embeddings.token_embedding.weight"],
        "text.position": w["text_model.embeddings.position_embedding.weight"],
    }
    for kind in ["weight", "bias"]:
        out[f"vision.norm_pre.{kind}"] = w[f"vision_model.pre_layrnorm.{kind}"]
        out[f"vision.norm_post.{kind}"] = w[f"vision_model.post_layernorm.{kind}"]
        out[f"text.norm.{kind}"] = w[f"text_model.final_layer_norm.{kind}"]
        for side in ["vision", "text"]:
            for i in range(layers):
                theirs, ours = f"{side}_model.encoder.layers.{i}.", f"{side}.blocks.{i}."
                qkv = [w[f"{theirs}self_attn.{part}_proj.{kind}"] for part in "qkv"]
                out[f"{ours}attention.qkv.{kind}"] = torch.cat(qkv)
                out[f"{ours}attention.out.{kind}"] = w[f"{theirs}self_attn.out_proj.{kind}"]
                out[f"{ours}norm1.{kind}"] = w[f"{theirs}layer_norm1.{kind}"]
                out[f"{ours}norm2.{kind}"] = w[f"{theirs}layer_norm2.{kind}"]
                out[f"{ours}mlp_in.{kind}"] = w[f"{theirs}mlp.fc1.{kind}"]
                out[f"{ours}mlp_out.{kind}"] = w[f"{theirs}mlp.fc2.{kind}"]
    return out


def golden_config(metadata):
    c = json.loads(metadata["config"])
    v, t = c["vision_config"], c["text_config"]
    both = [{"width": x["hidden_size"], "layers": x["num_hidden_layers"], "heads": x["num_attention_heads"],
             "mlp": x["intermediate_size"], "activation": x["hidden_act"], "layer_norm": x["layer_norm_eps"]}
            for x in (v, t)]
    both[0] |= {"image_size": v["image_size"], "channels": v["num_channels"], "patch_size": v["patch_size"]}
    both[1] |= {"vocab": t["vocab_size"], "context": t["max_position_embeddings"],
                "end_of_text": -1 if t["eos_token_id"] == 2 else t["eos_token_id"]}
    return settings(*both, c["projection_dim"])


class PeerTest(unittest.TestCase):
    def test_parameters(self):
        self.assertEqual(peer.count(VIT_B_32), 151_277_313)  # as published

    def test_same_as_transformers(self):
        weights, _ = read(GOLDENS / "model.safetensors")
        for name in ["argmax", "first"]:
            golden, metadata = read(GOLDENS / f"{name}.safetensors")
            for patches in ["conv", "unfold"]:
                model = peer.CLIP(golden_config(metadata), patches)
                model.load_state_dict(from_transformers(weights, 2), strict=True)
                pairs = torch.arange(len(golden["input.ids"]))
                logits = model(golden["input.pixel_values"], golden["input.ids"], pairs)
                loss = peer.clip_loss(logits, pairs)
                loss.backward()
                close = {"rtol": 0, "atol": 1e-5}
                torch.testing.assert_close(logits, golden["output.logits_per_image"], **close)
                torch.testing.assert_close(loss, golden["output.loss"], **close)
                patch = "vision_model.embeddings.patch_embedding.weight"
                torch.testing.assert_close(model.vision.patch.weight.grad, golden["grad." + patch], **close)

    def test_learns(self):
        for optimizer in ["foreach", "fused"]:
            stepper = peer.Stepper(SMALL, optimizer)
            first, last = stepper.run(1)["loss"], stepper.run(150)["loss"]
            self.assertLess(last, first - 0.5, optimizer)

    def test_protocol(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(SMALL, file)
            file.flush()
            command = [sys.executable, str(here / "peer.py"), file.name]
            run = subprocess.run(command, input="step 2\nstep -1\nstep 3\n", capture_output=True, text=True, check=True)
            check = subprocess.run([*command, "--check"], capture_output=True, text=True, check=True)
        ready, two, error, three = map(json.loads, run.stdout.splitlines())
        self.assertEqual((ready["ready"], ready["threads"]), (True, 1))
        self.assertEqual(ready["params"], int(check.stdout))
        self.assertEqual((two["steps"], three["steps"]), (2, 3))
        self.assertGreater(two["seconds"], 0)
        self.assertIn("step -1", error["error"])


if __name__ == "__main__":
    unittest.main()
