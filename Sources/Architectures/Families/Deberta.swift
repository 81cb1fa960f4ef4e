import ModelGraph

extension ArchitectureFamily {
    /// DeBERTa V3 encoders (He et al. 2021): BERT with distances between tokens in the scores instead of positions in the embeddings, their
    /// queries and keys made by the layers of the tokens' own.
    public static let deberta = bert.variation("deberta-v2", className: "DebertaV2Model") {
        $0.ggufName = nil
        $0.design.positions = .relative
        $0.prefixes = ["deberta.", ""]
        $0.tensors.removeAll { [.positionEmbedding, .tokenTypeEmbedding, .pooler].contains($0.module) }
        $0.setClassifier("classifier.weight", transform: "pooler.dense.weight", .layer(.gelu))
        $0.classifierActivationKey = "pooler_hidden_act"
        for (index, rule) in $0.tensors.enumerated() {
            $0.tensors[index].gguf = ""
            if [.query, .key, .value].contains(rule.module) {
                $0.tensors[index].name = "encoder.layer.{}.attention.self.\(rule.module.rawValue)_proj.weight"
            }
        }
        $0.tensors += [
            TensorRule("encoder.rel_embeddings.weight", "", .embedding, .relativeEmbedding),
            TensorRule("encoder.LayerNorm.weight", "", .norm, .relativeNorm),
        ]
        $0.keys.defaultEpsilon = 1e-7
        $0.fixedSettings = ["relative_attention": true, "share_att_key": true, "position_biased_input": false]
        $0.silentSettings = ["relative_attention": false, "share_att_key": false, "position_biased_input": true]
    }
}
