import StrictJSON

/// How the config.json of a model that sees has its language model.
struct VisionLanguageLayout {
    /// `model_type` of the whole.
    let modelType: String
    /// That of a "text_config" that names none.
    let languageType: String
    /// Whether "text_config" is of that type whatever it names.
    var isFixed = false
    /// Whether the keys of the language model may lie beside "vision_config".
    var isFlat = false
    /// "tie_word_embeddings" of a config.json that is silent.
    var tiesEmbeddings = false
    /// Whether that of "text_config" counts where the outer one does not tie.
    var takesInnerTie = false
    /// Whether rotary pairs are shared out by "mrope_section".
    var hasSections = false
    /// What "text_config" has where it is silent, other than its own class has.
    var members: [(key: String, value: JSONValue)] = []

    static func of(_ modelType: String) -> VisionLanguageLayout? { all.first { $0.modelType == modelType } }

    private static let all = [
        VisionLanguageLayout(modelType: "llava", languageType: "llama", takesInnerTie: true),
        VisionLanguageLayout(modelType: "llava_next", languageType: "llama"),
        VisionLanguageLayout(modelType: "llava_onevision", languageType: "qwen2", takesInnerTie: true),
        VisionLanguageLayout(modelType: "vipllava", languageType: "llama"),
        VisionLanguageLayout(modelType: "gemma3", languageType: "gemma3_text", isFixed: true, tiesEmbeddings: true),
        VisionLanguageLayout(
            modelType: "paligemma", languageType: "gemma", tiesEmbeddings: true, members: [("use_bidirectional_attention", true)]),
        VisionLanguageLayout(modelType: "mistral3", languageType: "mistral", tiesEmbeddings: true),
        VisionLanguageLayout(
            modelType: "qwen2_vl", languageType: "qwen2_vl_text", isFixed: true, isFlat: true, takesInnerTie: true, hasSections: true),
        VisionLanguageLayout(
            modelType: "qwen2_5_vl", languageType: "qwen2_5_vl_text", isFixed: true, isFlat: true, takesInnerTie: true, hasSections: true),
        VisionLanguageLayout(modelType: "qwen3_vl", languageType: "qwen3_vl_text", isFixed: true, hasSections: true),
        VisionLanguageLayout(modelType: "qwen3_5", languageType: "qwen3_5_text", isFixed: true),
        VisionLanguageLayout(modelType: "smolvlm", languageType: "llama", members: [("rms_norm_eps", .number(1e-5))]),
        VisionLanguageLayout(modelType: "idefics3", languageType: "llama", members: [("rms_norm_eps", .number(1e-5))]),
        VisionLanguageLayout(modelType: "internvl", languageType: "qwen2", tiesEmbeddings: true),
        VisionLanguageLayout(modelType: "llama4", languageType: "llama4_text", isFixed: true),
    ]

    /// Keys of the whole that say nothing of what is computed on text: the tower, the projector, and which tokens stand for pictures.
    static let outerKeys: Set = [
        "text_config", "vision_config", "image_token_id", "image_token_index", "video_token_id", "video_token_index", "image_seq_length",
        "video_seq_length", "vision_start_token_id", "vision_end_token_id", "vision_token_id", "boi_token_id", "boi_token_index",
        "eoi_token_id", "eoi_token_index", "mm_tokens_per_image", "projector_hidden_act", "projector_layernorm_eps",
        "multimodal_projector_bias", "vision_feature_layer", "vision_feature_layers", "vision_feature_select_strategy",
        "vision_aspect_ratio", "use_image_newline_parameter", "image_grid_pinpoints", "spatial_merge_size", "spatial_pool_mode",
        "spatial_pool_stride", "downsample_ratio", "scale_factor", "projection_dim", "ignore_index", "pixel_shuffle_factor",
        "_pad_token_id",
    ]

    /// Keys of "text_config" that transformers does not read.
    static let innerKeys: Set = [
        "is_llama_config", "neftune_noise_alpha", "pixel_shuffle_factor", "qk_layer_norms", "use_resampler", "perceiver_config",
        "rope_interleaved", "_flash_attn_2_enabled", "transformers.js_config", "num_image_tokens", "hidden_activation",
    ]
}
