import Architectures
import CKernels
import Inference
import LinearAlgebra

extension BlockWeights {
    /// The gradient of the probabilities in `gradient` [T, T] becomes that of Q Kᵀ, for the head that `weigh` was last called with.
    func weighBackward(_ gradient: UnsafeMutablePointer<Float>, tokens: Int, _ c: ModelConfiguration, _ state: RunState) {
        let scale = 1 / Float(c.attentionScalar).squareRoot()
        for position in 0..<tokens {
            let seen = visible(from: position, tokens: tokens)
            let start = position * tokens
            for i in 0..<seen.lowerBound { gradient[start + i] = 0 }
            let first = start + seen.lowerBound
            caplet_softmax_backward_row(state.scores + first, gradient + first, scale, seen.count, tokens - seen.lowerBound)
            if let cap = c.attentionSoftCap, let capped = state.cappedScores {
                caplet_soft_cap_backward(capped + first, Float(cap), gradient + first, seen.count)
            }
        }
    }

    /// Back through attention, head by head; probabilities are made again rather than kept for all heads.
    func attendBackward(_ c: ModelConfiguration, _ state: GradientState) {
        let (tokens, size, run) = (state.tokens, c.headSize, state.run)
        let (queryStride, keyStride) = (c.headCount * size, c.keyValueHeadCount * size)
        let valueSize = c.valueSize
        let (attendedStride, valueStride) = (c.headCount * valueSize, c.keyValueHeadCount * valueSize)
        let headsAShare = c.headCount / c.keyValueHeadCount
        for head in 0..<c.headCount {
            let (query, key) = (head * size, head / headsAShare * size)
            let (attended, value) = (head * valueSize, head / headsAShare * valueSize)
            let beta: Float = head % headsAShare == 0 ? 0 : 1
            weigh(head, tokens: tokens, c, run, into: run.scores)
            multiply(  // of values: Pᵀ · of attended, [T, valueSize]
                m: tokens, n: valueSize, k: tokens, run.scores, .transposed, lda: tokens, state.attended + attended, .plain,
                ldb: attendedStride, beta: beta, into: state.values + value, ldc: valueStride)
            multiply(  // of probabilities: of attended · Vᵀ, [T, T]
                m: tokens, n: tokens, k: valueSize, state.attended + attended, .plain, lda: attendedStride, run.values + value, .transposed,
                ldb: valueStride, into: state.scores, ldc: tokens)
            weighBackward(state.scores, tokens: tokens, c, run)
            multiply(  // of queries: of scores · K, [T, headSize]
                m: tokens, n: size, k: tokens, state.scores, .plain, lda: tokens, run.keys + key, .plain, ldb: keyStride,
                into: state.queries + query, ldc: queryStride)
            multiply(  // of keys: of scoresᵀ · Q, [T, headSize]
                m: tokens, n: size, k: tokens, state.scores, .transposed, lda: tokens, run.queries + query, .plain,
                ldb: queryStride, beta: beta, into: state.keys + key, ldc: keyStride)
            addDistancesBackward(head, state.scores, c, state)
        }
    }
}
