import ModelGraph

extension ArchitectureFamily {
    /// BERT encoders (Devlin et al. 2019): layer norm after each part, learned positions, biases everywhere, attention both ways.
    /// The head that fills in tokens and the one that sorts texts into classes are run where they are there; others are carried.
    public static let bert: ArchitectureFamily = {
        var family = ArchitectureFamily(
            name: "bert", ggufName: "bert", className: "BertModel", design: .bert,
            tensors: [
                TensorRule("embeddings.word_embeddings.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("embeddings.position_embeddings.weight", "position_embd.weight", .embedding, .positionEmbedding),
                TensorRule("embeddings.token_type_embeddings.weight", "token_types.weight", .embedding, .tokenTypeEmbedding),
                TensorRule("embeddings.LayerNorm.weight", "token_embd_norm.weight", .norm, .embeddingNorm),
                TensorRule("encoder.layer.{}.attention.self.query.weight", "blk.{}.attn_q.weight", .linear, .query),
                TensorRule("encoder.layer.{}.attention.self.key.weight", "blk.{}.attn_k.weight", .linear, .key),
                TensorRule("encoder.layer.{}.attention.self.value.weight", "blk.{}.attn_v.weight", .linear, .value),
                TensorRule("encoder.layer.{}.attention.output.dense.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
                TensorRule(
                    "encoder.layer.{}.attention.output.LayerNorm.weight", "blk.{}.attn_output_norm.weight", .norm, .attentionNorm),
                TensorRule("encoder.layer.{}.intermediate.dense.weight", "blk.{}.ffn_up.weight", .linear, .up),
                TensorRule("encoder.layer.{}.output.dense.weight", "blk.{}.ffn_down.weight", .linear, .down),
                TensorRule("encoder.layer.{}.output.LayerNorm.weight", "blk.{}.layer_output_norm.weight", .norm, .mlpNorm),
                TensorRule("cls.predictions.decoder.weight", "", .head, .head, isOptional: true),
                TensorRule("cls.predictions.bias", "", .unknown, .headBias, isOptional: true),
                TensorRule("cls.predictions.transform.dense.weight", "", .head, .headTransform, isOptional: true),
                TensorRule("cls.predictions.transform.LayerNorm.weight", "", .norm, .headNorm, isOptional: true),
                TensorRule("cls.seq_relationship.weight", "", .unknown, .other, isOptional: true),
                TensorRule("pooler.dense.weight", "", .unknown, .pooler, isOptional: true),
                TensorRule("classifier.weight", "", .unknown, .classifier, isOptional: true),
            ])
        family.prefixes = ["", "bert."]
        family.keys = ConfigurationKeys(normEpsilon: "layer_norm_eps", defaultEpsilon: 1e-12, tiesEmbeddings: true)
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        family.classifierActivation = .tanh
        family.fixedSettings = ["is_decoder": false]
        family.derivedTensors = ["embeddings.position_ids"]
        return family
    }()
}
