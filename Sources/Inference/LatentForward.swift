import Architectures
import Matrices

/// The norms of what queries, and keys and values, are made of.
package struct LatentNorms {
    /// Nil where queries are made of the hidden state at once.
    package let query: Norm?
    package let keyValue: Norm
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
