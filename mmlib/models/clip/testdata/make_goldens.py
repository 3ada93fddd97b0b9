"""Golden values of CLIP, from transformers' CLIPModel: small, random, float32, on the CPU.

    pip install torch==2.15.0 transformers==5.23.0 numpy==2.4.6
    python make_goldens.py            # writes the *.safetensors files beside it

model.safetensors    the weights, under the names that transformers gives them; biases and gains random too
argmax.safetensors   inputs, outputs and gradients of a model with these weights, quick_gelu
first.safetensors    the same for a model with these weights, gelu

"argmax" and "first" are the two ways to find the end-of-text token, whose hidden state becomes the text's embedding:
the largest id (OpenAI's code; transformers does so when eos_token_id is 2), or the first id equal to eos_token_id.
Each variant's ids hold what the other way would get wrong.

Running it again on the same machine gives the same bytes; elsewhere outputs may differ in the last bit.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import transformers

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "internal" / "golden"))
import golden  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

B, CONTEXT, VOCAB, IMAGE, CHANNELS = 5, 8, 40, 16, 3
GRADIENTS = [
    "logit_scale",
    "vision_model.embeddings.class_embedding",
    "vision_model.embeddings.patch_embedding.weight",
    "vision_model.encoder.layers.0.self_attn.q_proj.weight",
    "vision_model.encoder.layers.1.mlp.fc1.bias",
    "vision_model.pre_layrnorm.weight",
    "visual_projection.weight",
    "text_model.embeddings.token_embedding.weight",
    "text_model.embeddings.position_embedding.weight",
    "text_model.encoder.layers.0.self_attn.v_proj.bias",
    "text_model.encoder.layers.1.self_attn.k_proj.weight",
    "text_model.final_layer_norm.bias",
]


def config(eos, activation):
    both = {"hidden_act": activation, "layer_norm_eps": 1e-5, "num_hidden_layers": 2}
    vision = {"image_size": IMAGE, "num_channels": CHANNELS, "patch_size": 8, "hidden_size": 32,
              "num_attention_heads": 4, "intermediate_size": 64, **both}
    text = {"vocab_size": VOCAB, "max_position_embeddings": CONTEXT, "hidden_size": 24, "num_attention_heads": 3,
            "intermediate_size": 48, "bos_token_id": 0, "eos_token_id": eos, "pad_token_id": 1, **both}
    return {"projection_dim": 16, "logit_scale_init_value": 1.3, "vision_config": vision, "text_config": text}


def weights(model, random):
    """Random values for every weight, of a size that keeps all parts of the model in play."""
    values = {}
    for name, parameter in model.state_dict().items():
        shape = tuple(parameter.shape)
        if name == "logit_scale":
            values[name] = np.array(1.3, "<f4")
        elif name.endswith("bias"):
            values[name] = random.normal(*shape, std=0.2)
        elif "norm" in name:  # gains; pre_layrnorm is how transformers spells it
            values[name] = random.normal(*shape, mean=1, std=0.3)
        elif "embedding" in name:
            values[name] = random.normal(*shape, std=0.1 if "patch" in name else 0.5)
        else:
            values[name] = random.normal(*shape, std=shape[-1] ** -0.5)
    return values


def texts(eos, random):
    """Ids [B, CONTEXT] of texts of 3, 4, 6, 7 and 8 tokens, start and end included, with anything for padding."""
    end = VOCAB - 1 if eos == 2 else eos
    ids = random.integers(1, VOCAB - 1, (B, CONTEXT))
    ids[ids == end] += 1
    ids[:, 0] = 0
    for row, length in enumerate([3, 8, 6, 4, 7]):
        ids[row, length - 1] = end
    ids[0, 3:] = end  # padded with the end token, as OpenAI's later tokenizers do
    if eos == 2:
        ids[1, 2] = eos  # not the end here: the largest id is
    else:
        ids[1, 2] = ids[2, 7] = VOCAB - 1  # the largest id is not the end here
    return ids


def variant(eos, activation, values, pixels, ids, dtype=torch.float32):
    """The tensors of one golden file."""
    settings = config(eos, activation)
    settings = transformers.CLIPConfig(**settings, attn_implementation="eager")
    model = transformers.CLIPModel(settings).eval().to(dtype)
    model.load_state_dict({name: torch.from_numpy(v) for name, v in values.items()}, strict=True)
    out = model(pixel_values=torch.from_numpy(pixels).to(dtype), input_ids=torch.from_numpy(ids), return_loss=True)
    out.loss.backward()
    parameters = dict(model.named_parameters())
    tensors = {
        "output.vision_hidden": out.vision_model_output.last_hidden_state,  # [B, 1+4, 32], before the last norm
        "output.text_hidden": out.text_model_output.last_hidden_state,  # [B, 8, 24], after the last norm
        "output.image_embeds": out.image_embeds,  # [B, 16], of length 1
        "output.text_embeds": out.text_embeds,  # [B, 16], of length 1
        "output.logits_per_image": out.logits_per_image,  # [B, B], images in rows
        "output.loss": out.loss,  # (), the symmetric contrastive loss
    }
    tensors |= {"grad." + name: parameters[name].grad for name in GRADIENTS}  # of output.loss
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def main():
    random = golden.Random(20261103)
    versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    blank = transformers.CLIPModel(transformers.CLIPConfig(**config(2, "gelu")))
    values = weights(blank, random)
    golden.write(here / "model.safetensors", values, versions)

    pixels = random.normal(B, CHANNELS, IMAGE, IMAGE)
    for name, eos, activation in [("argmax", 2, "quick_gelu"), ("first", 30, "gelu")]:
        ids = texts(eos, random)
        out = variant(eos, activation, values, pixels, ids)
        exact = variant(eos, activation, values, pixels, ids, torch.float64)
        worst = max((abs(out[n] - exact[n]).max(), n) for n in out)
        print(f"{name}: float32 differs from float64 by {worst[0]:.1e} at most, in {worst[1]}")
        golden.write(
            here / f"{name}.safetensors",
            {"input.pixel_values": pixels, "input.ids": ids, **out},
            {"config": json.dumps(config(eos, activation)), **versions},
        )


if __name__ == "__main__":
    main()
