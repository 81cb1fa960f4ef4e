import Architectures
import ModelGraph

extension ModelConfiguration {
    /// Reads how many experts there are and how wide they are; where the file does not say, as llama.cpp has it.
    ///
    /// - Throws: `ConfigurationError` naming a key that is missing.
    mutating func readExperts(_ value: (String) -> MetadataValue?, _ family: ArchitectureFamily) throws {
        guard let keys = family.keys.experts else {
            if let count = value("expert_count")?.integer, count > 0 { unsupportedFeatures.append("experts") }
            return
        }
        func required(_ key: String) throws -> Int {
            guard let value = value(key)?.integer else { throw ConfigurationError("metadata has no integer '\(key)'") }
            return value
        }
        let (count, chosen) = (try required("expert_count"), try required("expert_used_count"))
        let size =
            keys.size == nil && !keys.sizeInGGUF
            ? intermediateSize : value("expert_feed_forward_length")?.integer ?? intermediateSize / max(chosen, 1)
        var experts = RoutedExperts(count: count, chosen: chosen, size: size, renormalises: keys.renormalisesInGGUF)
        (experts.scoring, experts.weighsInput) = (keys.scoring, keys.weighsInput)
        if let key = keys.sharedSize {
            let usual = key == keys.size ? size : intermediateSize
            experts.sharedSize = value("expert_shared_feed_forward_length")?.integer ?? usual
        }
        if let step = value("interleave_moe_layer_step")?.integer, keys.list != nil { experts.step = step }
        if keys.saysAllInGGUF {
            try experts.readChoice(value, keys, blockCount: blockCount)
        } else if let scale = value("expert_weights_scale")?.number, scale != 0, scale != 1 {
            unsupportedFeatures.append("expert_weights_scale \(scale)")
        }
        self.experts = experts
    }

    var ggufExperts: [(key: String, value: MetadataValue)] {
        guard let experts, let keys = family?.keys.experts else { return [] }
        func count(_ value: Int) -> MetadataValue { .uint32(UInt32(clamping: value)) }
        var entries = [("expert_count", count(experts.count)), ("expert_used_count", count(experts.chosen))]
        if keys.size != nil || keys.sizeInGGUF { entries.append(("expert_feed_forward_length", count(experts.size))) }
        if keys.list != nil { entries.append(("interleave_moe_layer_step", count(experts.step))) }
        if keys.saysAllInGGUF {
            let gating = experts.scoring == .softmax ? 1 : 2
            entries += [
                ("leading_dense_block_count", count(experts.denseBlocks.count)),
                ("expert_shared_count", count(experts.sharedSize / max(experts.size, 1))),
                ("expert_weights_scale", .float32(Float(experts.scale))), ("expert_weights_norm", .bool(experts.renormalises)),
                ("expert_gating_func", count(gating)),
            ]
            if experts.groups > 1 {
                entries += [("expert_group_count", count(experts.groups)), ("expert_group_used_count", count(experts.chosenGroups))]
            }
        }
        if keys.sharedSize != nil { entries.append(("expert_shared_feed_forward_length", count(experts.sharedSize))) }
        return entries
    }

    /// What llama.cpp would compute otherwise, or refuses.
    var differencesOfExpertsInGGUF: [String] {
        guard let experts, let keys = family?.keys.experts else { return [] }
        var reasons: [String] = []
        if keys.saysAllInGGUF {
            // The sum of two is what it compares groups by.
            let isOther = experts.groups > experts.chosenGroups && experts.bestOfGroup != 2
            return isOther ? ["llama.cpp chooses groups of experts by the sum of their two best, not by the best"] : []
        }
        if keys.list != nil {
            let blocks = 0..<min(blockCount, 1024)
            if blocks.contains(where: { experts.isIn(block: $0) != (($0 + 1) % experts.step == 0) }) {
                reasons.append("llama.cpp will not load the file: it wants experts in every block of interleave_moe_layer_step")
            }
        } else if !experts.isInAllBlocks {
            reasons.append("llama.cpp will not load the file: it wants experts in every block")
        }
        if experts.renormalises != keys.renormalisesInGGUF {
            let does = experts.renormalises ? "does not divide" : "divides"
            reasons.append("llama.cpp \(does) the weights of a token's experts by their sum, whatever norm_topk_prob says")
        }
        return reasons
    }
}

extension RoutedExperts {
    /// What files of families that say all of it say of the choice.
    fileprivate mutating func readChoice(_ value: (String) -> MetadataValue?, _ keys: ExpertKeys, blockCount: Int) throws {
        let leading = value("leading_dense_block_count")?.integer ?? 0
        denseBlocks = Set(0..<min(max(leading, 0), max(blockCount, 0), 1 << 16))
        let shared = (value("expert_shared_count")?.integer ?? 0).multipliedReportingOverflow(by: size)
        sharedSize = shared.overflow ? -1 : shared.partialValue
        if let number = ModelConfiguration.shortest(value("expert_weights_scale")), number != 0 { scale = number }
        renormalises = value("expert_weights_norm")?.bool ?? (keys.renormalises == nil)
        if let gating = value("expert_gating_func")?.integer, gating != 0, gating != (scoring == .softmax ? 1 : 2) {
            throw ConfigurationError("expert_gating_func is \(gating), which models with these tensors do not have")
        }
        if let count = value("expert_group_count")?.integer, count > 1, let best = keys.bestOfGroup {
            (groups, chosenGroups, bestOfGroup) = (count, value("expert_group_used_count")?.integer ?? count, best)
        }
    }
}
