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
        let size = keys.size == nil && !keys.sizeInGGUF ? intermediateSize : value("expert_feed_forward_length")?.integer ?? intermediateSize / max(chosen, 1)
        var experts = RoutedExperts(count: count, chosen: chosen, size: size, renormalises: keys.renormalisesInGGUF)
        (experts.scoring, experts.weighsInput) = (keys.scoring, keys.weighsInput)
        if keys.sharedSize != nil { experts.sharedSize = value("expert_shared_feed_forward_length")?.integer ?? intermediateSize }
        if let scale = value("expert_weights_scale")?.number, scale != 0, scale != 1 {
            unsupportedFeatures.append("expert_weights_scale \(scale)")
        }
        self.experts = experts
    }

    var ggufExperts: [(key: String, value: MetadataValue)] {
        guard let experts, let keys = family?.keys.experts else { return [] }
        func count(_ value: Int) -> MetadataValue { .uint32(UInt32(clamping: value)) }
        var entries = [("expert_count", count(experts.count)), ("expert_used_count", count(experts.chosen))]
        if keys.size != nil || keys.sizeInGGUF { entries.append(("expert_feed_forward_length", count(experts.size))) }
        if keys.sharedSize != nil { entries.append(("expert_shared_feed_forward_length", count(experts.sharedSize))) }
        return entries
    }

    /// What llama.cpp would compute otherwise, or refuses.
    var differencesOfExpertsInGGUF: [String] {
        guard let experts, let keys = family?.keys.experts else { return [] }
        var reasons: [String] = []
        if !experts.isInAllBlocks { reasons.append("llama.cpp will not load the file: it wants experts in every block") }
        if experts.renormalises != keys.renormalisesInGGUF {
            let does = experts.renormalises ? "does not divide" : "divides"
            reasons.append("llama.cpp \(does) the weights of a token's experts by their sum, whatever norm_topk_prob says")
        }
        return reasons
    }
}
