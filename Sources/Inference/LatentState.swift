import Architectures

/// Scratch memory of latent attention for one sequence; shapes in elements, T the longest sequence.
package final class LatentState {
    package let query: UnsafeMutablePointer<Float>  // [T, queryRank]
    package let normalisedQuery: UnsafeMutablePointer<Float>  // [T, queryRank]
    /// What keys and values are made of, and beside it what turns of keys.
    package let joined: UnsafeMutablePointer<Float>  // [T, keyRank + turned]
    package let keyValue: UnsafeMutablePointer<Float>  // [T, keyRank]
    package let turned: UnsafeMutablePointer<Float>  // [T, turned]
    package let normalisedKeyValue: UnsafeMutablePointer<Float>  // [T, keyRank]
    /// With each head its keys without what turns, and its values.
    package let expanded: UnsafeMutablePointer<Float>  // [T, heads × (headSize − turned + valueSize)]
    private let memory: FloatArena

    package init(_ c: ModelConfiguration, _ latent: LatentAttention, tokens: Int) {
        let (query, key, turned) = (latent.queryRank ?? 0, latent.keyValueRank, c.rotarySize)
        let widths = [query, query, key + turned, key, turned, key, c.expandedWidth]
        memory = FloatArena(counts: widths.map { $0 * tokens })
        let parts = memory.parts
        (self.query, normalisedQuery, joined, keyValue) = (parts[0], parts[1], parts[2], parts[3])
        (self.turned, normalisedKeyValue, expanded) = (parts[4], parts[5], parts[6])
    }

    /// About what one takes for so many tokens.
    static func byteCount(_ c: ModelConfiguration, tokens: Int) -> Int {
        guard let latent = c.latent else { return 0 }
        return 4 * tokens * (2 * (latent.queryRank ?? 0) + 3 * latent.keyValueRank + 2 * c.rotarySize + c.expandedWidth)
    }
}

extension ModelConfiguration {
    /// Of all heads, keys without what turns and values.
    package var expandedWidth: Int { headCount * (headSize - rotarySize + valueSize) }
}
