import Architectures
import Matrices

/// The norms of what queries, and keys and values, are made of.
package struct LatentNorms {
    /// Nil where queries are made of the hidden state at once.
    package let query: Norm?
    package let keyValue: Norm
}

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

extension WeightSource {
    func latentNorms(_ block: Int) throws -> LatentNorms? {
        guard let latent = configuration.latent else { return nil }
        let epsilon = LatentAttention.normEpsilon
        return LatentNorms(
            query: try latent.queryRank.map { _ in try norm(.queryLatentNorm, block: block, epsilon: epsilon) },
            keyValue: try norm(.keyValueLatentNorm, block: block, epsilon: epsilon))
    }

    /// Root mean squares of heads, where the model divides them by these after they have turned.
    func turnedNorm(_ block: Int) -> Norm? {
        let c = configuration
        guard c.design.normalisesTurned, c.rotation(inBlock: block) != .none else { return nil }
        return Norm(
            kind: .rootMeanSquare, weight: [Float](repeating: 1, count: c.headSize), bias: [Float](repeating: 0, count: c.headSize),
            epsilon: Float(c.normEpsilon))
    }
}

extension BlockWeights {
    /// Queries and keys [T, heads × headSize] and values [T, heads × valueSize] of the attention's input, turned, by way of the few numbers
    /// that they are made of.
    ///
    /// - Parameter observe: called with what the layers read, and how many rows of how many floats that are.
    func projectLatent(
        _ norms: LatentNorms, tokens: Int, _ c: ModelConfiguration, _ rotary: RotaryEmbedding?, _ state: RunState,
        observe: (BlockInput, UnsafeMutablePointer<Float>, _ rows: Int, _ width: Int) -> Void
    ) {
        guard let own = state.latent, let latent = c.latent else { preconditionFailure("there is no room for latent attention") }
        if let norm = norms.query, let rank = latent.queryRank {
            apply(.queryLatent, to: state.normalised, tokens: tokens, into: own.query)
            norm.apply(own.query, into: own.normalisedQuery, tokens: tokens)
            observe(.queryLatent, own.normalisedQuery, tokens, rank)
            apply(.queryExpansion, to: own.normalisedQuery, tokens: tokens, into: state.queries)
        } else {
            apply(.query, to: state.normalised, tokens: tokens, into: state.queries)
        }
        apply(.keyValueLatent, to: state.normalised, tokens: tokens, into: own.joined)
        split(own.joined, tokens: tokens, into: [own.keyValue, own.turned], widths: [latent.keyValueRank, c.rotarySize])
        norms.keyValue.apply(own.keyValue, into: own.normalisedKeyValue, tokens: tokens)
        observe(.keyValueLatent, own.normalisedKeyValue, tokens, latent.keyValueRank)
        apply(.keyValueExpansion, to: own.normalisedKeyValue, tokens: tokens, into: own.expanded)
        let (plain, size) = (c.headSize - c.rotarySize, c.valueSize)
        for token in 0..<tokens {
            for head in 0..<c.headCount {
                let place = token * c.headCount + head
                let (source, key) = (own.expanded + place * (plain + size), state.keys + place * c.headSize)
                key.update(from: source, count: plain)
                (key + plain).update(from: own.turned + token * c.rotarySize, count: c.rotarySize)
                (state.values + place * size).update(from: source + plain, count: size)
            }
        }
        rotary?.rotate(state.queries, tokens: tokens, heads: c.headCount)
        rotary?.rotate(state.keys, tokens: tokens, heads: c.headCount)
    }
}
