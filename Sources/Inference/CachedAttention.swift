import Architectures
import CKernels

extension BlockWeights {
    /// Attention of tokens that come after others: their keys and values join those in the cache, and each token looks at all up to
    /// itself, or at the last of them within the window. One head of one token at a time, so that the number of tokens that come at once
    /// changes nothing.
    func attend(tokens: Int, after cached: CachedBlock, _ c: ModelConfiguration, _ state: RunState) {
        let (size, start, cache) = (c.headSize, cached.start, cached.cache)
        cached.append(keys: state.keys, values: state.values, tokens: tokens)
        let (keys, values, stride, valueStride) = (cached.keys, cached.values, cache.width, cache.valueWidth)
        let valueSize = c.valueSize
        let headsAShare = c.headCount / c.keyValueHeadCount
        let scale = 1 / Float(c.attentionScalar).squareRoot()
        func attend(_ worker: Int, _ index: Int) {
            let (token, head) = (index / c.headCount, index % c.headCount)
            let seen = visible(from: start + token, tokens: start + tokens)
            let shared = head / headsAShare
            let (key, value) = (
                keys + seen.lowerBound * stride + shared * size, values + seen.lowerBound * valueStride + shared * valueSize
            )
            let scores = cache.scores(ofWorker: worker)
            caplet_scores_row(state.queries + index * size, key, stride, seen.count, size, scores)
            if let cap = c.attentionSoftCap { caplet_soft_cap(scores, scale, Float(cap), seen.count) }
            let rest = takeDistances(head, from: start + token, seen, scale, of: scores) ?? (c.attentionSoftCap == nil ? scale : 1)
            normalise(scores, rest, seen.count, width: seen.count, head)
            caplet_weighted_rows(scores, value, valueStride, seen.count, valueSize, state.attended + index * valueSize)
        }
        let jobs = tokens * c.headCount
        guard jobs * (start + tokens) * size >= BlockWeights.leastSharedWork else {
            for index in 0..<jobs { attend(0, index) }
            return
        }
        cache.team.uncheckedForEach(jobs, attend)
    }

    /// Products of fewer terms than this are not worth waking a second thread for.
    private static let leastSharedWork = 1 << 16
}
