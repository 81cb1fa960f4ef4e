import Architectures
import ModelGraph

extension TensorGraph {
    /// Checks every tensor that the architecture needs against the configuration: that it is there, and its shape. Reads no values.
    ///
    /// - Returns: how many were checked; nil when the architecture is not known.
    /// - Throws: `ModelError.missingTensor`, `.wrongShape`; `ConfigurationError` and `FormatError` for a broken configuration.
    public func checkShapes() throws -> Int? {
        guard let configuration = try configuration() else { return nil }
        let source = WeightSource(graph: self, configuration: configuration)
        var checked = 0
        for (name, shape) in configuration.tensorsOutsideBlocks {
            _ = try source.tensor(name, shape)
            checked += 1
        }
        for block in 0..<configuration.blockCount {
            for (name, shape) in configuration.tensorsOfBlock {
                _ = try source.tensor("model.layers.\(block).\(name)", shape)
                checked += 1
            }
        }
        return checked
    }
}

extension ModelConfiguration {
    /// Names and shapes of what stands before and after the blocks.
    var tensorsOutsideBlocks: [(name: String, shape: [Int])] {
        [
            ("model.embed_tokens.weight", [vocabularySize, hiddenSize]), ("model.norm.weight", [hiddenSize]),
            ("lm_head.weight", [vocabularySize, hiddenSize]),
        ]
    }

    /// Names, after the block's prefix, and shapes [out, in] of a block's tensors.
    var tensorsOfBlock: [(name: String, shape: [Int])] {
        let (queries, keys) = (headCount * headSize, keyValueHeadCount * headSize)
        return [
            ("input_layernorm.weight", [hiddenSize]), ("self_attn.q_proj.weight", [queries, hiddenSize]),
            ("self_attn.k_proj.weight", [keys, hiddenSize]), ("self_attn.v_proj.weight", [keys, hiddenSize]),
            ("self_attn.o_proj.weight", [hiddenSize, queries]), ("post_attention_layernorm.weight", [hiddenSize]),
            ("mlp.gate_proj.weight", [intermediateSize, hiddenSize]), ("mlp.up_proj.weight", [intermediateSize, hiddenSize]),
            ("mlp.down_proj.weight", [hiddenSize, intermediateSize]),
        ]
    }
}
