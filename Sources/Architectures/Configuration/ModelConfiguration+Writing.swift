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
            (keys.blockCount, .integer(blockCount)),
            ("tie_word_embeddings", .bool(tiesEmbeddings)), ("bos_token_id", id(bosTokenID)), ("eos_token_id", id(eosTokenID)),
            ("pad_token_id", id(padTokenID)),
            ("torch_dtype", .string(dtype)),
        ]
        if !isAttentionFree {
            let positions = contextLength + (keys.startsAfterPadding ? design.firstPosition : 0)
            members += [(keys.headCount, .integer(headCount)), (keys.contextLength, .integer(positions))]
        }
        members += stateSpaceMembers + blockKindMembers
        if let key = keys.absentExperts { members.append((key, .integer(0))) }
        if let key = keys.rotaryChoice { members.append((key, .string(design.positions == .rotary ? "rope" : "nope"))) }
        if keys.adjustsIntermediateSize { members.append(("block_auto_adjust_ff_dim", false)) }
        if let key = keys.intermediateSize, !isAttentionFree { members.append((key, .integer(intermediateSize))) }
        if let key = keys.normEpsilon { members.append((key, .number(normEpsilon))) }
        if let key = keys.activation.first { members.append((key, .string(design.activation.configName))) }
        if let key = keys.parallel { members.append((key, .bool(design.isParallel))) }
        if keys.oneKeyHead != nil {
            members.append(("new_decoder_architecture", true))
            members.append(("num_ln_in_parallel_attn", .integer(family.name(of: .mlpNorm) == nil ? 1 : 2)))
        }
        if design.positions == .rotary {
            members += rotaryMembers(keys) + sectionMembers
        } else if keys.blockKinds != nil {
            members += keyMembers(keys)
        }
        if tokenTypeCount > 0 { members.append(("type_vocab_size", .integer(tokenTypeCount))) }
        if keys.attentionScalar != nil {
            members.append(("query_pre_attn_scalar", Int(exactly: attentionScalar).map(JSONValue.integer) ?? .number(attentionScalar)))
        }
        if keys.attentionSoftCap != nil {
            members.append(("attn_logit_softcapping", attentionSoftCap.map(JSONValue.number) ?? .null))
        }
        if keys.logitSoftCap != nil { members.append(("final_logit_softcapping", logitSoftCap.map(JSONValue.number) ?? .null)) }
        if let keys = keys.window {
            if let both = keys.bothSides {
                members.append((both.window, .integer(2 * (window?.size ?? 0))))
            } else {
                members.append((keys.name, id(window?.size)))
            }
            if keys.isOptional { members.append(("use_sliding_window", .bool(window != nil))) }
            if keys.hasTypes, namesTypes(keys) { members.append(("layer_types", types)) }
        }
        if let clamp = design.gateClamp {
            members += [("swiglu_alpha", .number(clamp.alpha)), ("swiglu_limit", .number(clamp.limit))]
        }
        members += scaleMembers(keys.scales)
        members += expertMembers(keys.experts) + latentMembers
        if keys.normalisesTurned {
            members += [
                ("use_qk_norm", .bool(design.normalisesTurned)), ("attn_temperature_tuning", .bool(temperature != nil)),
                ("attn_scale", .number(temperature?.scale ?? 0.1)), ("floor_scale", .integer(Int(temperature?.floor ?? 8192))),
            ]
        }
        if let key = keys.headNorms { members.append((key, .bool(design.headNorm == .each))) }
        if let key = keys.perHeadNorms { members.append((key, .bool(design.headNorm == .perHead))) }
        if let key = keys.neighbours { members.append((key, .bool(design.turnsNeighbours))) }
        if let biasedModules {
            for setting in family.biasSettings {
                if let key = setting.key { members.append((key, .bool(setting.modules.contains(where: biasedModules.contains)))) }
            }
        }
        return JSONValue.object(JSONObject(members.sorted { $0.key < $1.key })).serialized()
    }

    /// Whether the blocks with a window have to be listed.
    private func namesTypes(_ keys: WindowKeys) -> Bool {
        if case .allButEvery = keys.blocks { return true }
        if case .listed = window?.blocks { return true }
        return false
    }

    private var types: JSONValue {
        .array(
            (0..<min(blockCount, 1 << 16)).map {
                .string(window?.size(inBlock: $0) == nil ? "full_attention" : family?.keys.window?.type ?? "")
            })
    }

    private func scaleMembers(_ keys: ScaleKeys) -> [(key: String, value: JSONValue)] {
        let numbers = [
            (keys.attention, 1 / attentionScalar.squareRoot()), (keys.embedding, embeddingMultiplier), (keys.residual, residualMultiplier),
            (keys.logit, logitMultiplier), (keys.logitDivisor, 1 / logitMultiplier),
        ]
        return numbers.compactMap { key, value in key.map { ($0, .number(value)) } }
    }

    private func keyMembers(_ keys: ConfigurationKeys) -> [(key: String, value: JSONValue)] {
        [(keys.keyValueHeadCount, keyValueHeadCount), (keys.headDimension, headSize)].compactMap { key, value in
            key.map { ($0, .integer(value)) }
        }
    }

    private func rotaryMembers(_ keys: ConfigurationKeys) -> [(key: String, value: JSONValue)] {
        var members: [(key: String, value: JSONValue)] = [
            (keys.rotary.theta, .number(ropeTheta))
        ]
        members += keyMembers(keys)
        if let key = keys.rotary.size {
            members.append((key, .integer(rotarySize)))
        } else if let key = keys.rotary.share {
            members.append((key, .number(Double(rotarySize) / Double(headSize))))
        }
        if let localRopeTheta, let key = keys.rotary.localKey { members.append((key, .number(localRopeTheta))) }
        if case .every = keys.rotary.unturned {
            members.append(
                ("no_rope_layers", .array((0..<min(blockCount, 1 << 16)).map { .integer(rotation(inBlock: $0) == .none ? 0 : 1) })))
        }
        if let localRopeTheta, keys.rotary.localKey == nil {
            let full = (scalingMembers?.object?.members ?? [("rope_type", "default")]) + [("rope_theta", .number(ropeTheta))]
            members.append(
                (
                    "rope_parameters",
                    [
                        "full_attention": .object(JSONObject(full)),
                        "sliding_attention": ["rope_type": "default", "rope_theta": .number(localRopeTheta)],
                    ]
                ))
            return members
        }
        if let scalingMembers { members.append(("rope_scaling", scalingMembers)) }
        if case .longRope(let long) = ropeScaling, keys.hasLongRope {
            members.append(("original_max_position_embeddings", .integer(long.originalContext)))
        }
        return members
    }

    /// What "rope_scaling" is; nil without any.
    private var scalingMembers: JSONValue? {
        switch ropeScaling {
        case .none: return nil
        case .linear(let factor): return ["rope_type": "linear", "type": "linear", "factor": .number(factor)]
        case .llama3(let factor, let low, let high, let original):
            return [
                "rope_type": "llama3", "factor": .number(factor), "low_freq_factor": .number(low),
                "high_freq_factor": .number(high), "original_max_position_embeddings": .integer(original),
            ]
        case .yarn(let yarn):
            let beta = temperature.map { [("llama_4_scaling_beta", JSONValue.number($0.scale))] } ?? []
            return .object(JSONObject(yarn.members + beta))
        case .longRope(let long): return .object(JSONObject(long.members))
        case .dynamic(let factor, _): return ["rope_type": "dynamic", "type": "dynamic", "factor": .number(factor)]
        }
    }
}

extension LongRoPE {
    /// As config.json has it.
    fileprivate var members: [(key: String, value: JSONValue)] {
        func list(_ numbers: [Float]) -> JSONValue { .array(numbers.map { .number(Double("\($0)") ?? Double($0)) }) }
        var members: [(key: String, value: JSONValue)] = [
            ("rope_type", "longrope"), ("type", "longrope"), ("short_factor", list(shortDivisors)), ("long_factor", list(longDivisors)),
            ("original_max_position_embeddings", .integer(originalContext)), ("factor", .number(factor)),
        ]
        if let attentionFactor { members.append(("attention_factor", .number(attentionFactor))) }
        return members
    }
}

extension YaRN {
    /// As config.json has it.
    fileprivate var members: [(key: String, value: JSONValue)] {
        var members: [(key: String, value: JSONValue)] = [
            ("rope_type", "yarn"), ("type", "yarn"), ("factor", .number(factor)), ("beta_fast", .number(fastTurns)),
            ("beta_slow", .number(slowTurns)), ("original_max_position_embeddings", .integer(originalContext)),
            ("truncate", .bool(truncates)),
        ]
        for (key, value) in [("attention_factor", attentionFactor), ("mscale", scale), ("mscale_all_dim", scaleOfAll)] {
            if let value { members.append((key, .number(value))) }
        }
        return members
    }
}
