import Architectures
import Inference
import LinearAlgebra

/// Gradients of what latent attention makes of one sequence; shapes in elements.
final class LatentGradients {
    let query: UnsafeMutablePointer<Float>  // [T, queryRank]
    let normalisedQuery: UnsafeMutablePointer<Float>  // [T, queryRank]
    let joined: UnsafeMutablePointer<Float>  // [T, keyRank + turned]
    let keyValue: UnsafeMutablePointer<Float>  // [T, keyRank]
    let turned: UnsafeMutablePointer<Float>  // [T, turned]
    let normalisedKeyValue: UnsafeMutablePointer<Float>  // [T, keyRank]
    let expanded: UnsafeMutablePointer<Float>  // [T, heads × (headSize − turned + valueSize)]
    private let memory: FloatArena

    init(_ c: ModelConfiguration, _ latent: LatentAttention, tokens: Int) {
        let (query, key, turned) = (latent.queryRank ?? 0, latent.keyValueRank, c.rotarySize)
        memory = FloatArena(counts: [query, query, key + turned, key, turned, key, c.expandedWidth].map { $0 * tokens })
        let parts = memory.parts
        (self.query, normalisedQuery, joined, keyValue) = (parts[0], parts[1], parts[2], parts[3])
        (self.turned, normalisedKeyValue, expanded) = (parts[4], parts[5], parts[6])
    }
}

extension BlockWeights {
    /// Back through `projectLatent`: from the gradients of queries, keys and values to that of the attention's input, in `state.normalised` [T, hidden].
    func projectLatentBackward(_ norms: LatentNorms, _ c: ModelConfiguration, _ rotary: RotaryEmbedding?, _ state: GradientState) {
        guard let latent = c.latent, let kept = state.run.latent, let own = state.latent else {
            preconditionFailure("the run did not keep what latent attention read")
        }
        let (tokens, plain, size) = (state.tokens, c.headSize - c.rotarySize, c.valueSize)
        rotary?.rotate(state.queries, tokens: tokens, heads: c.headCount, backwards: true)
        rotary?.rotate(state.keys, tokens: tokens, heads: c.headCount, backwards: true)
        own.turned.update(repeating: 0, count: tokens * c.rotarySize)
        for token in 0..<tokens {
            for head in 0..<c.headCount {
                let place = token * c.headCount + head
                let (target, key) = (own.expanded + place * (plain + size), state.keys + place * c.headSize)
                target.update(from: key, count: plain)
                (target + plain).update(from: state.values + place * size, count: size)
                // What turns is the same in all heads.
                for i in 0..<c.rotarySize { own.turned[token * c.rotarySize + i] += key[plain + i] }
            }
        }
        self[.keyValueExpansion].applyTransposed(to: own.expanded, tokens: tokens, into: own.normalisedKeyValue)  // [T, keyRank]
        own.keyValue.update(repeating: 0, count: tokens * latent.keyValueRank)
        norms.keyValue.backward(kept.keyValue, outputGradient: own.normalisedKeyValue, addingTo: own.keyValue, tokens: tokens)
        join([own.keyValue, own.turned], widths: [latent.keyValueRank, c.rotarySize], tokens: tokens, into: own.joined)
        self[.keyValueLatent].applyTransposed(to: own.joined, tokens: tokens, into: state.normalised)  // [T, hidden]
        guard let norm = norms.query, let rank = latent.queryRank else {
            return self[.query].applyTransposed(to: state.queries, tokens: tokens, into: state.normalised, accumulate: true)
        }
        self[.queryExpansion].applyTransposed(to: state.queries, tokens: tokens, into: own.normalisedQuery)  // [T, queryRank]
        own.query.update(repeating: 0, count: tokens * rank)
        norm.backward(kept.query, outputGradient: own.normalisedQuery, addingTo: own.query, tokens: tokens)
        self[.queryLatent].applyTransposed(to: own.query, tokens: tokens, into: state.normalised, accumulate: true)
    }
}
