import ModelGraph

extension ArchitectureFamily {
    /// RoBERTa: BERT whose positions begin after the padding token's, under other names of its head.
    static let roberta = bert.variation("roberta", className: "RobertaModel") {
        $0.ggufName = "bert"
        $0.setLayout(.afterPadding, of: .positionEmbedding)
        $0.prefixes = ["", "roberta."]
        $0.setHead(
            "lm_head.decoder.weight", bias: "lm_head.bias", transform: "lm_head.dense.weight", norm: "lm_head.layer_norm.weight")
        $0.setClassifier("classifier.out_proj.weight", transform: "classifier.dense.weight", .tanh)
        $0.keys.startsAfterPadding = true
        $0.headActivation = .gelu
    }

    /// XLM-RoBERTa: RoBERTa of many languages.
    static let xlmRoberta = roberta.variation("xlm-roberta", className: "XLMRobertaModel") { $0.ggufName = "bert" }

    /// CamemBERT: RoBERTa of French.
    static let camembert = roberta.variation("camembert", className: "CamembertModel") { $0.ggufName = "bert" }

    /// ELECTRA: BERT, with embeddings that may be narrower than its blocks, and a head of its own where it makes text.
    static let electra = bert.variation("electra", className: "ElectraModel") {
        $0.ggufName = nil
        $0.prefixes = ["", "electra."]
        $0.setHead(
            "generator_lm_head.weight", bias: nil, transform: "generator_predictions.dense.weight",
            norm: "generator_predictions.LayerNorm.weight")
        $0.tensors += [
            TensorRule("discriminator_predictions.dense.weight", "", .unknown, .other, isOptional: true),
            TensorRule("discriminator_predictions.dense_prediction.weight", "", .unknown, .other, isOptional: true),
            TensorRule("embeddings_project.weight", "", .unknown, .embeddingProjection, isOptional: true),
        ]
        $0.setClassifier("classifier.out_proj.weight", transform: "classifier.dense.weight", .layer(.gelu))
        $0.keys.embeddingWidth = "embedding_size"
        $0.headActivation = .gelu
    }

    /// DistilBERT: BERT without token types, under names of its own.
    static let distilBert: ArchitectureFamily = {
        var family = ArchitectureFamily(
            name: "distilbert", ggufName: "bert", className: "DistilBertModel", design: .bert,
            tensors: [
                TensorRule("embeddings.word_embeddings.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("embeddings.position_embeddings.weight", "position_embd.weight", .embedding, .positionEmbedding),
                TensorRule("embeddings.LayerNorm.weight", "token_embd_norm.weight", .norm, .embeddingNorm),
                TensorRule("transformer.layer.{}.attention.q_lin.weight", "blk.{}.attn_q.weight", .linear, .query),
                TensorRule("transformer.layer.{}.attention.k_lin.weight", "blk.{}.attn_k.weight", .linear, .key),
                TensorRule("transformer.layer.{}.attention.v_lin.weight", "blk.{}.attn_v.weight", .linear, .value),
                TensorRule("transformer.layer.{}.attention.out_lin.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
                TensorRule("transformer.layer.{}.sa_layer_norm.weight", "blk.{}.attn_output_norm.weight", .norm, .attentionNorm),
                TensorRule("transformer.layer.{}.ffn.lin1.weight", "blk.{}.ffn_up.weight", .linear, .up),
                TensorRule("transformer.layer.{}.ffn.lin2.weight", "blk.{}.ffn_down.weight", .linear, .down),
                TensorRule("transformer.layer.{}.output_layer_norm.weight", "blk.{}.layer_output_norm.weight", .norm, .mlpNorm),
            ])
        family.setHead(
            "vocab_projector.weight", bias: nil, transform: "vocab_transform.weight", norm: "vocab_layer_norm.weight")
        family.setClassifier("classifier.weight", transform: "pre_classifier.weight", .layer(.relu))
        family.prefixes = ["", "distilbert."]
        family.keys = ConfigurationKeys(
            hiddenSize: "dim", intermediateSize: "hidden_dim", blockCount: "n_layers", headCount: "n_heads", normEpsilon: nil,
            activation: ["activation"], defaultEpsilon: 1e-12, tiesEmbeddings: true)
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        family.keys.otherNames = ["dim": "hidden_size", "n_layers": "num_hidden_layers", "n_heads": "num_attention_heads"]
        family.derivedTensors = ["embeddings.position_ids"]
        family.otherKeys = ["sinusoidal_pos_embds", "qa_dropout", "seq_classif_dropout"]
        return family
    }()

    /// Gives an encoder another head for classes, with a layer before its last where it has one of its own.
    mutating func setClassifier(_ last: String, transform: String?, _ activation: SequenceClassifier.Activation) {
        tensors.removeAll { [.classifier, .classifierTransform].contains($0.module) }
        if let transform { tensors.append(TensorRule(transform, "", .unknown, .classifierTransform, isOptional: true)) }
        tensors.append(TensorRule(last, "", .unknown, .classifier, isOptional: true))
        classifierActivation = activation
    }

    /// Gives an encoder another head for masked tokens, or one; a bias without name of its own lies beside the head's weight.
    mutating func setHead(_ head: String, bias: String?, transform: String, norm: String) {
        tensors.removeAll { [.head, .headBias, .headTransform, .headNorm].contains($0.module) }
        tensors.append(TensorRule(head, "", .head, .head, isOptional: true))
        if let bias { tensors.append(TensorRule(bias, "", .unknown, .headBias, isOptional: true)) }
        tensors.append(TensorRule(transform, "", .head, .headTransform, isOptional: true))
        tensors.append(TensorRule(norm, "", .norm, .headNorm, isOptional: true))
    }
}
