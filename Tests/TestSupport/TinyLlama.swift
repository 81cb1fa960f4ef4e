import Foundation
import LinearAlgebra
import ModelGraph

/// A LLaMA of two small blocks with random weights and the tokenizer of Tests/Fixtures/tokenizers/tiny.model: any verb takes it.
public enum TinyLlama {
    public static let vocabularySize = 240
    public static let hiddenSize = 64
    public static let intermediateSize = 96
    public static let blockCount = 2
    public static let contextLength = 64

    public static let config = """
        {
          "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": \(vocabularySize), "hidden_size": \(hiddenSize),
          "intermediate_size": \(intermediateSize), "num_hidden_layers": \(blockCount), "num_attention_heads": 4,
          "num_key_value_heads": 2, "max_position_embeddings": \(contextLength), "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
          "hidden_act": "silu", "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"
        }

        """

    /// The checkpoint as a graph, weights in BF16.
    public static func graph() throws -> TensorGraph {
        var graph = TensorGraph()
        func add(_ name: String, _ dimensions: Int...) throws {
            let shape = dimensions.count == 1 ? Shape(count: dimensions[0]) : Shape(rows: dimensions[0], columns: dimensions[1])
            let generator = CounterGenerator(seed: 3, stream: UInt64(graph.tensors.count))
            let isNorm = dimensions.count == 1
            let floats = (0..<shape.elementCount).map { Float(generator.normal(UInt64($0))) * 0.2 + (isNorm ? 1 : 0) }
            try graph.append(Tensor(name: name, dense: try DenseTensor(floats: floats, shape: shape, dtype: .bf16)))
        }
        try add("model.embed_tokens.weight", vocabularySize, hiddenSize)
        for block in 0..<blockCount {
            let prefix = "model.layers.\(block)"
            try add("\(prefix).input_layernorm.weight", hiddenSize)
            try add("\(prefix).self_attn.q_proj.weight", hiddenSize, hiddenSize)
            try add("\(prefix).self_attn.k_proj.weight", hiddenSize / 2, hiddenSize)
            try add("\(prefix).self_attn.v_proj.weight", hiddenSize / 2, hiddenSize)
            try add("\(prefix).self_attn.o_proj.weight", hiddenSize, hiddenSize)
            try add("\(prefix).post_attention_layernorm.weight", hiddenSize)
            try add("\(prefix).mlp.gate_proj.weight", intermediateSize, hiddenSize)
            try add("\(prefix).mlp.up_proj.weight", intermediateSize, hiddenSize)
            try add("\(prefix).mlp.down_proj.weight", hiddenSize, intermediateSize)
        }
        try add("model.norm.weight", hiddenSize)
        try add("lm_head.weight", vocabularySize, hiddenSize)
        graph.attach(Attachment(name: "config.json", bytes: Array(config.utf8)))
        graph.attach(
            Attachment(
                name: "tokenizer.model", bytes: try TemporaryFolder.bytes(of: Repository.path("Tests/Fixtures/tokenizers/tiny.model"))))
        return graph
    }
}

/// Files of the repository that tests read.
public enum Repository {
    /// The absolute path of a file or folder, by its path in the repository.
    public static func path(_ relative: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(relative).path
    }
}
