import ModelGraph

extension ArchitectureFamily {
    /// BERT encoders (Devlin et al. 2019): layer norm after each part, learned positions, biases everywhere, attention both ways.
    /// The pooler and the heads for particular tasks are carried and not run.
    public static let bert = ArchitectureFamily(
        name: "bert",
        modelTypes: ["bert"],
        className: "BertModel",
        design: .bert,
        prefixes: ["", "bert."],
        isMappedToGGUF: false,
        tensors: [
            TensorRule("embeddings.word_embeddings.weight", "", .embedding, .tokenEmbedding),
            TensorRule("embeddings.position_embeddings.weight", "", .embedding, .positionEmbedding),
            TensorRule("embeddings.token_type_embeddings.weight", "", .embedding, .tokenTypeEmbedding),
            TensorRule("embeddings.LayerNorm.weight", "", .norm, .embeddingNorm),
            TensorRule("encoder.layer.{}.attention.self.query.weight", "", .linear, .query),
            TensorRule("encoder.layer.{}.attention.self.key.weight", "", .linear, .key),
            TensorRule("encoder.layer.{}.attention.self.value.weight", "", .linear, .value),
            TensorRule("encoder.layer.{}.attention.output.dense.weight", "", .linear, .attentionOutput),
            TensorRule("encoder.layer.{}.attention.output.LayerNorm.weight", "", .norm, .attentionNorm),
            TensorRule("encoder.layer.{}.intermediate.dense.weight", "", .linear, .up),
            TensorRule("encoder.layer.{}.output.dense.weight", "", .linear, .down),
            TensorRule("encoder.layer.{}.output.LayerNorm.weight", "", .norm, .perceptronNorm),
        ])
}
