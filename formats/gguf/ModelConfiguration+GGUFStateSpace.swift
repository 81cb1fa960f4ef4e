import Architectures
import ModelGraph

/// What files say of state spaces.
extension ModelConfiguration {
    /// - Parameter required: the number of a key of the architecture.
    /// - Throws: `ConfigurationError` naming a key that is missing or has an impossible value.
    mutating func readStateSpace(_ keys: StateSpaceKeys, _ required: (String) throws -> Int) throws {
        let (inner, rank) = (try required("ssm.inner_size"), try required("ssm.time_step_rank"))
        let isHeads = keys.kind == .heads
        guard inner > 0, rank > 0 else { throw ConfigurationError("ssm.inner_size is \(inner) and ssm.time_step_rank \(rank)") }
        var space = StateSpace(
            kind: keys.kind, innerSize: inner, stateSize: try required("ssm.state_size"), kernelSize: try required("ssm.conv_kernel"),
            headCount: isHeads ? rank : inner)
        if isHeads { space.groupCount = try required("ssm.group_count") } else { space.rank = rank }
        if keys.normalises { space.mixerEpsilon = 0 }
        stateSpace = space
    }

    /// As llama.cpp's converter writes them; nil for families with attention.
    var ggufStateSpace: [(key: String, value: MetadataValue)]? {
        guard let space = stateSpace else { return nil }
        func count(_ value: Int) -> MetadataValue { .uint32(UInt32(clamping: value)) }
        let isHeads = space.kind == .heads
        return [
            ("context_length", count(contextLength)), ("embedding_length", count(hiddenSize)), ("feed_forward_length", count(0)),
            ("attention.head_count", count(0)), ("block_count", count(blockCount)), ("ssm.conv_kernel", count(space.kernelSize)),
            ("ssm.inner_size", count(space.innerSize)), ("ssm.state_size", count(space.stateSize)),
            ("ssm.time_step_rank", count(isHeads ? space.headCount : space.rank)),
            isHeads ? ("ssm.group_count", count(space.groupCount)) : ("ssm.dt_b_c_rms", .bool(space.mixerEpsilon != nil)),
            (ModelConfiguration.epsilonKey(design), .float32(Float(normEpsilon))), ("vocab_size", count(vocabularySize)),
        ]
    }

    /// What llama.cpp would compute otherwise.
    var differencesOfStateSpaceInGGUF: [String] {
        guard let space = stateSpace else { return [] }
        var reasons: [String] = []
        if space.kind == .selective, space.innerSize != 2 * hiddenSize {
            reasons.append("llama.cpp will not load the file: \(space.innerSize) channels are not twice hidden_size \(hiddenSize)")
        }
        if space.leastStep > 0 || space.mostStep < .infinity {
            reasons.append("llama.cpp has no limits of time steps, whatever time_step_limit says")
        }
        if let epsilon = space.mixerEpsilon, epsilon != normEpsilon {
            reasons.append("llama.cpp has layer_norm_epsilon in all norms, whatever mixer_rms_eps says")
        }
        return reasons
    }
}
