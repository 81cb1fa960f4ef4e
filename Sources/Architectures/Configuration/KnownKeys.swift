extension ArchitectureFamily {
    /// Those keys of config.json that are neither obeyed, nor looked at for a refusal, nor known to change nothing.
    func unknownKeys(among found: [String]) -> [String] {
        var known = KnownKeys.common.union(fixedSettings.keys).union(silentSettings.keys).union(absentSettings).union(otherKeys)
        known.formUnion(fixedValues.keys)
        known.formUnion(keys.names)
        known.formUnion(biasSettings.compactMap(\.key))
        if design.positions == .rotary { known.formUnion(KnownKeys.rotary) }
        if design.positions == .relative { known.formUnion(KnownKeys.relative) }
        if keys.rotary.hasSections { known.insert(KnownKeys.visionLevels) }
        if keys.window != nil { known.formUnion(KnownKeys.window) }
        return found.filter { !known.contains($0) }
    }
}

extension ConfigurationKeys {
    /// The keys that are read.
    fileprivate var names: [String] {
        var names = [hiddenSize, blockCount, headCount, contextLength, rotary.theta] + activation
        names += [keyValueHeadCount, headDimension, intermediateSize, normEpsilon, parallel, oneKeyHead, rotary.share, rotary.size]
            .compactMap { $0 }
        names += [scales.attention, scales.embedding, scales.residual, scales.logit, scales.logitDivisor].compactMap { $0 }
        if isLatent {
            names += ["q_lora_rank", "kv_lora_rank", "v_head_dim", "qk_rope_head_dim", "qk_nope_head_dim", "qk_head_dim", "head_dim"]
        }
        names += (stateSpace?.keys ?? []) + (blockKinds?.keys ?? []) + [rotaryChoice, absentExperts].compactMap { $0 }
        if adjustsIntermediateSize { names += KnownKeys.adjustment }
        if normalisesTurned { names += ["use_qk_norm", "attn_temperature_tuning", "attn_scale", "floor_scale"] }
        if clampsGate { names += ["swiglu_alpha", "swiglu_limit"] }
        if attentionScalar != nil { names.append("query_pre_attn_scalar") }
        if attentionSoftCap != nil { names.append("attn_logit_softcapping") }
        if logitSoftCap != nil { names.append("final_logit_softcapping") }
        if rotary.localTheta != nil { names += [rotary.localKey].compactMap { $0 } }
        if let both = window?.bothSides { names += [both.window, both.step] }
        if case .every = rotary.unturned { names += ["no_rope_layers", "no_rope_layer_interval"] }
        return names + otherNames.values
            + [embeddingWidth, ownBlockCount, neighbours, window?.name, window?.counts, headNorms].compactMap { $0 }
            + (experts?.names ?? []) + [perHeadNorms, linearPositions].compactMap { $0 }
    }
}

/// Keys of config.json that several families have.
enum KnownKeys {
    static let rotary: Set = ["rope_scaling", "rope_parameters", "partial_rotary_factor"]
    static let adjustment = ["block_auto_adjust_ff_dim", "block_ffn_dim_multiplier", "block_multiple_of"]
    static let visionLevels = "deepstack_visual_indexes"
    static let window: Set = [
        "sliding_window", "use_sliding_window", "max_window_layers", "layer_types", "sliding_window_pattern", "_sliding_window_pattern",
    ]
    static let relative: Set = [
        "max_relative_positions", "position_buckets", "pos_att_type", "norm_rel_ebd", "conv_kernel_size", "embedding_size",
        "attention_head_size",
    ]
    /// Those that every family may have: obeyed, or without a part in what is computed.
    static let common = Set(obeyed + identity + training + generation + running)

    private static let obeyed = [
        "model_type", "vocab_size", "tie_word_embeddings", "type_vocab_size", "quantization_config", "is_causal", "position_embedding_type",
        "word_embed_proj_dim", "enable_bias",
    ]
    private static let identity = [
        "architectures", "_name_or_path", "name_or_path", "transformers_version", "torch_dtype", "dtype", "auto_map", "tokenizer_class",
        "finetuning_task", "task_specific_params", "id2label", "label2id", "num_labels", "problem_type", "prefix", "_commit_hash",
        "unsloth_version", "unsloth_fixed", "license", "model_max_length", "max_sequence_length", "n_ctx", "directionality",
    ]
    private static let training = [
        "initializer_range", "initializer_factor", "init_std", "attention_dropout", "hidden_dropout", "residual_dropout",
        "embedding_dropout", "dropout", "layerdrop", "attention_probs_dropout_prob", "hidden_dropout_prob", "attn_pdrop", "embd_pdrop",
        "resid_pdrop", "resid_dropout", "activation_dropout", "classifier_dropout", "classifier_dropout_prob", "summary_activation",
        "summary_first_dropout", "summary_last_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj", "pooler_dropout",
        "pooler_hidden_act",
        "pooler_hidden_size", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head",
        "pooler_type", "gradient_checkpointing", "reorder_and_upcast_attn", "legacy", "mask_token_id",
    ]
    private static let generation = [
        "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "unk_token_id", "cls_token_id", "decoder_start_token_id",
        "forced_bos_token_id", "forced_eos_token_id", "max_length", "min_length", "do_sample", "early_stopping", "num_beams",
        "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty",
        "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "output_scores",
        "return_dict_in_generate", "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens",
        "begin_suppress_tokens",
    ]
    private static let running = [
        "use_cache", "cache_implementation", "attn_implementation", "_attn_implementation", "_attn_implementation_autoset",
        "output_attentions", "output_hidden_states", "return_dict", "use_return_dict", "torchscript", "use_bfloat16", "tf_legacy_loss",
        "pruned_heads", "chunk_size_feed_forward", "is_encoder_decoder", "is_decoder", "add_cross_attention", "tie_encoder_decoder",
        "cross_attention_hidden_size", "pretraining_tp", "use_flash_attention", "scale_attn_weights", "keys_to_ignore_at_inference",
    ]
}
