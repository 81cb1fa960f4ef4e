import Architectures
import ModelGraph

extension ModelConfiguration {
    /// What a file says of YaRN. llama.cpp multiplies queries and keys by 0.1 ln(factor) + 1 and by "attn_factor".
    func yarn(_ metadata: Metadata, _ architecture: String) -> YaRN {
        func number(_ key: String) -> Double? { ModelConfiguration.shortest(metadata["\(architecture).rope.scaling.\(key)"]) }
        let original = metadata["\(architecture).rope.scaling.original_context_length"]?.integer ?? contextLength
        var yarn = YaRN(factor: number("factor") ?? 1, originalContext: original)
        // What files do not say is as the family's models have it.
        if case .yarn(let usual) = family?.keys.rotary.usualScaling { yarn.truncates = usual.truncates }
        if let turns = number("yarn_beta_fast"), turns != 0 { yarn.fastTurns = turns }
        if let turns = number("yarn_beta_slow"), turns != 0 { yarn.slowTurns = turns }
        if let factor = number("attn_factor"), factor != 0, factor != 1 { yarn.attentionFactor = factor * yarn.magnitude(1) }
        return yarn
    }
}

extension YaRN {
    /// As llama.cpp's converter writes it, without the architecture's name.
    ///
    /// - Parameter hasMultiplier: whether the architecture has "yarn_log_multiplier", which stands for equal scales.
    func ggufMetadata(_ float: (Double) -> MetadataValue, hasMultiplier: Bool) -> [(key: String, value: MetadataValue)] {
        var entries: [(key: String, value: MetadataValue)] = [
            ("type", .string("yarn")), ("factor", float(factor)), ("original_context_length", .uint32(UInt32(clamping: originalContext))),
            ("yarn_beta_fast", float(fastTurns)), ("yarn_beta_slow", float(slowTurns)),
        ]
        if magnitude != magnitude(1), !hasMultiplier || scaleOfAll == nil || scale != scaleOfAll {
            entries.append(("attn_factor", float(magnitude / magnitude(1))))
        }
        return entries.map { ("rope.scaling.\($0.key)", $0.value) }
    }
}
