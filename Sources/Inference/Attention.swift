import Architectures
import CKernels
import CLibrary
import Matrices

extension BlockWeights {
    /// The positions that one sees: all up to it, the last of those within the window, those of its chunk, or all there are; of
    /// encoders with a window those so far to either side.
    package func visible(from position: Int, tokens: Int) -> Range<Int> {
        guard design.isCausal else {
            guard let window else { return 0..<tokens }
            let reach = min(window, tokens)
            return max(0, position - reach)..<min(tokens, position + reach + 1)
        }
        guard let window else { return 0..<position + 1 }
        return (isChunked ? position / window * window : max(0, position + 1 - window))..<position + 1
    }

    /// softmax(Q Kᵀ / √d) of one head in `scores` [T, T], 0 where a position does not look; scores go through c · tanh(s / c) where
    /// the configuration has a cap, and are kept in `state.cappedScores` if that is there.
    package func weigh(_ head: Int, tokens: Int, _ c: ModelConfiguration, _ state: RunState, into scores: UnsafeMutablePointer<Float>) {
        let size = c.headSize
        let scale = 1 / Float(c.attentionScalar).squareRoot()
        let shared = head / (c.headCount / c.keyValueHeadCount)
        products(  // scores [T, T]
            m: tokens, n: tokens, k: size, state.queries + head * size, .plain, lda: c.headCount * size, state.keys + shared * size,
            .transposed, ldb: c.keyValueHeadCount * size, into: scores, ldc: tokens)
        addDistances(head, tokens: tokens, c, state, to: scores)
        for position in 0..<tokens {
            let seen = visible(from: position, tokens: tokens)
            let row = scores + position * tokens
            for i in 0..<seen.lowerBound { row[i] = 0 }
            let first = row + seen.lowerBound
            if let cap = c.attentionSoftCap {
                caplet_soft_cap(first, scale, Float(cap), seen.count)
                (state.cappedScores.map { $0 + position * tokens + seen.lowerBound })?.update(from: first, count: seen.count)
            }
            let rest = takeDistances(head, from: position, seen, scale, of: first) ?? (c.attentionSoftCap == nil ? scale : 1)
            normalise(first, rest, seen.count, width: tokens - seen.lowerBound, head)
        }
    }

    /// softmax(scale · scores) of some positions, zeros behind them. A sink is one position more, whose share is given to none.
    func normalise(_ scores: UnsafeMutablePointer<Float>, _ scale: Float, _ count: Int, width: Int, _ head: Int) {
        let largest = sinks == nil ? 0 : scale * (UnsafeBufferPointer(start: scores, count: count).max() ?? 0)
        caplet_softmax_row(scores, scale, count, width)
        guard let sink = sinks?[head] else { return }
        // The largest of the shares is 1 / Σ e^(s − largest).
        let top = UnsafeBufferPointer(start: scores, count: count).max() ?? 0
        let share = 1 / (1 + expf(sink - largest) * top)
        for i in 0..<count { scores[i] *= share }
    }

    /// Scales the scores of one position and takes from them what the head has for distances.
    ///
    /// - Returns: what is left to scale by; nil, and scores as they were, in families without.
    func takeDistances(
        _ head: Int, from position: Int, _ seen: Range<Int>, _ scale: Float, of scores: UnsafeMutablePointer<Float>
    ) -> Float? {
        guard let slope = slopes?[head] else { return nil }
        if design.roundsDistances {
            for (place, other) in seen.enumerated() {
                scores[place] = scale * (scores[place] + (slope * Float(other)).roundedToBFloat16)
            }
            return 1
        }
        for (place, other) in seen.enumerated() { scores[place] = scale * scores[place] - slope * Float(position - other) }
        return 1
    }

    /// Attention, softmax(Q Kᵀ / √d) V, with each key and value head shared by heads / kvHeads query heads.
    package func attend(tokens: Int, _ c: ModelConfiguration, _ state: RunState) {
        func attend(_ head: Int, _ scores: UnsafeMutablePointer<Float>) {
            let shared = head / (c.headCount / c.keyValueHeadCount)
            weigh(head, tokens: tokens, c, state, into: scores)
            products(  // attended [T, valueSize] of this head
                m: tokens, n: c.valueSize, k: tokens, scores, .plain, lda: tokens, state.values + shared * c.valueSize, .plain,
                ldb: c.keyValueHeadCount * c.valueSize, into: state.attended + head * c.valueSize, ldc: c.headCount * c.valueSize)
        }
        // Scores of distances are made in buffers that all heads share.
        guard relative == nil else { return (0..<c.headCount).forEach { attend($0, state.scores) } }
        products.sideBySide(c.headCount) { head in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: tokens * tokens) { scores in
                if let base = scores.baseAddress { attend(head, base) }
            }
        }
    }
}
