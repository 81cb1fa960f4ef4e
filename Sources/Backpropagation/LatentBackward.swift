import Architectures
import Inference
import LinearAlgebra

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
