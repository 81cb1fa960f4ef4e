import StrictJSON

extension ModelConfiguration {
    /// A config.json that transformers loads, for a model that came without one.
    public func configJSON(dtype: String, bosTokenID: Int?, eosTokenID: Int?, padTokenID: Int?) -> [UInt8] {
        guard let family else { return [] }
        let keys = family.keys
        func id(_ value: Int?) -> JSONValue { value.map(JSONValue.integer) ?? .null }
        var members: [(key: String, value: JSONValue)] = [
            ("architectures", [.string(family.className)]), ("model_type", .string(family.modelTypes[0])),
            ("vocab_size", .integer(vocabularySize)), (keys.hiddenSize, .integer(hiddenSize)),
            (keys.intermediateSize, .integer(intermediateSize)), (keys.blockCount, .integer(blockCount)),
            (keys.headCount, .integer(headCount)), (keys.contextLength, .integer(contextLength)),
            (keys.normEpsilon, .number(normEpsilon)), (keys.activation[0], .string(design.activation.configName)),
            ("tie_word_embeddings", .bool(tiesEmbeddings)), ("bos_token_id", id(bosTokenID)), ("eos_token_id", id(eosTokenID)),
            ("pad_token_id", id(padTokenID)),
            ("torch_dtype", .string(dtype)),
        ]
        if design.positions == .rotary { members += rotaryMembers }
        if tokenTypeCount > 0 { members.append(("type_vocab_size", .integer(tokenTypeCount))) }
        if keys.attentionScalar != nil {
            members.append(("query_pre_attn_scalar", Int(exactly: attentionScalar).map(JSONValue.integer) ?? .number(attentionScalar)))
        }
        if keys.attentionSoftCap != nil {
            members.append(("attn_logit_softcapping", attentionSoftCap.map(JSONValue.number) ?? .null))
            members.append(("final_logit_softcapping", logitSoftCap.map(JSONValue.number) ?? .null))
        }
        if window != nil || keys.window != nil { members.append(("sliding_window", id(window?.size))) }
        return JSONValue.object(JSONObject(members.sorted { $0.key < $1.key })).serialized()
    }

    private var rotaryMembers: [(key: String, value: JSONValue)] {
        var members: [(key: String, value: JSONValue)] = [
            ("num_key_value_heads", .integer(keyValueHeadCount)), ("head_dim", .integer(headSize)), ("rope_theta", .number(ropeTheta)),
        ]
        if rotarySize != headSize { members.append(("partial_rotary_factor", .number(Double(rotarySize) / Double(headSize)))) }
        switch ropeScaling {
        case .none: break
        case .linear(let factor):
            members.append(("rope_scaling", ["rope_type": "linear", "type": "linear", "factor": .number(factor)]))
        case .llama3(let factor, let low, let high, let original):
            members.append(
                (
                    "rope_scaling",
                    [
                        "rope_type": "llama3", "factor": .number(factor), "low_freq_factor": .number(low),
                        "high_freq_factor": .number(high), "original_max_position_embeddings": .integer(original),
                    ]
                ))
        }
        return members
    }
}
