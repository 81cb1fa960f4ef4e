import Architectures
import ModelGraph

/// What files say of state spaces.
extension ModelConfiguration {
    /// - Parameter required: the number of a key of the architecture.
    /// - Throws: `ConfigurationError` naming a key that is missing or has an impossible value.
    mutating func readStateSpace(_ keys: StateSpaceKeys, _ required: (String) throws -> Int) throws {
        if keys.kind == .convolution {
            stateSpace = StateSpace(
                kind: .convolution, innerSize: hiddenSize, stateSize: 0, kernelSize: try required("shortconv.l_cache"),
                headCount: hiddenSize)
            return
        }
        let (inner, rank) = (try required("ssm.inner_size"), try required("ssm.time_step_rank"))
        let isHeads = keys.kind != .selective
        guard inner > 0, rank > 0 else { throw ConfigurationError("ssm.inner_size is \(inner) and ssm.time_step_rank \(rank)") }
        var space = StateSpace(
            kind: keys.kind, innerSize: inner, stateSize: try required("ssm.state_size"), kernelSize: try required("ssm.conv_kernel"),
            headCount: isHeads ? rank : inner)
        if isHeads { space.groupCount = try required("ssm.group_count") } else { space.rank = rank }
        if keys.normalises { space.mixerEpsilon = 0 }
        if keys.activation != nil { space.activation = .silu }
        if let least = keys.leastStep { space.leastStep = least.usual }
        if keys.kind == .delta, space.headCount != space.groupCount {
            throw ConfigurationError("ssm.time_step_rank \(rank) is not ssm.group_count \(space.groupCount): heads are in another order")
        }
        stateSpace = space
    }

    /// The sizes of state spaces as llama.cpp's converter writes them; none for models without.
    var ggufStateSpaceSizes: [(key: String, value: MetadataValue)] {
        guard let space = stateSpace else { return [] }
        func count(_ value: Int) -> MetadataValue { .uint32(UInt32(clamping: value)) }
        if space.kind == .convolution { return [("shortconv.l_cache", count(space.kernelSize))] }
        let isHeads = space.kind != .selective
        return [
            ("ssm.conv_kernel", count(space.kernelSize)), ("ssm.inner_size", count(space.innerSize)),
            ("ssm.state_size", count(space.stateSize)), ("ssm.time_step_rank", count(isHeads ? space.headCount : space.rank)),
            isHeads ? ("ssm.group_count", count(space.groupCount)) : ("ssm.dt_b_c_rms", .bool(space.mixerEpsilon != nil)),
        ]
    }

    /// All hyperparameters of a model without attention; nil for others.
    var ggufStateSpace: [(key: String, value: MetadataValue)]? {
        guard isAttentionFree else { return nil }
        func count(_ value: Int) -> MetadataValue { .uint32(UInt32(clamping: value)) }
        return [
            ("context_length", count(contextLength)), ("embedding_length", count(hiddenSize)), ("feed_forward_length", count(0)),
            ("attention.head_count", count(0)), ("block_count", count(blockCount)),
        ] + ggufStateSpaceSizes + [
            (ModelConfiguration.epsilonKey(design), .float32(Float(normEpsilon))), ("vocab_size", count(vocabularySize)),
        ]
    }

    /// What llama.cpp would compute otherwise.
    var differencesOfStateSpaceInGGUF: [String] {
        guard let space = stateSpace else { return [] }
        var reasons: [String] = []
        if space.kind == .selective || family?.ggufName == "granitehybrid", space.innerSize != 2 * hiddenSize {
            reasons.append("llama.cpp will not load the file: \(space.innerSize) channels are not twice hidden_size \(hiddenSize)")
        }
        if space.kind == .delta, space.headSize != space.stateSize {
            reasons.append(
                "llama.cpp will not load the file: keys of \(space.stateSize) numbers are not as wide as values of \(space.headSize)")
        }
        if let activation = space.activation, activation != .silu {
            reasons.append("llama.cpp has silu after the convolution, not \(activation.rawValue)")
        }
        // The usual limit of a family comes back with the file, and is less than time steps of trained models.
        let usual = family?.keys.stateSpace?.leastStep
        if space.leastStep != usual?.usual ?? 0 || space.mostStep < .infinity {
            reasons.append("llama.cpp has no limits of time steps, whatever \(usual?.key ?? "time_step_limit") says")
        }
        if let epsilon = space.mixerEpsilon, epsilon != normEpsilon {
            reasons.append("llama.cpp has layer_norm_epsilon in all norms, whatever mixer_rms_eps says")
        }
        return reasons
    }
}
