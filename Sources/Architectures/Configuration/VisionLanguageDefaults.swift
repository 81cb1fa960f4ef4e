import StrictJSON

/// Hyperparameters of a "text_config" that leaves them out, as the classes of transformers have them by its `model_type`: shipped LLaVA and
/// Gemma 3 folders say little more than what is other than this.
enum VisionLanguageDefaults {
    /// Empty for a type of which they are not known: what is needed has to be there.
    static func members(of modelType: String) -> [(key: String, value: JSONValue)] {
        switch modelType {
        case "llama": return sizes(32000, 4096, 11008, blocks: 32, heads: 32, context: 2048)
        case "mistral": return sizes(32000, 4096, 14336, blocks: 32, heads: 32, keys: 8, context: 131_072)
        case "qwen2", "qwen3": return sizes(151_936, 4096, 22016, blocks: 32, heads: 32, keys: 32, context: 32768)
        case "gemma": return sizes(256_000, 3072, 24576, blocks: 28, heads: 16, keys: 16, context: 8192)
        case "gemma2": return sizes(256_000, 2304, 9216, blocks: 26, heads: 8, keys: 4, context: 8192)
        case "gemma3_text": return sizes(262_208, 2304, 9216, blocks: 26, heads: 8, keys: 4, context: 131_072)
        case "qwen2_vl_text", "qwen2_5_vl_text":
            return sizes(152_064, 8192, 29568, blocks: 80, heads: 64, keys: 8, context: 32768) + [
                ("rms_norm_eps", .number(1e-5)), ("rope_theta", .number(1e6)), ("max_window_layers", .integer(80)),
            ]
        case "qwen3_vl_text":
            return sizes(151_936, 4096, 22016, blocks: 32, heads: 32, keys: 32, context: 128_000) + [("rope_theta", .number(500_000))]
        case "llama4_text":
            return sizes(202_048, 5120, 8192, blocks: 48, heads: 40, keys: 8, context: 131_072) + [
                ("intermediate_size_mlp", .integer(16384)), ("num_local_experts", .integer(16)),
            ]
        default: return []
        }
    }

    /// - Parameter keys: key heads; nil where a class takes as many as heads.
    private static func sizes(
        _ vocabulary: Int, _ hidden: Int, _ intermediate: Int, blocks: Int, heads: Int, keys: Int? = nil, context: Int
    ) -> [(key: String, value: JSONValue)] {
        var members: [(key: String, value: JSONValue)] = [
            ("vocab_size", .integer(vocabulary)), ("hidden_size", .integer(hidden)), ("intermediate_size", .integer(intermediate)),
            ("num_hidden_layers", .integer(blocks)), ("num_attention_heads", .integer(heads)),
            ("max_position_embeddings", .integer(context)),
        ]
        if let keys { members.append(("num_key_value_heads", .integer(keys))) }
        return members
    }
}
