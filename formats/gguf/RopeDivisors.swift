import Architectures
import ModelGraph

/// What a file divides rotary frequencies by, [rotarySize / 2] each: `rope_freqs.weight`, and of longrope `rope_factors_short.weight` and
/// `rope_factors_long.weight`.
struct RopeDivisors {
    let usual: [Float]?
    let short: [Float]?
    let long: [Float]?

    init(_ tensors: [GGUFTensor]) throws {
        func values(_ name: String) throws -> [Float]? {
            try tensors.first { $0.name == name }.map { try $0.payload().densifiedFloats() }
        }
        usual = try values(GGUFNaming.ropeDivisorsName)
        (short, long) = (try values(GGUFNaming.shortDivisorsName), try values(GGUFNaming.longDivisorsName))
    }
}

extension ModelConfiguration {
    /// What a file says of longrope; llama.cpp multiplies queries and keys by "attn_factor".
    func longRope(_ metadata: Metadata, _ architecture: String, short: [Float], long: [Float]) -> LongRoPE {
        func value(_ key: String) -> MetadataValue? { metadata["\(architecture).rope.scaling.\(key)"] }
        let original = value("original_context_length")?.integer ?? contextLength
        var scaling = LongRoPE(
            shortDivisors: short, longDivisors: long, originalContext: original, factor: Double(contextLength) / Double(max(original, 1)))
        let factor = ModelConfiguration.shortest(value("attn_factor")) ?? 1
        // What follows from the contexts need not be said.
        if Float(factor) != Float(scaling.magnitude) { scaling.attentionFactor = factor }
        return scaling
    }
}

extension LongRoPE {
    /// As llama.cpp's converter writes it, without the architecture's name.
    var ggufMetadata: [(key: String, value: MetadataValue)] {
        [
            ("rope.scaling.original_context_length", .uint32(UInt32(clamping: originalContext))),
            ("rope.scaling.attn_factor", .float32(Float(magnitude))),
        ]
    }
}
