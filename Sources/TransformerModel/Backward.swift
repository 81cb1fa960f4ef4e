import Architectures
import CKernels
import LinearAlgebra

extension BlockWeights {
    /// The way back through a block that `forward` has just run on `input` with `state.run`: the steps of `forward` in reverse order.
    ///
    /// - Parameters:
    ///   - input: what entered the block, [T, hidden].
    ///   - gradient: with respect to the block's output on entry, with respect to its input on return, [T, hidden].
    func backward(
        _ input: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, _ c: ModelConfiguration, _ rotary: RotaryEmbedding?,
        _ state: GradientState
    ) {
        let (tokens, run, isBefore) = (state.tokens, state.run, design.placement == .before)
        guard let middle = run.middle, let sum = run.sum else { preconditionFailure("the run did not keep what gradients need") }
        let count = tokens * c.hiddenSize
        /// Of a norm's output to that of its input, in place.
        func through(_ norm: Norm, _ input: UnsafePointer<Float>) {
            state.normalised.update(from: gradient, count: count)
            gradient.update(repeating: 0, count: count)
            norm.backward(input, outputGradient: state.normalised, addingTo: gradient, tokens: tokens)
        }
        /// Adds what the inputs of a part say, through its norm where that comes before.
        func leave(_ norm: Norm, _ input: UnsafePointer<Float>) {
            if isBefore {
                norm.backward(input, outputGradient: state.normalised, addingTo: gradient, tokens: tokens)
            } else {
                for i in 0..<count { gradient[i] += state.normalised[i] }
            }
        }

        // Multilayer perceptron.
        if !isBefore { through(perceptronNorm, sum) }
        state.down.update(from: gradient, count: count)
        if design.isGated {
            self[.down].applyTransposed(to: gradient, tokens: tokens, into: state.gate)  // of silu(gate) ⊙ up, [T, intermediate]
            caplet_swiglu_backward(run.gate, run.up, state.gate, state.up, tokens * c.intermediateSize)
            self[.gate].applyTransposed(to: state.gate, tokens: tokens, into: state.normalised)  // [T, hidden]
        } else {
            self[.down].applyTransposed(to: gradient, tokens: tokens, into: state.up)  // [T, intermediate]
            design.activation.backward(run.up, gradient: state.up, count: tokens * c.intermediateSize)
        }
        self[.up].applyTransposed(to: state.up, tokens: tokens, into: state.normalised, accumulate: design.isGated)
        leave(perceptronNorm, middle)

        // Attention.
        if !isBefore { through(attentionNorm, middle) }
        state.attentionOutput.update(from: gradient, count: count)
        self[.attentionOutput].applyTransposed(to: gradient, tokens: tokens, into: state.attended)  // [T, heads × headSize]
        attendBackward(c, state)
        rotary?.rotate(state.queries, tokens: tokens, heads: c.headCount, backwards: true)
        rotary?.rotate(state.keys, tokens: tokens, heads: c.keyValueHeadCount, backwards: true)
        self[.query].applyTransposed(to: state.queries, tokens: tokens, into: state.normalised)  // [T, hidden]
        self[.key].applyTransposed(to: state.keys, tokens: tokens, into: state.normalised, accumulate: true)
        self[.value].applyTransposed(to: state.values, tokens: tokens, into: state.normalised, accumulate: true)
        leave(attentionNorm, input)
    }

    /// Back through softmax(Q Kᵀ / √d) V, head by head; probabilities are made again rather than kept for all heads.
    private func attendBackward(_ c: ModelConfiguration, _ state: GradientState) {
        let (tokens, size, run) = (state.tokens, c.headSize, state.run)
        let scale = 1 / Float(size).squareRoot()
        let (queryStride, keyStride) = (c.headCount * size, c.keyValueHeadCount * size)
        let headsAShare = c.headCount / c.keyValueHeadCount
        for head in 0..<c.headCount {
            let (query, key) = (head * size, head / headsAShare * size)
            let beta: Float = head % headsAShare == 0 ? 0 : 1
            multiply(  // scores [T, T]
                m: tokens, n: tokens, k: size, run.queries + query, .plain, lda: queryStride, run.keys + key, .transposed,
                ldb: keyStride, into: run.scores, ldc: tokens)
            for position in 0..<tokens {
                caplet_softmax_row(run.scores + position * tokens, scale, design.isCausal ? position + 1 : tokens, tokens)
            }
            multiply(  // of values: Pᵀ · of attended, [T, headSize]
                m: tokens, n: size, k: tokens, run.scores, .transposed, lda: tokens, state.attended + query, .plain,
                ldb: queryStride, beta: beta, into: state.values + key, ldc: keyStride)
            multiply(  // of probabilities: of attended · Vᵀ, [T, T]
                m: tokens, n: tokens, k: size, state.attended + query, .plain, lda: queryStride, run.values + key, .transposed,
                ldb: keyStride, into: state.scores, ldc: tokens)
            for position in 0..<tokens {
                let row = position * tokens
                caplet_softmax_backward_row(
                    run.scores + row, state.scores + row, scale, design.isCausal ? position + 1 : tokens, tokens)
            }
            multiply(  // of queries: of scores · K, [T, headSize]
                m: tokens, n: size, k: tokens, state.scores, .plain, lda: tokens, run.keys + key, .plain, ldb: keyStride,
                into: state.queries + query, ldc: queryStride)
            multiply(  // of keys: of scoresᵀ · Q, [T, headSize]
                m: tokens, n: size, k: tokens, state.scores, .transposed, lda: tokens, run.queries + query, .plain,
                ldb: queryStride, beta: beta, into: state.keys + key, ldc: keyStride)
        }
    }
}
