#!/usr/bin/env python3
"""Small random checkpoints of every family, with what transformers computes of them.

    make_families.py OUT TOKENIZERS [NAME ...]

Each model is a folder OUT/NAME as transformers saves it, with a tokenizer of TOKENIZERS where the vocabulary is large enough for one, and beside
it NAME.logits (float32, [tokens, vocabulary], of the ids in `tokens`), NAME.changed, a checkpoint with other linear weights,
NAME.steps (of `dynamic`), logits of the same ids one at a time,
NAME.divergence, the divergence in nats a token of its predictions from those of NAME over `rows` (of encoders, the squared distance of final
hidden states as a share of their square, and with a head for classes that and the divergence of these), and NAME.gradients.safetensors, the
gradients of that with respect to the changed weights, [out, in].
"""

import os
import shutil
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers as t  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16, "rope_theta": 10000.0,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 10000.0, "beta_fast": 4.0}
def long_rope(original, pairs, **others):
    return {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": original,
            "short_factor": [1.0 + 0.03 * i for i in range(pairs)], "long_factor": [1.1 + 0.9 * i for i in range(pairs)], **others}


DYNAMIC = {"rope_type": "dynamic", "factor": 3.0, "rope_theta": 10000.0}
LINEAR = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
SHAPE = dict(vocab_size=251, hidden_size=64, intermediate_size=88, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=None)
HEAD = dict(SHAPE, head_dim=24)
LATENT = dict(SHAPE, num_key_value_heads=4, moe_intermediate_size=36, kv_lora_rank=20, q_lora_rank=28,
              qk_rope_head_dim=8, qk_nope_head_dim=12, v_head_dim=10, first_k_dense_replace=1)
NEOX = {key: value for key, value in SHAPE.items() if key != "num_key_value_heads"}

HALF = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
BY_TYPE = {"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 50000.0},
           "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}}
FALCON = dict(vocab_size=251, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=64, bos_token_id=1,
              eos_token_id=2, pad_token_id=None)

STATE_SPACE = dict(vocab_size=251, hidden_size=64, num_hidden_layers=3, bos_token_id=1, eos_token_id=2, pad_token_id=None)

GRANITE4 = dict(SHAPE, shared_intermediate_size=44, mamba_chunk_size=8, embedding_multiplier=3.0, attention_multiplier=0.3,
                residual_multiplier=0.4, logits_scaling=2.5)
NEMOTRON_H = dict({key: value for key, value in SHAPE.items() if key != "num_hidden_layers"}, head_dim=24, chunk_size=8)

ALBERT = dict(vocab_size=97, embedding_size=28, hidden_size=48, intermediate_size=72, num_hidden_layers=3, num_attention_heads=3,
              max_position_embeddings=64)
MODERN = dict(vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=4, num_attention_heads=3, max_position_embeddings=64,
              local_attention=12, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2,
              rope_parameters={"full_attention": {"rope_type": "default", "rope_theta": 5000.0},
                               "sliding_attention": {"rope_type": "default", "rope_theta": 90.0}})

MODELS = {
    "llama": (t.LlamaConfig, t.LlamaForCausalLM, dict(SHAPE, num_key_value_heads=1, head_dim=20, rope_parameters=LLAMA3, attention_bias=True,
                                                      mlp_bias=True, tie_word_embeddings=True)),
    "linear": (t.LlamaConfig, t.LlamaForCausalLM, dict(SHAPE, rope_parameters=LINEAR)),
    "mistral": (t.MistralConfig, t.MistralForCausalLM, dict(HEAD, sliding_window=7)),
    "qwen2": (t.Qwen2Config, t.Qwen2ForCausalLM, dict(SHAPE, use_sliding_window=True, sliding_window=9, max_window_layers=1)),
    "qwen3": (t.Qwen3Config, t.Qwen3ForCausalLM, dict(HEAD, tie_word_embeddings=True)),
    "gemma2": (t.Gemma2Config, t.Gemma2ForCausalLM, dict(HEAD, query_pre_attn_scalar=20, sliding_window=8, attn_logit_softcapping=2.0,
                                                         final_logit_softcapping=3.0, num_key_value_heads=1)),
    "phi3": (t.Phi3Config, t.Phi3ForCausalLM, dict(HEAD, sliding_window=11)),
    "phi3-part": (t.Phi3Config, t.Phi3ForCausalLM, dict(SHAPE, rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                                                                                "partial_rotary_factor": 0.5})),
    # Half of a head of 16 turns; the test's text is longer than the original context, and shorter than the other's, which is more than the 256
    # tokens that llama.cpp makes of any shorter context.
    "phi3-longrope": (t.Phi3Config, t.Phi3ForCausalLM, dict(SHAPE, original_max_position_embeddings=16,
                                                            rope_parameters=long_rope(16, 4, partial_rotary_factor=0.5))),
    "phi3-longrope-short": (t.Phi3Config, t.Phi3ForCausalLM, dict(SHAPE, max_position_embeddings=700, num_key_value_heads=1,
                                                                  original_max_position_embeddings=300,
                                                                  rope_parameters=long_rope(300, 8, attention_factor=1.3))),
    "llama-longrope": (t.LlamaConfig, t.LlamaForCausalLM, dict(SHAPE, rope_parameters=long_rope(20, 8, factor=5.0))),
    "dynamic": (t.LlamaConfig, t.LlamaForCausalLM, dict(SHAPE, max_position_embeddings=16, head_dim=20, rope_parameters=DYNAMIC)),
    "gpt2": (t.GPT2Config, t.GPT2LMHeadModel, dict(vocab_size=487, n_embd=48, n_layer=3, n_head=3, n_positions=64, bos_token_id=1,
                                                   eos_token_id=2)),
    "gpt2-untied": (t.GPT2Config, t.GPT2LMHeadModel, dict(vocab_size=487, n_embd=48, n_layer=2, n_head=3, n_positions=64, n_inner=80,
                                                          activation_function="gelu", tie_word_embeddings=False)),
    "opt": (t.OPTConfig, t.OPTForCausalLM, dict(vocab_size=251, hidden_size=48, word_embed_proj_dim=48, ffn_dim=80, num_hidden_layers=3,
                                                num_attention_heads=3, max_position_embeddings=64, bos_token_id=2, pad_token_id=1)),
    "bert": (t.BertConfig, t.BertForMaskedLM, dict(vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2,
                                                   num_attention_heads=3, max_position_embeddings=64)),
    "roberta": (t.RobertaConfig, t.RobertaForMaskedLM, dict(vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2,
                                                            num_attention_heads=3, max_position_embeddings=64, pad_token_id=4)),
    "xlm-roberta": (t.XLMRobertaConfig, t.XLMRobertaForMaskedLM, dict(vocab_size=97, hidden_size=48, intermediate_size=72,
                                                                      num_hidden_layers=2, num_attention_heads=3, type_vocab_size=1,
                                                                      max_position_embeddings=64, pad_token_id=4)),
    "electra": (t.ElectraConfig, t.ElectraForMaskedLM, dict(vocab_size=97, hidden_size=48, embedding_size=48, intermediate_size=72,
                                                            num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=64)),
    "distilbert": (t.DistilBertConfig, t.DistilBertForMaskedLM, dict(vocab_size=97, dim=48, hidden_dim=72, n_layers=2, n_heads=3,
                                                                     max_position_embeddings=64)),
    "deberta": (t.DebertaV2Config, t.DebertaV2ForMaskedLM, dict(vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2,
                                                                num_attention_heads=3, max_position_embeddings=64, relative_attention=True,
                                                                position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True,
                                                                pos_att_type=["p2c", "c2p"], layer_norm_eps=1e-7, type_vocab_size=0,
                                                                position_biased_input=False)),
    "electra-small": (t.ElectraConfig, t.ElectraForMaskedLM, dict(vocab_size=97, hidden_size=48, embedding_size=28, intermediate_size=72,
                                                                  num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=64)),
    "albert": (t.AlbertConfig, t.AlbertForMaskedLM, dict(ALBERT)),
    "albert-groups": (t.AlbertConfig, t.AlbertForMaskedLM, dict(ALBERT, embedding_size=48, num_hidden_layers=5, num_hidden_groups=2,
                                                                hidden_act="gelu")),
    "modernbert": (t.ModernBertConfig, t.ModernBertForMaskedLM, dict(MODERN)),
    "modernbert-biases": (t.ModernBertConfig, t.ModernBertForMaskedLM, dict(
        MODERN, attention_bias=True, mlp_bias=True, classifier_bias=True, local_attention=9,
        layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"])),
    # Heads that sort texts into classes.
    "bert-classes": (t.BertConfig, t.BertForSequenceClassification, dict(vocab_size=97, hidden_size=48, intermediate_size=72,
                                                                         num_hidden_layers=2, num_attention_heads=3, num_labels=3,
                                                                         max_position_embeddings=64)),
    "bert-number": (t.BertConfig, t.BertForSequenceClassification, dict(vocab_size=97, hidden_size=36, intermediate_size=72,
                                                                        num_hidden_layers=2, num_attention_heads=3, num_labels=1,
                                                                        max_position_embeddings=64)),
    "roberta-classes": (t.RobertaConfig, t.RobertaForSequenceClassification, dict(vocab_size=97, hidden_size=48, intermediate_size=72,
                                                                                  num_hidden_layers=2, num_attention_heads=3,
                                                                                  # A token of the test's text: it has no position.
                                                                                  max_position_embeddings=64, pad_token_id=25)),
    "xlm-roberta-classes": (t.XLMRobertaConfig, t.XLMRobertaForSequenceClassification, dict(
        vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=3, type_vocab_size=1,
        max_position_embeddings=64, pad_token_id=4, num_labels=5)),
    "electra-classes": (t.ElectraConfig, t.ElectraForSequenceClassification, dict(
        vocab_size=97, hidden_size=48, embedding_size=36, intermediate_size=72, num_hidden_layers=2, num_attention_heads=3,
        max_position_embeddings=64)),
    "distilbert-classes": (t.DistilBertConfig, t.DistilBertForSequenceClassification, dict(
        vocab_size=97, dim=48, hidden_dim=72, n_layers=2, n_heads=3, max_position_embeddings=64)),
    "deberta-classes": (t.DebertaV2Config, t.DebertaV2ForSequenceClassification, dict(
        vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=64,
        relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"],
        layer_norm_eps=1e-7, type_vocab_size=0, position_biased_input=False, num_labels=3)),
    "albert-classes": (t.AlbertConfig, t.AlbertForSequenceClassification, dict(ALBERT)),
    "modernbert-classes": (t.ModernBertConfig, t.ModernBertForSequenceClassification, dict(MODERN, num_labels=3)),
    "modernbert-mean": (t.ModernBertConfig, t.ModernBertForSequenceClassification, dict(MODERN, classifier_pooling="mean",
                                                                                        classifier_bias=True)),
    "gemma": (t.GemmaConfig, t.GemmaForCausalLM, dict(HEAD, num_key_value_heads=1)),
    "gemma3": (t.Gemma3TextConfig, t.Gemma3ForCausalLM, dict(HEAD, num_hidden_layers=4, query_pre_attn_scalar=20, sliding_window=8,
                                                             sliding_window_pattern=3, rope_parameters=BY_TYPE)),
    "smollm3": (t.SmolLM3Config, t.SmolLM3ForCausalLM, dict(SHAPE, num_hidden_layers=4, no_rope_layer_interval=2, use_sliding_window=True,
                                                            sliding_window=9)),
    "granite": (t.GraniteConfig, t.GraniteForCausalLM, dict(SHAPE, num_key_value_heads=1, attention_bias=True, mlp_bias=True,
                                                            embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.4,
                                                            logits_scaling=2.5)),
    "ministral": (t.MinistralConfig, t.MinistralForCausalLM, dict(HEAD, sliding_window=7, layer_types=[
        "sliding_attention", "full_attention", "sliding_attention"])),
    "olmo": (t.OlmoConfig, t.OlmoForCausalLM, dict(SHAPE)),
    "olmo2": (t.Olmo2Config, t.Olmo2ForCausalLM, dict(SHAPE)),
    "exaone4": (t.Exaone4Config, t.Exaone4ForCausalLM, dict(HEAD, num_hidden_layers=4, sliding_window=8, sliding_window_pattern=3)),
    "stablelm": (t.StableLmConfig, t.StableLmForCausalLM, dict(SHAPE, use_qkv_bias=True)),
    "stablelm-parallel": (t.StableLmConfig, t.StableLmForCausalLM, dict(SHAPE, use_parallel_residual=True, num_key_value_heads=4)),
    "stablelm-norms": (t.StableLmConfig, t.StableLmForCausalLM, dict(SHAPE, use_parallel_residual=True, qk_layernorm=True)),
    "starcoder2": (t.Starcoder2Config, t.Starcoder2ForCausalLM, dict(SHAPE, sliding_window=9)),
    "phi": (t.PhiConfig, t.PhiForCausalLM, dict(SHAPE)),
    "gptneox": (t.GPTNeoXConfig, t.GPTNeoXForCausalLM, dict(NEOX)),
    "gptneox-sequence": (t.GPTNeoXConfig, t.GPTNeoXForCausalLM, dict(NEOX, use_parallel_residual=False, attention_bias=False,
                                                                     rope_parameters={"rope_type": "default", "rope_theta": 5000.0,
                                                                                      "partial_rotary_factor": 1.0})),
    "gptj": (t.GPTJConfig, t.GPTJForCausalLM, dict(vocab_size=251, n_embd=64, n_layer=3, n_head=4, n_positions=64, rotary_dim=12,
                                                   bos_token_id=1, eos_token_id=2)),
    "falcon": (t.FalconConfig, t.FalconForCausalLM, dict(FALCON, bias=True)),
    "falcon-heads": (t.FalconConfig, t.FalconForCausalLM, dict(FALCON, multi_query=False, ffn_hidden_size=88)),
    "falcon-two-norms": (t.FalconConfig, t.FalconForCausalLM, dict(FALCON, new_decoder_architecture=True, num_kv_heads=2)),
    "falcon-one-norm": (t.FalconConfig, t.FalconForCausalLM, dict(FALCON, new_decoder_architecture=True, num_kv_heads=2,
                                                                  num_ln_in_parallel_attn=1)),
    # Six heads: a power of two and others. Falcon RW is the second.
    "falcon-alibi": (t.FalconConfig, t.FalconForCausalLM, dict(FALCON, hidden_size=60, num_attention_heads=6, alibi=True)),
    "falcon-alibi-sequence": (t.FalconConfig, t.FalconForCausalLM, dict(FALCON, alibi=True, parallel_attn=False, multi_query=False,
                                                                        bias=True)),
    "falcon-sequence": (t.FalconConfig, t.FalconForCausalLM, dict(FALCON, parallel_attn=False, multi_query=False, bias=True)),
    "cohere": (t.CohereConfig, t.CohereForCausalLM, dict(SHAPE, logit_scale=0.6)),
    "cohere-norms": (t.CohereConfig, t.CohereForCausalLM, dict(SHAPE, logit_scale=0.6, use_qk_norm=True)),
    # By the number of blocks llama.cpp knows models with norms of heads.
    "cohere-norms-usual": (t.CohereConfig, t.CohereForCausalLM, dict(SHAPE, logit_scale=0.6, use_qk_norm=True, hidden_size=32,
                                                                     intermediate_size=24, num_hidden_layers=64)),
    "cohere2": (t.Cohere2Config, t.Cohere2ForCausalLM, dict(SHAPE, logit_scale=0.7, num_hidden_layers=4, sliding_window=8, sliding_window_pattern=3,
                                                            attention_bias=True)),
    "glm": (t.GlmConfig, t.GlmForCausalLM, dict(HEAD, rope_parameters=HALF)),
    "glm4": (t.Glm4Config, t.Glm4ForCausalLM, dict(HEAD, rope_parameters=HALF)),
    "nemotron": (t.NemotronConfig, t.NemotronForCausalLM, dict(HEAD, attention_bias=True, mlp_bias=True)),
    "bloom": (t.BloomConfig, t.BloomForCausalLM, dict(vocab_size=251, hidden_size=60, n_layer=3, n_head=5, bos_token_id=1, eos_token_id=2,
                                                      pad_token_id=None)),
    "mixtral": (t.MixtralConfig, t.MixtralForCausalLM, dict(HEAD, num_local_experts=3, num_experts_per_tok=2, sliding_window=9)),
    "mixtral-one": (t.MixtralConfig, t.MixtralForCausalLM, dict(SHAPE, num_local_experts=5, num_experts_per_tok=1)),
    "qwen2moe": (t.Qwen2MoeConfig, t.Qwen2MoeForCausalLM, dict(SHAPE, num_experts=7, num_experts_per_tok=3, moe_intermediate_size=36,
                                                               shared_expert_intermediate_size=52)),
    "qwen2moe-dense": (t.Qwen2MoeConfig, t.Qwen2MoeForCausalLM, dict(SHAPE, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=36,
                                                                     shared_expert_intermediate_size=40, decoder_sparse_step=2,
                                                                     norm_topk_prob=True)),
    "qwen3moe": (t.Qwen3MoeConfig, t.Qwen3MoeForCausalLM, dict(HEAD, num_experts=5, num_experts_per_tok=2, moe_intermediate_size=36,
                                                               norm_topk_prob=True)),
    "qwen3moe-dense": (t.Qwen3MoeConfig, t.Qwen3MoeForCausalLM, dict(HEAD, num_experts=5, num_experts_per_tok=3, moe_intermediate_size=36,
                                                                     mlp_only_layers=[1], attention_bias=True)),
    "olmoe": (t.OlmoeConfig, t.OlmoeForCausalLM, dict(SHAPE, num_experts=5, num_experts_per_tok=3, norm_topk_prob=True)),
    "olmoe-usual": (t.OlmoeConfig, t.OlmoeForCausalLM, dict(SHAPE, num_key_value_heads=4, num_experts=7, num_experts_per_tok=2)),
    "gptoss": (t.GptOssConfig, t.GptOssForCausalLM, dict(HEAD, intermediate_size=44, num_local_experts=5, num_experts_per_tok=3, sliding_window=7,
                                                         swiglu_limit=0.5, swiglu_alpha=1.3, rope_parameters=dict(YARN, truncate=False))),
    "granitemoe": (t.GraniteMoeConfig, t.GraniteMoeForCausalLM, dict(SHAPE, intermediate_size=44, num_local_experts=5, num_experts_per_tok=3,
                                                                     embedding_multiplier=3.0, attention_multiplier=0.3,
                                                                     residual_multiplier=0.4, logits_scaling=2.5)),
    "granitemoe-shared": (t.GraniteMoeSharedConfig, t.GraniteMoeSharedForCausalLM, dict(
        SHAPE, intermediate_size=44, num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=52, attention_bias=True,
        embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.4, logits_scaling=2.5)),
    "deepseek2": (t.DeepseekV2Config, t.DeepseekV2ForCausalLM, dict(
        LATENT, q_lora_rank=None, n_routed_experts=6, num_experts_per_tok=2, n_shared_experts=2, n_group=3, topk_group=2, topk_method="group_limited_greedy",
        routed_scaling_factor=1.7, attention_bias=True, rope_parameters=dict(YARN, mscale=0.9, mscale_all_dim=0.7))),
    "deepseek2-usual": (t.DeepseekV2Config, t.DeepseekV2ForCausalLM, dict(
        LATENT, n_routed_experts=5, num_experts_per_tok=2, n_shared_experts=1, first_k_dense_replace=0)),
    # By the number of blocks llama.cpp knows models that have no latent queries.
    "deepseek2-lite": (t.DeepseekV2Config, t.DeepseekV2ForCausalLM, dict(
        LATENT, q_lora_rank=None, n_routed_experts=2, num_experts_per_tok=2, num_hidden_layers=27, routed_scaling_factor=1.7,
        rope_parameters=dict(YARN, mscale=0.7, mscale_all_dim=0.7))),
    "deepseek3": (t.DeepseekV3Config, t.DeepseekV3ForCausalLM, dict(
        LATENT, n_routed_experts=8, num_experts_per_tok=3, n_shared_experts=1, n_group=4, topk_group=2, rope_interleave=False,
        rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=1.0))),
    "deepseek3-usual": (t.DeepseekV3Config, t.DeepseekV3ForCausalLM, dict(
        LATENT, n_routed_experts=8, num_experts_per_tok=3, n_shared_experts=1, n_group=4, topk_group=2,
        rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=1.0))),
    "llama4": (t.Llama4TextConfig, t.Llama4ForCausalLM, dict(
        HEAD, num_hidden_layers=4, intermediate_size=44, intermediate_size_mlp=52, num_local_experts=5, num_experts_per_tok=2, no_rope_layer_interval=2,
        interleave_moe_layer_step=2, attention_chunk_size=6, floor_scale=4, attn_scale=0.4, rope_parameters=LLAMA3)),
    "llama4-usual": (t.Llama4TextConfig, t.Llama4ForCausalLM, dict(
        HEAD, num_hidden_layers=4, intermediate_size=44, intermediate_size_mlp=52, num_local_experts=3, num_experts_per_tok=1)),
    "gptoss-usual": (t.GptOssConfig, t.GptOssForCausalLM, dict(
        HEAD, intermediate_size=44, num_local_experts=5, num_experts_per_tok=3, sliding_window=7,
        rope_parameters=dict(YARN, rope_theta=2.0, original_max_position_embeddings=64, beta_fast=32.0, truncate=False))),
    "yarn": (t.Qwen3Config, t.Qwen3ForCausalLM, dict(HEAD, rope_parameters=dict(YARN, attention_factor=1.3))),
    "yarn-usual": (t.Qwen3Config, t.Qwen3ForCausalLM, dict(HEAD, rope_parameters=YARN)),
    "mamba": (t.MambaConfig, t.MambaForCausalLM, dict(STATE_SPACE, intermediate_size=88, state_size=5, conv_kernel=3, time_step_rank=7, use_bias=True,
                                                      use_conv_bias=False, tie_word_embeddings=False)),
    "mamba-usual": (t.MambaConfig, t.MambaForCausalLM, dict(STATE_SPACE)),
    "falcon-mamba": (t.FalconMambaConfig, t.FalconMambaForCausalLM, dict(STATE_SPACE, expand=16, intermediate_size=72, state_size=11, mixer_rms_eps=1e-3)),
    "falcon-mamba-usual": (t.FalconMambaConfig, t.FalconMambaForCausalLM, dict(STATE_SPACE, mixer_rms_eps=1e-5, tie_word_embeddings=False)),
    "mamba2": (t.Mamba2Config, t.Mamba2ForCausalLM, dict(STATE_SPACE, hidden_size=60, expand=3, num_heads=12, head_dim=15, n_groups=3, state_size=21,
                                                         conv_kernel=3, chunk_size=8, use_bias=True, use_conv_bias=False,
                                                         time_step_limit=(0.2, 0.9), tie_word_embeddings=True)),
    "mamba2-usual": (t.Mamba2Config, t.Mamba2ForCausalLM, dict(STATE_SPACE, num_heads=8, head_dim=16, n_groups=2, state_size=24)),
    "granite4": (t.GraniteMoeHybridConfig, t.GraniteMoeHybridForCausalLM, dict(
        GRANITE4, mamba_expand=3, mamba_n_heads=12, mamba_d_head=16, mamba_n_groups=3, mamba_d_state=21, mamba_d_conv=3, mamba_proj_bias=True,
        mamba_conv_bias=False, attention_bias=True, num_local_experts=0, position_embedding_type="rope", time_step_limit=(0.2, 0.9),
        layer_types=["mamba", "attention", "mamba"])),
    "granite4-usual": (t.GraniteMoeHybridConfig, t.GraniteMoeHybridForCausalLM, dict(
        GRANITE4, mamba_n_heads=8, mamba_d_head=16, mamba_n_groups=2, mamba_d_state=24, num_local_experts=0,
        layer_types=["mamba", "attention", "mamba"], tie_word_embeddings=True)),
    "granite4-experts": (t.GraniteMoeHybridConfig, t.GraniteMoeHybridForCausalLM, dict(
        GRANITE4, intermediate_size=36, mamba_n_heads=8, mamba_d_head=16, mamba_d_state=16, num_local_experts=5, num_experts_per_tok=2,
        layer_types=["attention", "mamba"], num_hidden_layers=2)),
    "granite4-dense": (t.GraniteMoeHybridConfig, t.GraniteMoeHybridForCausalLM, dict(
        GRANITE4, mamba_n_heads=8, mamba_d_head=16, num_local_experts=0, position_embedding_type="rope", layer_types=["attention"] * 2,
        num_hidden_layers=2, intermediate_size=52)),
    "bamba": (t.BambaConfig, t.BambaForCausalLM, dict(
        SHAPE, head_dim=16, mamba_n_heads=6, mamba_d_head="auto", mamba_expand=3, mamba_n_groups=2, mamba_d_state=13, mamba_d_conv=3,
        mamba_chunk_size=8, mlp_bias=True, attn_layer_indices=[2])),
    "nemotronh": (t.NemotronHConfig, t.NemotronHForCausalLM, dict(
        NEMOTRON_H, mamba_num_heads=9, mamba_head_dim=10, n_groups=3, ssm_state_size=21, conv_kernel=3, use_bias=True, mlp_bias=True,
        attention_bias=True, use_conv_bias=False, mlp_hidden_act="silu", mamba_hidden_act="gelu",
        time_step_min=0.3,
        layers_block_type=["mlp", "mamba", "attention", "mlp"])),
    "nemotronh-usual": (t.NemotronHConfig, t.NemotronHForCausalLM, dict(
        NEMOTRON_H, mamba_num_heads=8, mamba_head_dim=16, n_groups=2, ssm_state_size=24, layers_block_type=["mamba", "mlp", "attention", "mlp"])),
    "lfm2": (t.Lfm2Config, t.Lfm2ForCausalLM, dict(
        SHAPE, intermediate_size=100, block_multiple_of=12, block_ffn_dim_multiplier=1.3, conv_L_cache=4, conv_bias=True, pad_token_id=0,
        layer_types=["conv", "full_attention", "conv"], tie_word_embeddings=False)),
    "lfm2-usual": (t.Lfm2Config, t.Lfm2ForCausalLM, dict(
        SHAPE, intermediate_size=132, block_multiple_of=8, pad_token_id=0, full_attn_idxs=[1])),
    "qwen35": (t.Qwen3_5TextConfig, t.Qwen3_5ForCausalLM, dict(
        HEAD, linear_key_head_dim=12, linear_value_head_dim=20, linear_num_key_heads=2, linear_num_value_heads=6, linear_conv_kernel_dim=3,
        layer_types=["linear_attention", "full_attention", "linear_attention"])),
    "qwen35-usual": (t.Qwen3_5TextConfig, t.Qwen3_5ForCausalLM, dict(
        HEAD, linear_key_head_dim=16, linear_value_head_dim=16, linear_num_key_heads=3, linear_num_value_heads=3, num_hidden_layers=4,
        tie_word_embeddings=True)),
    "ministral3": (t.Ministral3Config, t.Ministral3ForCausalLM, dict(HEAD, sliding_window=13, rope_parameters=dict(
        YARN, original_max_position_embeddings=8, mscale=1.0, mscale_all_dim=0.7, llama_4_scaling_beta=0.3))),
    "ministral3-usual": (t.Ministral3Config, t.Ministral3ForCausalLM, dict(HEAD, rope_parameters=dict(
        YARN, original_max_position_embeddings=8, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1))),
    "arcee": (t.ArceeConfig, t.ArceeForCausalLM, dict(SHAPE, attention_bias=True, mlp_bias=True)),
    "arcee-usual": (t.ArceeConfig, t.ArceeForCausalLM, dict(SHAPE, num_key_value_heads=1)),
    "seed-oss": (t.SeedOssConfig, t.SeedOssForCausalLM, dict(SHAPE, head_dim=24, attention_out_bias=True, mlp_bias=True)),
    "seed-oss-usual": (t.SeedOssConfig, t.SeedOssForCausalLM, dict(SHAPE, head_dim=24)),
    "ernie": (t.Ernie4_5Config, t.Ernie4_5ForCausalLM, dict(SHAPE, head_dim=24, use_bias=True)),
    "ernie-usual": (t.Ernie4_5Config, t.Ernie4_5ForCausalLM, dict(SHAPE, head_dim=16, tie_word_embeddings=True)),
    "olmo3": (t.Olmo3Config, t.Olmo3ForCausalLM, dict(SHAPE, num_hidden_layers=5, sliding_window=8, rope_parameters={
        "full_attention": dict(YARN), "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}})),
    "olmo3-usual": (t.Olmo3Config, t.Olmo3ForCausalLM, dict(
        SHAPE, num_hidden_layers=4, sliding_window=8, layer_types=["full_attention", "sliding_attention"] * 2, rope_parameters={
            "full_attention": dict(YARN), "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})),
    "glm4moe": (t.Glm4MoeConfig, t.Glm4MoeForCausalLM, dict(
        SHAPE, head_dim=24, moe_intermediate_size=36, n_routed_experts=8, num_experts_per_tok=3, n_shared_experts=2, n_group=4, topk_group=2,
        routed_scaling_factor=1.7, use_qk_norm=True, attention_bias=True, rope_parameters=HALF)),
    "glm4moe-usual": (t.Glm4MoeConfig, t.Glm4MoeForCausalLM, dict(
        SHAPE, head_dim=16, moe_intermediate_size=36, n_routed_experts=5, num_experts_per_tok=2, norm_topk_prob=False, rope_parameters=HALF)),
    "dots1": (t.Dots1Config, t.Dots1ForCausalLM, dict(
        SHAPE, num_key_value_heads=4, moe_intermediate_size=36, n_routed_experts=6, num_experts_per_tok=2, n_shared_experts=2,
        first_k_dense_replace=1, norm_topk_prob=True, routed_scaling_factor=2.5, sliding_window=9, max_window_layers=2)),
    "dots1-usual": (t.Dots1Config, t.Dots1ForCausalLM, dict(
        SHAPE, num_key_value_heads=4, moe_intermediate_size=36, n_routed_experts=6, num_experts_per_tok=3, n_shared_experts=1)),
    "minimaxm2": (t.MiniMaxM2Config, t.MiniMaxM2ForCausalLM, dict(
        HEAD, intermediate_size=44, num_local_experts=5, num_experts_per_tok=2, rope_parameters=HALF)),
    "gptneo": (t.GPTNeoConfig, t.GPTNeoForCausalLM, dict(
        vocab_size=487, hidden_size=48, num_layers=3, num_heads=3, max_position_embeddings=64, window_size=7,
        attention_types=[[["global", "local"], 1], [["local"], 1]], bos_token_id=1, eos_token_id=2)),
    "camembert": (t.CamembertConfig, t.CamembertForMaskedLM, dict(vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=2,
                                                                  num_attention_heads=3, max_position_embeddings=64, pad_token_id=4)),
    # As llama.cpp can run them: no window that it would not have, heads of the usual size.
    "mistral-wide": (t.MistralConfig, t.MistralForCausalLM, dict(HEAD, sliding_window=64)),
    "mixtral-wide": (t.MixtralConfig, t.MixtralForCausalLM, dict(HEAD, num_local_experts=5, num_experts_per_tok=3)),
    "qwen2-full": (t.Qwen2Config, t.Qwen2ForCausalLM, dict(SHAPE, vocab_size=487)),
    "gemma2-usual": (t.Gemma2Config, t.Gemma2ForCausalLM, dict(HEAD, query_pre_attn_scalar=24, sliding_window=8, attn_logit_softcapping=2.0,
                                                               final_logit_softcapping=3.0)),
    "gemma3-usual": (t.Gemma3TextConfig, t.Gemma3ForCausalLM, dict(HEAD, num_hidden_layers=7, query_pre_attn_scalar=24, sliding_window=8,
                                                                   rope_parameters=BY_TYPE)),
    "smollm3-usual": (t.SmolLM3Config, t.SmolLM3ForCausalLM, dict(SHAPE, num_hidden_layers=5)),
    "glm-usual": (t.GlmConfig, t.GlmForCausalLM, dict(SHAPE, head_dim=16, rope_parameters=HALF)),
    "nemotron-usual": (t.NemotronConfig, t.NemotronForCausalLM, dict(SHAPE, attention_bias=True, mlp_bias=True)),
    "exaone4-full": (t.Exaone4Config, t.Exaone4ForCausalLM, dict(SHAPE, sliding_window=None, layer_types=["full_attention"] * 3)),
    "starcoder2-full": (t.Starcoder2Config, t.Starcoder2ForCausalLM, dict(SHAPE)),
    "cohere2-usual": (t.Cohere2Config, t.Cohere2ForCausalLM, dict(SHAPE, logit_scale=0.7, num_hidden_layers=5, sliding_window=8)),
    "phi3-usual": (t.Phi3Config, t.Phi3ForCausalLM, dict(SHAPE, num_key_value_heads=1)),
}

# Where the encoder is in a model with a head for masked tokens.
ENCODERS = {"bert": "bert", "roberta": "roberta", "xlm-roberta": "roberta", "electra": "electra", "distilbert": "distilbert",
            "camembert": "roberta", "deberta": "deberta", "albert": "albert", "modernbert": "model"}


def encoder(name, model):
    """The encoder in a model of that name, which may go on after the family's; nothing for a decoder."""
    part = max((key for key in ENCODERS if name == key or name.startswith(key + "-")), key=len, default=None)
    return part and getattr(model, ENCODERS[part])


def made(config_class, model_class, settings, seed):
    torch.manual_seed(seed)
    config = config_class(**settings)
    config.initializer_range = 0.2
    config.init_std = 0.2
    # Falcon's eager attention adds its distances twice; the usual one does not.
    config._attn_implementation = "sdpa" if settings.get("alibi") else "eager"
    config._experts_implementation = "eager"
    model = model_class(config).float().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1 or name.endswith(("_bias", "A_log", "_norm.weight")):
                p.add_(torch.randn_like(p) * 0.2)
        for name, b in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                b.add_(torch.randn_like(b) * 0.2)
    return model


def is_linear(name, p):
    # Experts are together in one tensor; what scores them is no linear layer that is compressed.
    # Nor is what belongs to the channels of a state space, or a norm with a row for each head.
    if name.endswith(("A_log", "conv1d.weight", "conv.conv.weight", "_norm.weight")):
        return False
    if "gate.weight" in name and not name.endswith("gate_proj.weight") or "router" in name or name.endswith("_bias"):
        return False
    return p.ndim in (2, 3) and any(f".{part}." in f".{name}" for part in ("layers", "h", "layer", "albert_layers"))


def is_transposed(model, name):
    module = model.get_submodule(name.rsplit(".", 1)[0])
    return type(module).__name__ == "Conv1D"


def parts_of(model, name, gradient):
    """The gradient of what transformers has in one tensor by the names that checkpoints have, or Caplet gives where they have one too."""
    if ".shared_mlp.input_linear." in name:
        gate, up = gradient.chunk(2)
        return {name.replace("input_linear", "gate_proj"): gate.contiguous(), name.replace("input_linear", "up_proj"): up.contiguous()}
    if model.startswith("nemotronh"):
        name = name.replace("model.", "backbone.", 1)
    if ".experts." not in name:
        return {name: gradient}
    mlp, part = name.split(".experts.")
    if model.startswith(("gptoss", "llama4")):
        gradient = gradient.transpose(1, 2)
    if model.startswith("gptoss") and part == "gate_up_proj":
        gradient = torch.cat([gradient[:, ::2], gradient[:, 1::2]], 1)
    parts = dict(zip(("gate_proj", "up_proj"), gradient.chunk(2, 1))) if part == "gate_up_proj" else {part: gradient}
    if model.startswith(("mixtral", "minimaxm2")):
        mlp = mlp[:-4] + ".block_sparse_moe"
        parts = {{"gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"}[part]: experts for part, experts in parts.items()}
    return {f"{mlp}.experts.{index}.{part}.weight": expert.contiguous()
            for part, experts in parts.items() for index, expert in enumerate(experts)}


def forget(model):
    """Has dynamic scaling begin anew: transformers keeps that of the longest sequence until a short one comes."""
    with torch.no_grad():
        model(torch.tensor([[1]]))


def write_steps(model, tokens, path):
    """The logits after each token, one at a time, with keys and values kept as they were when they came."""
    cache, rows = None, []
    with torch.no_grad():
        for token in tokens:
            found = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
            cache = found.past_key_values
            rows.append(found.logits[0, -1].numpy())
    np.stack(rows).tofile(path)


def main():
    out, tokenizers = sys.argv[1:3]
    for name in sys.argv[3:] or MODELS:
        config_class, model_class, settings = MODELS[name]
        model = made(config_class, model_class, settings, 1)
        vocabulary = settings["vocab_size"]
        tokens = [(i * 37 + 11) % vocabulary for i in range(29)]
        rows = [[(i * 41 + 5) % vocabulary for i in range(23)], [(i * 13 + 2) % vocabulary for i in range(14)]]
        model.save_pretrained(f"{out}/{name}")
        with torch.no_grad():
            model(torch.tensor([tokens])).logits[0].numpy().tofile(f"{out}/{name}.logits")
        if name == "dynamic":
            forget(model)
            write_steps(model, tokens, f"{out}/{name}.steps")
        file = {251: "tiny.model", 487: "gpt2.json"}.get(vocabulary)
        if file:
            shutil.copy(f"{tokenizers}/{file}", f"{out}/{name}/tokenizer.{file.split('.')[1]}")
        changed = made(config_class, model_class, settings, 2)
        state = model.state_dict()
        linear = {k for k, p in model.named_parameters() if is_linear(k, p)}
        changed.load_state_dict({k: v if k in linear else state[k] for k, v in changed.state_dict().items()})
        changed.save_pretrained(f"{out}/{name}.changed")
        total, count, classes = 0, 0, 0
        model, changed = model.double(), changed.double()
        for ids in rows:
            ids = torch.tensor([ids])
            if name == "dynamic":
                forget(model), forget(changed)
            if encoder(name, model) is not None:
                with torch.no_grad():
                    expected = encoder(name, model)(ids).last_hidden_state
                found = encoder(name, changed)(ids).last_hidden_state
                total = total + (((found - expected) ** 2).sum(-1) / (expected**2).sum(-1)).sum()
                if "Sequence" in model_class.__name__:
                    with torch.no_grad():
                        expected = model(ids).logits
                    found = changed(ids).logits
                    if found.shape[1] == 1:
                        classes = (classes + (found - expected) ** 2).sum()
                    else:
                        expected, found = torch.log_softmax(expected, -1), torch.log_softmax(found, -1)
                        classes = classes + (expected.exp() * (expected - found)).sum()
            else:
                with torch.no_grad():
                    expected = torch.log_softmax(model(ids).logits, -1)
                found = torch.log_softmax(changed(ids).logits, -1)
                total = total + (expected.exp() * (expected - found)).sum()
            count = count + ids.shape[1]
        value = total / count + classes / len(rows)
        value.backward()
        np.array([value.item()]).tofile(f"{out}/{name}.divergence")
        gradients = {k: p.grad.float() for k, p in changed.named_parameters() if k in linear}
        gradients = {k: g.T.contiguous() if is_transposed(changed, k) else g for k, g in gradients.items()}
        gradients = {n: g for k, grad in gradients.items() for n, g in parts_of(name, k, grad).items()}
        save_file(gradients, f"{out}/{name}.gradients.safetensors")


if __name__ == "__main__":
    main()
