import Architectures
import TestSupport
import XCTest

/// What config.json says of blocks of several kinds, in the ways that published models have; what it cannot mean is refused by name.
final class BlockKindTests: XCTestCase {
    private func configuration(_ text: String) throws -> ModelConfiguration {
        let found = try ModelConfiguration(configJSON: Array(text.utf8), path: "config.json")
        return try XCTUnwrap(found)
    }

    private func kinds(_ c: ModelConfiguration) -> [BlockParts] { (0..<c.blockCount).map(c.parts) }

    /// Of granite-4.0-h-micro, with fewer blocks.
    private static let granite = """
        {"model_type": "granitemoehybrid", "attention_bias": false, "attention_multiplier": 0.0078125, "embedding_multiplier": 12,
        "hidden_act": "silu", "hidden_size": 2048, "init_method": "mup", "initializer_range": 0.1, "intermediate_size": 8192,
        "layer_types": ["mamba", "mamba", "attention"], "logits_scaling": 8, "mamba_chunk_size": 256, "mamba_conv_bias": true,
        "mamba_d_conv": 4, "mamba_d_head": 64, "mamba_d_state": 128, "mamba_expand": 2, "mamba_n_groups": 1, "mamba_n_heads": 64,
        "mamba_proj_bias": false, "max_position_embeddings": 131072, "normalization_function": "rmsnorm", "num_attention_heads": 32,
        "num_experts_per_tok": 0, "num_hidden_layers": 3, "num_key_value_heads": 8, "num_local_experts": 0, "output_router_logits": false,
        "position_embedding_type": "nope", "residual_multiplier": 0.22, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000,
        "router_aux_loss_coef": 0.01, "shared_intermediate_size": 8192, "tie_word_embeddings": true, "vocab_size": 100352}
        """

    func testGranite4() throws {
        let hybrid = try configuration(BlockKindTests.granite)
        XCTAssertEqual(hybrid.unknownKeys + hybrid.unsupportedFeatures, [])
        XCTAssertEqual(kinds(hybrid), [.stateSpace, .stateSpace, .attention])
        XCTAssertEqual(hybrid.design.positions, .none)
        XCTAssertEqual([hybrid.stateSpace?.innerSize, hybrid.stateSpace?.headCount, hybrid.intermediateSize], [4096, 64, 8192])
        // The models of attention alone say the sizes of state spaces that they do not have.
        let dense = try configuration(
            BlockKindTests.granite.replacingOccurrences(of: "\"mamba\"", with: "\"attention\"")
                .replacingOccurrences(of: "\"nope\"", with: "\"rope\""))
        XCTAssertNil(dense.stateSpace)
        XCTAssertEqual(dense.family?.ggufName, "granite")
        XCTAssertEqual(dense.design.positions, .rotary)
        XCTAssertEqual(dense.unknownKeys + dense.unsupportedFeatures, [])
        // What is written is read back.
        for c in [hybrid, dense] {
            let text = c.configJSON(dtype: "float32", bosTokenID: nil, eosTokenID: nil, padTokenID: nil)
            var back = try XCTUnwrap(ModelConfiguration(configJSON: text, path: "config.json"))
            back.unknownKeys = []
            XCTAssertEqual(back, c)
        }
    }

    /// LFM2-1.2B, with fewer blocks: the intermediate size is 256 · ⌈⌊2 · 12288 / 3⌋ / 256⌉ = 8192.
    func testLFM2() throws {
        let c = try configuration(
            """
            {"model_type": "lfm2", "block_auto_adjust_ff_dim": true, "block_dim": 2048, "block_ff_dim": 12288, "block_ffn_dim_multiplier": 1.0,
            "block_mlp_init_scale": 1.0, "block_multiple_of": 256, "block_norm_eps": 1e-05, "block_out_init_scale": 1.0,
            "block_use_swiglu": true, "block_use_xavier_init": true, "conv_L_cache": 3, "conv_bias": false, "conv_dim": 2048,
            "conv_dim_out": 2048, "conv_use_xavier_init": true, "full_attn_idxs": [2], "hidden_size": 2048, "initializer_range": 0.02,
            "max_position_embeddings": 128000, "norm_eps": 1e-05, "num_attention_heads": 32, "num_heads": 32, "num_hidden_layers": 4,
            "num_key_value_heads": 8, "rope_theta": 1000000.0, "tie_embedding": true, "use_cache": true, "use_pos_enc": true,
            "vocab_size": 65536}
            """)
        XCTAssertEqual(c.unknownKeys + c.unsupportedFeatures, [])
        XCTAssertEqual(kinds(c), [.stateSpace, .stateSpace, .attention, .stateSpace])
        XCTAssertEqual([c.intermediateSize, c.headSize, c.stateSpace?.projectionWidth], [8192, 64, 3 * 2048])
        XCTAssertTrue(c.tiesEmbeddings)
    }

    /// A letter for each block, as Nemotron-H's published models have it, and blocks that are counted by that list alone.
    func testNemotronH() throws {
        let text = """
            {"model_type": "nemotron_h", "hidden_size": 64, "vocab_size": 50, "hybrid_override_pattern": "M-*M", "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96, "mamba_num_heads": 8, "mamba_head_dim": 10, "n_groups": 2,
            "ssm_state_size": 16, "mlp_hidden_act": "relu2", "layer_norm_epsilon": 1e-05, "num_hidden_layers": 4}
            """
        let c = try configuration(text)
        XCTAssertEqual(kinds(c), [.stateSpaceAlone, .mlpAlone, .attentionAlone, .stateSpaceAlone])
        XCTAssertEqual([c.stateSpace?.innerSize, c.stateSpace?.stateSize], [80, 16])
        XCTAssertEqual(try configuration(text.replacingOccurrences(of: ", \"num_hidden_layers\": 4", with: "")).blockCount, 4)
        // Experts are another model, which is not known.
        let experts = Array(text.replacingOccurrences(of: "M-*M", with: "ME*M").utf8)
        XCTAssertNil(try ModelConfiguration(configJSON: experts, path: "config.json"))
    }

    func testWhatCannotBeIsRefusedByName() throws {
        let qwen = """
            {"model_type": "qwen3_5_text", "hidden_size": 64, "vocab_size": 50, "num_hidden_layers": 8, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96, "linear_num_value_heads": 4, "linear_num_key_heads": 2,
            "full_attention_interval": 4}
            """
        XCTAssertEqual(
            try kinds(configuration(qwen)).map { $0 == .attention }, [false, false, false, true, false, false, false, true])
        let lfm2 = """
            {"model_type": "lfm2", "full_attn_idxs": [2], "hidden_size": 64, "intermediate_size": 96, "block_auto_adjust_ff_dim": false,
            "num_attention_heads": 4, "num_hidden_layers": 4, "num_key_value_heads": 2, "vocab_size": 50}
            """
        XCTAssertEqual(try kinds(configuration(lfm2)), [.stateSpace, .stateSpace, .attention, .stateSpace])
        for (text, from, to, words) in [
            (lfm2, "[2]", "[4]", "full_attn_idxs has other than numbers of blocks, of num_hidden_layers 4"),
            (lfm2, "[2]", "[-1]", "full_attn_idxs has other than"), (lfm2, "[2]", "2", "full_attn_idxs has other than"),
            (qwen, "\"full_attention_interval\": 4", "\"full_attention_interval\": \"4\"", "no integer 'full_attention_interval'"),
            (qwen, "\"full_attention_interval\": 4", "\"layer_types\": \"full_attention\"", "layer_types is no list of kinds"),
            (BlockKindTests.granite, "\"mamba\", \"attention\"", "\"mamba\", \"sliding\"", "layer_types has the kind 'sliding'"),
            (
                BlockKindTests.granite, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4",
                "kinds of 3 blocks are listed, of num_hidden_layers 4"
            ),
            (BlockKindTests.granite, "\"mamba_d_head\": 64", "\"mamba_d_head\": 32", "mamba_n_heads 64 of mamba_d_head 32"),
            (BlockKindTests.granite, "\"num_attention_heads\": 32", "\"num_attention_heads\": 0", "num_attention_heads is 0"),
            (qwen, "\"full_attention_interval\": 4", "\"full_attention_interval\": 0", "full_attention_interval is 0"),
            (qwen, "\"linear_num_key_heads\": 2", "\"linear_num_key_heads\": 3", "num_heads 4 is no multiple of n_groups 3"),
            (
                qwen, "\"linear_num_value_heads\": 4", "\"linear_num_value_heads\": 4611686018427387905",
                "linear_num_value_heads 4611686018427387905"
            ),
        ] {
            XCTAssertTrue(text.contains(from), from)
            XCTAssertThrowsError(try configuration(text.replacingOccurrences(of: from, with: to)), to) {
                XCTAssertTrue("\($0)".contains(words), "\($0)")
            }
        }
    }
}
