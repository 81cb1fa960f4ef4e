import Architectures

extension ModelConfiguration {
    /// What a model of a family that llama.cpp has computes, and llama.cpp would not: what a file is refused for.
    var refusalsInGGUF: [String] {
        var reasons: [String] = []
        guard let family, family.ggufName != nil else { return reasons }
        if design.positions != family.design.positions, let key = family.keys.linearPositions { reasons.append("\(key) true") }
        if let space = stateSpace, space.kind == .delta, space.headCount != space.groupCount {
            reasons.append("more heads of values, \(space.headCount), than of keys, \(space.groupCount), in this order")
        }
        switch ropeScaling {
        case .dynamic(_, let context):
            reasons.append("rope_scaling 'dynamic', without which it is the same model up to \(context) tokens")
        case .longRope(let long):
            if !family.keys.hasLongRope {
                reasons.append("rope_scaling 'longrope'")
            } else if long.originalContext > contextLength {
                reasons.append("an original context of \(long.originalContext), longer than max_position_embeddings,")
            }
        default: break
        }
        return reasons
    }
}
