import ModelGraph

extension ArchitectureFamily {
    /// ALBERT (Lan et al. 2020): BERT with embeddings narrower than its blocks, and one set of weights for all of these, or one for each group.
    static let albert: ArchitectureFamily = bert.variation("albert", className: "AlbertModel") {
        $0.ggufName = nil
        $0.prefixes = ["", "albert."]
        $0.design.activation = .geluTanh
        let layer = "encoder.albert_layer_groups.{}.albert_layers.0."
        let names: [Module: String] = [
            .query: "attention.query", .key: "attention.key", .value: "attention.value", .attentionOutput: "attention.dense",
            .attentionNorm: "attention.LayerNorm", .up: "ffn", .down: "ffn_output", .mlpNorm: "full_layer_layer_norm",
        ]
        $0.tensors.removeAll { $0.module == .other }
        for (index, rule) in $0.tensors.enumerated() {
            $0.tensors[index].gguf = ""
            if let name = names[rule.module] { $0.tensors[index].name = layer + name + ".weight" }
            if rule.module == .pooler { $0.tensors[index].name = "pooler.weight" }
        }
        $0.setHead(
            "predictions.decoder.weight", bias: "predictions.bias", transform: "predictions.dense.weight",
            norm: "predictions.LayerNorm.weight")
        $0.tensors += [
            TensorRule("encoder.embedding_hidden_mapping_in.weight", "", .unknown, .embeddingProjection),
            TensorRule("sop_classifier.classifier.weight", "", .unknown, .other, isOptional: true),
        ]
        $0.keys.embeddingWidth = "embedding_size"
        $0.keys.ownBlockCount = "num_hidden_groups"
        // Of the original code; they are always 1 or mean nothing.
        $0.otherKeys = ["inner_group_num", "net_structure_type", "gap_size", "num_memory_blocks", "down_scale_factor", "layers_to_keep"]
    }
}
