import Architectures
import XCTest

/// config.json of models that see, as they are published: what "text_config" leaves out is what transformers 5.23 gives for it.
final class VisionLanguageConfigurationTests: XCTestCase {
    private func configuration(_ text: String) throws -> ModelConfiguration {
        // What is thrown is the caller's, which XCTUnwrap would take for a failure of its own.
        let found = try ModelConfiguration(configJSON: Array(text.utf8), path: "config.json")
        return try XCTUnwrap(found)
    }

    /// google/gemma-3-4b-it, without its vision_config's numbers.
    func testGemma3() throws {
        let found = try configuration(
            """
            {"architectures": ["Gemma3ForConditionalGeneration"], "boi_token_index": 255999, "eoi_token_index": 256000, "eos_token_id": [1, 106],
             "image_token_index": 262144, "initializer_range": 0.02, "mm_tokens_per_image": 256, "model_type": "gemma3",
             "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
             "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
             "torch_dtype": "bfloat16", "transformers_version": "4.50.0.dev0", "vision_config": {"hidden_size": 1152}}
            """)
        XCTAssertEqual(found.architecture, "gemma3")
        XCTAssertEqual(found.vision?.modelType, "gemma3")
        XCTAssertEqual([found.vocabularySize, found.hiddenSize, found.intermediateSize, found.blockCount], [262_208, 2560, 10240, 34])
        XCTAssertEqual([found.headCount, found.keyValueHeadCount, found.headSize, found.contextLength], [8, 4, 256, 131_072])
        XCTAssertEqual(found.ropeScaling, .linear(8))
        XCTAssertEqual([found.ropeTheta, found.localRopeTheta, found.attentionScalar, found.normEpsilon], [1_000_000, 10000, 256, 1e-6])
        XCTAssertEqual((0..<7).map { found.window?.size(inBlock: $0) }, [1024, 1024, 1024, 1024, 1024, nil, 1024])
        XCTAssertTrue(found.tiesEmbeddings)
        XCTAssertEqual(found.unknownKeys, [])
        XCTAssertEqual(found.unsupportedFeatures, [])
    }

    /// llava-hf/llava-1.5-7b-hf.
    func testLLaVA() throws {
        let found = try configuration(
            """
            {"architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": 32000, "model_type": "llava",
             "pad_token_id": 32001, "projector_hidden_act": "gelu", "tie_word_embeddings": false, "torch_dtype": "float16",
             "text_config": {"_name_or_path": "lmsys/vicuna-7b-v1.5", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096,
             "model_type": "llama", "rms_norm_eps": 1e-05, "torch_dtype": "float16", "vocab_size": 32064},
             "vision_config": {"model_type": "clip_vision_model"}, "vision_feature_layer": -2, "vision_feature_select_strategy": "default"}
            """)
        XCTAssertEqual(found.architecture, "llama")
        XCTAssertEqual([found.vocabularySize, found.hiddenSize, found.intermediateSize, found.blockCount], [32064, 4096, 11008, 32])
        XCTAssertEqual([found.headCount, found.keyValueHeadCount, found.headSize, found.contextLength], [32, 32, 128, 4096])
        XCTAssertEqual([found.ropeTheta, found.normEpsilon], [10000, 1e-5])
        XCTAssertFalse(found.tiesEmbeddings)
        XCTAssertEqual(found.unknownKeys, [])
    }

    /// Qwen/Qwen2-VL-2B-Instruct: the language model's keys lie beside vision_config.
    func testQwen2VLOnOneFloor() throws {
        let found = try configuration(
            """
            {"architectures": ["Qwen2VLForConditionalGeneration"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
             "vision_start_token_id": 151652, "vision_end_token_id": 151653, "vision_token_id": 151654, "image_token_id": 151655,
             "video_token_id": 151656, "hidden_act": "silu", "hidden_size": 1536, "initializer_range": 0.02, "intermediate_size": 8960,
             "max_position_embeddings": 32768, "max_window_layers": 28, "model_type": "qwen2_vl", "num_attention_heads": 12,
             "num_hidden_layers": 28, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768,
             "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "use_sliding_window": false,
             "vision_config": {"depth": 32, "embed_dim": 1280, "model_type": "qwen2_vl"},
             "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936}
            """)
        XCTAssertEqual(found.architecture, "qwen2_vl")
        XCTAssertEqual(found.rotarySections, [16, 24, 24])
        XCTAssertEqual([found.hiddenSize, found.blockCount, found.headSize, found.vocabularySize], [1536, 28, 128, 151_936])
        XCTAssertEqual(found.ropeScaling, .none)
        XCTAssertTrue(found.tiesEmbeddings)
        XCTAssertEqual(found.unknownKeys, [])
        XCTAssertEqual(found.unsupportedFeatures, [])
    }

    /// What changes the computation, what is missing and what is not known.
    func testRefusals() throws {
        func text(_ type: String, _ inner: String, _ outer: String = "") -> String {
            "{\"model_type\": \"\(type)\", \"vision_config\": {}, \"text_config\": {\(inner)}\(outer)}"
        }
        // transformers lets PaliGemma's positions see all others where its text_config says nothing of it.
        XCTAssertEqual(try configuration(text("paligemma", "")).unsupportedFeatures, ["use_bidirectional_attention true"])
        XCTAssertEqual(try configuration(text("llava", "\"hidden_act\": \"tanh\"")).unsupportedFeatures, ["hidden_act 'tanh'"])
        XCTAssertEqual(try configuration(text("llava", "\"a_new_key\": 1", ", \"another\": 2")).unknownKeys, ["a_new_key", "another"])
        for (line, expected) in [
            ("{\"model_type\": \"gemma3\", \"vision_config\": {}}", "no object 'text_config'"),
            (text("llava", "\"model_type\": \"nothing\""), "'nothing', which is not known"),
            // The defaults of Phi-3 are not known here.
            (text("llava", "\"model_type\": \"phi3\""), "no integer 'vocab_size'"),
            (text("qwen2_vl", ""), "no 'mrope_section'"),
            (text("qwen2_vl", "\"rope_scaling\": {\"type\": \"mrope\", \"mrope_section\": [16, 24, 25]}"), "mrope_section is [16, 24, 25]"),
            (text("qwen2_vl", "\"rope_scaling\": {\"type\": \"mrope\", \"mrope_section\": [1e300]}"), "mrope_section has other"),
            (text("gemma3", "\"num_hidden_layers\": -1"), "num_hidden_layers is -1"),
        ] {
            XCTAssertThrowsError(try configuration(line), line) { XCTAssertTrue("\($0)".contains(expected), "\($0)") }
        }
        // An audio model with a text_config is no model that sees.
        XCTAssertNil(try ModelConfiguration(configJSON: Array(text("voxtral", "").utf8), path: "config.json"))
    }
}
