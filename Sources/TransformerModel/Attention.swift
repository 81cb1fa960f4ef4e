import Architectures
import CKernels
import LinearAlgebra

extension BlockWeights {
    /// The positions that one sees: all up to it, the last of those within the window, or all there are.
    func visible(from position: Int, tokens: Int) -> Range<Int> {
        guard design.isCausal else { return 0..<tokens }
        return max(0, position + 1 - (window ?? tokens))..<position + 1
    }

    /// softmax(Q Kᵀ / √d) of one head in `state.scores` [T, T], 0 where a position does not look; scores go through c · tanh(s / c) where
    /// the configuration has a cap, and are kept in `state.cappedScores` if that is there.
    func weigh(_ head: Int, tokens: Int, _ c: ModelConfiguration, _ state: RunState) {
        let size = c.headSize
        let scale = 1 / Float(c.attentionScalar).squareRoot()
        let shared = head / (c.headCount / c.keyValueHeadCount)
        multiply(  // scores [T, T]
            m: tokens, n: tokens, k: size, state.queries + head * size, .plain, lda: c.headCount * size, state.keys + shared * size,
            .transposed, ldb: c.keyValueHeadCount * size, into: state.scores, ldc: tokens)
        addDistances(head, tokens: tokens, c, state)
        for position in 0..<tokens {
            let seen = visible(from: position, tokens: tokens)
            let row = state.scores + position * tokens
            for i in 0..<seen.lowerBound { row[i] = 0 }
            let first = row + seen.lowerBound
            if let cap = c.attentionSoftCap {
                caplet_soft_cap(first, scale, Float(cap), seen.count)
                (state.cappedScores.map { $0 + position * tokens + seen.lowerBound })?.update(from: first, count: seen.count)
            }
            caplet_softmax_row(first, c.attentionSoftCap == nil ? scale : 1, seen.count, tokens - seen.lowerBound)
        }
    }

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

    /// Attention, softmax(Q Kᵀ / √d) V, with each key and value head shared by heads / kvHeads query heads.
    func attend(tokens: Int, _ c: ModelConfiguration, _ state: RunState) {
        for head in 0..<c.headCount {
            let shared = head / (c.headCount / c.keyValueHeadCount)
            weigh(head, tokens: tokens, c, state)
            multiply(  // attended [T, headSize] of this head
                m: tokens, n: c.headSize, k: tokens, state.scores, .plain, lda: tokens, state.values + shared * c.headSize, .plain,
                ldb: c.keyValueHeadCount * c.headSize, into: state.attended + head * c.headSize, ldc: c.headCount * c.headSize)
        }
    }

    /// Back through attention, head by head; probabilities are made again rather than kept for all heads.
    func attendBackward(_ c: ModelConfiguration, _ state: GradientState) {
        let (tokens, size, run) = (state.tokens, c.headSize, state.run)
        let (queryStride, keyStride) = (c.headCount * size, c.keyValueHeadCount * size)
        let headsAShare = c.headCount / c.keyValueHeadCount
        for head in 0..<c.headCount {
            let (query, key) = (head * size, head / headsAShare * size)
            let beta: Float = head % headsAShare == 0 ? 0 : 1
            weigh(head, tokens: tokens, c, run)
            multiply(  // of values: Pᵀ · of attended, [T, headSize]
                m: tokens, n: size, k: tokens, run.scores, .transposed, lda: tokens, state.attended + query, .plain,
                ldb: queryStride, beta: beta, into: state.values + key, ldc: keyStride)
            multiply(  // of probabilities: of attended · Vᵀ, [T, T]
                m: tokens, n: tokens, k: size, state.attended + query, .plain, lda: queryStride, run.values + key, .transposed,
                ldb: keyStride, into: state.scores, ldc: tokens)
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
