#!/usr/bin/env python3
"""Small random models that see, with what transformers computes of them.

    make_vision.py OUT TOKENIZERS [NAME ...]

Each is a folder OUT/NAME as transformers saves it, with a tokenizer of TOKENIZERS, and NAME.loss, the mean loss in nats of OUT/rows.npy ([rows, length] int32) on text alone.
Of those whose tower llama.cpp's files have, NAME.picture.npy ([3, height, width] float32, normalised) and NAME.features.npy, what the projector
makes of it: of LLaVA-NeXT of a picture that is one tile, of Pixtral's towers with the embedding of [IMG_BREAK] between rows.
"""

import json
import os
import shutil
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers as t  # noqa: E402

SIZE = 283
LLAMA = dict(model_type="llama", vocab_size=SIZE, hidden_size=40, intermediate_size=56, num_hidden_layers=3, num_attention_heads=5,
             num_key_value_heads=1, head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-5)
MISTRAL = dict(LLAMA, model_type="mistral", sliding_window=None)
QWEN2 = {key: value for key, value in dict(LLAMA, model_type="qwen2").items() if key != "head_dim"}
GEMMA3 = dict(model_type="gemma3_text", vocab_size=SIZE, hidden_size=40, intermediate_size=56, num_hidden_layers=7, num_attention_heads=5,
              num_key_value_heads=1, head_dim=12, sliding_window=9, query_pre_attn_scalar=12, max_position_embeddings=64)
GEMMA = dict(model_type="gemma", vocab_size=SIZE, hidden_size=40, intermediate_size=56, num_hidden_layers=2, num_attention_heads=5,
             num_key_value_heads=1, head_dim=12, max_position_embeddings=64)
SECTIONS = {"rope_type": "default", "rope_theta": 50000.0, "mrope_section": [2, 3, 3]}
QWEN2_VL = dict(vocab_size=SIZE, hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1,
                max_position_embeddings=64, rope_parameters=SECTIONS)
QWEN3_VL = dict(vocab_size=SIZE, hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=5, num_key_value_heads=1,
                head_dim=16, max_position_embeddings=64, rope_parameters=dict(SECTIONS, mrope_interleaved=True))
QWEN35 = dict(vocab_size=SIZE, hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1,
              head_dim=16, max_position_embeddings=64, linear_key_head_dim=8, linear_value_head_dim=12, linear_num_key_heads=2,
              linear_num_value_heads=4, full_attention_interval=2,
              rope_parameters=dict(SECTIONS, mrope_section=[1, 1, 0], partial_rotary_factor=0.25, mrope_interleaved=True))
LLAMA4 = dict(vocab_size=SIZE, hidden_size=40, intermediate_size=24, intermediate_size_mlp=56, num_hidden_layers=4, num_attention_heads=5,
              num_key_value_heads=1, head_dim=8, num_local_experts=3, num_experts_per_tok=1, interleave_moe_layer_step=2,
              attention_chunk_size=16, max_position_embeddings=64)
TOWER = dict(hidden_size=24, intermediate_size=36, num_hidden_layers=3, num_attention_heads=3, image_size=28, patch_size=7)
CLIP = dict(TOWER, model_type="clip_vision_model", projection_dim=24)
SIGLIP = dict(TOWER, model_type="siglip_vision_model", image_size=84, num_hidden_layers=2, vision_use_head=False)
PIXTRAL = dict(model_type="pixtral", hidden_size=32, intermediate_size=36, num_hidden_layers=2, num_attention_heads=2, head_dim=16,
               image_size=56, patch_size=7, hidden_act="silu")
QWEN2_TOWER = dict(depth=2, embed_dim=32, hidden_size=48, num_heads=2, mlp_ratio=2, patch_size=4)
QWEN25_TOWER = dict(depth=2, hidden_size=32, out_hidden_size=48, num_heads=2, intermediate_size=36, patch_size=4, fullatt_block_indexes=[1])
QWEN3_TOWER = dict(depth=3, hidden_size=32, out_hidden_size=48, num_heads=2, intermediate_size=36, patch_size=4, num_position_embeddings=16,
                   deepstack_visual_indexes=[0, 2])
INTERN = dict(TOWER, image_size=[28, 28], patch_size=[7, 7])
LLAMA4_TOWER = dict(TOWER, intermediate_size=96, vision_output_dim=32, projector_input_dim=32, projector_output_dim=32)
INDEX = dict(image_token_index=270)
ID = dict(image_token_id=270)
QWEN_IDS = dict(ID, video_token_id=271, vision_start_token_id=272, vision_end_token_id=273)

MODELS = {
    "llava": (t.LlavaConfig, t.LlavaForConditionalGeneration, dict(INDEX, text_config=LLAMA, vision_config=CLIP)),
    "llava-tied": (t.LlavaConfig, t.LlavaForConditionalGeneration, dict(INDEX, text_config=dict(QWEN2, tie_word_embeddings=True), vision_config=SIGLIP,
                                                                        vision_feature_select_strategy="full")),
    "llava-pixtral": (t.LlavaConfig, t.LlavaForConditionalGeneration, dict(INDEX, text_config=MISTRAL, vision_config=PIXTRAL,
                                                                           vision_feature_layer=-1, vision_feature_select_strategy="full")),
    "llava-next": (t.LlavaNextConfig, t.LlavaNextForConditionalGeneration, dict(INDEX, text_config=MISTRAL, vision_config=CLIP,
                                                                                image_grid_pinpoints=[[28, 56], [56, 28], [28, 84]])),
    "gemma3": (t.Gemma3Config, t.Gemma3ForConditionalGeneration, dict(INDEX, text_config=GEMMA3, vision_config=SIGLIP,
                                                                      mm_tokens_per_image=16)),
    "paligemma": (t.PaliGemmaConfig, t.PaliGemmaForConditionalGeneration, dict(INDEX, text_config=GEMMA, vision_config=SIGLIP, hidden_size=40,
                                                                               projection_dim=40)),
    "mistral3": (t.Mistral3Config, t.Mistral3ForConditionalGeneration, dict(INDEX, text_config=MISTRAL, vision_config=PIXTRAL,
                                                                            tie_word_embeddings=False)),
    "qwen2vl": (t.Qwen2VLConfig, t.Qwen2VLForConditionalGeneration, dict(QWEN_IDS, text_config=QWEN2_VL, vision_config=QWEN2_TOWER)),
    "qwen2.5vl": (t.Qwen2_5_VLConfig, t.Qwen2_5_VLForConditionalGeneration, dict(QWEN_IDS, text_config=QWEN2_VL, vision_config=QWEN25_TOWER,
                                                                                 tie_word_embeddings=True)),
    "qwen3vl": (t.Qwen3VLConfig, t.Qwen3VLForConditionalGeneration, dict(QWEN_IDS, text_config=QWEN3_VL, vision_config=QWEN3_TOWER)),
    "qwen3.5": (t.Qwen3_5Config, t.Qwen3_5ForConditionalGeneration, dict(QWEN_IDS, text_config=QWEN35, vision_config={
        key: value for key, value in QWEN3_TOWER.items() if key != "deepstack_visual_indexes"})),
    "smolvlm": (t.SmolVLMConfig, t.SmolVLMForConditionalGeneration, dict(ID, text_config=dict(LLAMA, pad_token_id=2), vision_config=TOWER)),
    "idefics3": (t.Idefics3Config, t.Idefics3ForConditionalGeneration, dict(ID, text_config=dict(LLAMA, pad_token_id=2), vision_config=TOWER,
                                                                            tie_word_embeddings=True)),
    "internvl": (t.InternVLConfig, t.InternVLForConditionalGeneration, dict(ID, text_config=QWEN2, vision_config=INTERN)),
    "llama4": (t.Llama4Config, t.Llama4ForConditionalGeneration, dict(INDEX, text_config=LLAMA4, vision_config=LLAMA4_TOWER)),
}
PICTURES = {"llava": (28, 28), "llava-tied": (84, 84), "llava-pixtral": (28, 35), "llava-next": (28, 28), "gemma3": (84, 84),
            "mistral3": (28, 42), "qwen2vl": (16, 24), "qwen2.5vl": (16, 24), "qwen3vl": (16, 24), "smolvlm": (28, 28), "idefics3": (28, 28),
            "internvl": (28, 28), "llama4": (28, 28)}
BREAK = 265


def patches(picture, patch):
    """[3, height, width] as rows of a picture twice, squares of four patches after one another."""
    rows, columns = picture.shape[1] // patch, picture.shape[2] // patch
    parts = picture.reshape(3, rows // 2, 2, patch, columns // 2, 2, patch).transpose(1, 4, 2, 5, 0, 3, 6)
    parts = np.stack([parts, parts], axis=5)
    return torch.from_numpy(np.ascontiguousarray(parts).reshape(rows * columns, -1)), torch.tensor([[1, rows, columns]])


def features(name, model, picture):
    """What the projector makes of a picture, as llama.cpp hands it to the language model, [tokens, hidden]."""
    pixels, size = torch.from_numpy(picture)[None], torch.tensor([picture.shape[1:]])
    if name.startswith("qwen"):
        pixels, grid = patches(picture, 4)
        found = model.get_image_features(pixel_values=pixels, image_grid_thw=grid)
        if name == "qwen3vl":
            return torch.cat([torch.cat(list(part)) for part in (found.pooler_output, *found.deepstack_features)], dim=1)
    elif name == "llava-next":
        states = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states
        return model.model.multi_modal_projector(states[-2][:, 1:])[0]
    elif name == "llama4":
        return model.multi_modal_projector(model.vision_model(pixels).last_hidden_state.flatten(0, 1))
    elif name in ("mistral3", "llava-pixtral"):
        found = model.get_image_features(pixel_values=pixels, image_sizes=size)
    elif name in ("smolvlm", "idefics3"):
        found = model.get_image_features(pixel_values=pixels[None])
    else:
        found = model.get_image_features(pixel_values=pixels)
    found = getattr(found, "pooler_output", found)
    found = torch.cat(list(found), dim=0) if isinstance(found, (list, tuple)) else found
    found = found.reshape(-1, found.shape[-1])
    if name not in ("mistral3", "llava-pixtral"):
        return found
    rows = picture.shape[1] // (14 if name == "mistral3" else 7)
    found = found.reshape(rows, -1, found.shape[-1])
    ends = model.get_input_embeddings().weight[BREAK].expand(rows, 1, -1)
    return torch.cat([found, ends], dim=1).flatten(0, 1)[:-1]


def main(out, tokenizers, names):
    rows = np.array([[(i * 41 + 5 + 3 * r) % 263 for i in range(40)] for r in range(2)], dtype=np.int32)
    np.save(f"{out}/rows.npy", rows)
    ids = torch.from_numpy(rows.astype(np.int64))
    for name in names:
        configuration, kind, arguments = MODELS[name]
        torch.manual_seed(5)
        model = kind(configuration(**arguments)).eval()
        with torch.no_grad():
            for key, value in model.named_parameters():
                value.copy_(torch.randn_like(value) * 0.1 + (1 if "norm" in key and key.endswith("weight") else 0))
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item()
        open(f"{out}/{name}.loss", "w").write(repr(loss))
        model.save_pretrained(f"{out}/{name}")
        shutil.copy(f"{tokenizers}/tiny.model", f"{out}/{name}/tokenizer.model")
        processor = {"image_mean": [0.5, 0.25, 0.5], "image_std": [0.5, 0.5, 0.125]}
        if name in ("smolvlm", "idefics3"):
            processor.update(size={"longest_edge": 84}, max_image_size={"longest_edge": 28})
        if name == "internvl":
            processor.update(min_patches=2, max_patches=6)
        json.dump(processor, open(f"{out}/{name}/preprocessor_config.json", "w"))
        if name in ("mistral3", "llava-pixtral"):
            added = {str(BREAK): {"content": "[IMG_BREAK]", "special": True}}
            json.dump({"added_tokens_decoder": added}, open(f"{out}/{name}/tokenizer_config.json", "w"))
        if name not in PICTURES:
            continue
        picture = np.random.default_rng(1).standard_normal((3, *PICTURES[name])).astype(np.float32)
        np.save(f"{out}/{name}.picture.npy", picture)
        with torch.no_grad():
            np.save(f"{out}/{name}.features.npy", features(name, model, picture).numpy())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:] or list(MODELS))
