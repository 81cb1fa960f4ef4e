import Architectures
import Execution
import ModelGraph

extension Transformer {
    /// Tokens that run through a block at once: enough to share the reading of its weights, few enough to need little memory.
    static let tokensAtOnce = 128

    /// A cache for sequences of up to `context` tokens, positions of the model's table permitting.
    ///
    /// - Throws: `ModelError.notCausal` for an encoder.
    public func makeCache(context: Int, team: WorkerTeam) throws -> KeyValueCache {
        guard isCausal else { throw ModelError.notCausal }
        return KeyValueCache(configuration, context: context, team: team)
    }

    /// Runs tokens that follow those in the cache, which they join.
    ///
    /// Where rotary scaling goes by the length, that is the length of the sequence with these tokens. With longrope the tokens in the cache are run
    /// again when the sequence grows beyond the original context, or shrinks back, so that logits are those of the whole sequence; with dynamic
    /// scaling keys stay as they turned when they came, as in transformers.
    ///
    /// - Parameter tokens: at least one.
    /// - Returns: the logits [vocabulary] after the last of them.
    /// - Throws: `ModelError.contextFull` before anything is run; `.badToken`, `.tooLong`; `Cancelled` between parts of many tokens, which
    ///   leaves the cache with those that were run.
    public func logits(after tokens: [Int32], _ cache: KeyValueCache, cancellation: Cancellation = Cancellation()) throws -> [Float] {
        precondition(!tokens.isEmpty, "there is no token to run")
        guard tokens.count <= cache.context - cache.count else {
            throw ModelError.contextFull(tokens: cache.count + tokens.count, context: cache.context)
        }
        var tokens = tokens
        let length = cache.count + tokens.count
        if case .longRope(let long) = configuration.ropeScaling, cache.count > 0,
            (length > long.originalContext) != (cache.length > long.originalContext)
        {
            tokens = cache.tokens + tokens
            cache.truncate(to: 0)
        }
        var last: [Float] = []
        for start in stride(from: 0, to: tokens.count, by: Transformer.tokensAtOnce) {
            try cancellation.check()
            let part = Array(tokens[start..<min(start + Transformer.tokensAtOnce, tokens.count)])
            last = Array(try run(part, cache, length: length).suffix(configuration.hiddenSize))
        }
        let logits = try head().logits(last, tokens: 1)
        // Whatever is not finite in weights that are decoded as they are needed ends here.
        guard logits.allSatisfy(\.isFinite) else { throw GraphError.notFinite("the logits") }
        return logits
    }

    /// The final hidden states [tokens, hidden] of a part of a sequence, whose keys and values join the cache.
    ///
    /// - Parameter length: tokens of the sequence whose part this is.
    private func run(_ tokens: [Int32], _ cache: KeyValueCache, length: Int) throws -> [Float] {
        try cache.reserve(tokens.count)
        var rows = try embed([tokens], from: cache.count).hidden[0]
        let positions = cache.count..<cache.count + tokens.count
        let rotary = self.rotary(at: positions, length: length)
        try withState(tokens: tokens.count) { state in
            try rows.withUnsafeMutableBufferPointer { rows in
                guard let base = rows.baseAddress else { return }
                for index in 0..<configuration.blockCount {
                    try block(index).forward(base, tokens: tokens.count, configuration, rotary, state, after: cache[index], observer: nil)
                }
            }
        }
        cache.advance(by: tokens, length: length)
        return rows
    }
}
