import Execution
import Inference

/// A key-value cache with the tokens that are in it.
final class CachedTokens {
    let cache: KeyValueCache
    private(set) var tokens: [Int32] = []

    init(_ cache: KeyValueCache) { self.cache = cache }

    /// Forgets all tokens but those that `sequence` begins with too, of which one at least is left to be run; all, where the cache cannot
    /// forget some alone.
    ///
    /// - Returns: how many are kept.
    func keepPrefix(of sequence: [Int32]) -> Int {
        var shared = 0
        while shared < tokens.count, shared < sequence.count - 1, tokens[shared] == sequence[shared] { shared += 1 }
        cache.truncate(to: shared)
        tokens.removeLast(tokens.count - cache.count)
        return cache.count
    }

    /// The logits after these tokens, which follow those in the cache.
    ///
    /// - Throws: as `Transformer.logits(after:)`; the tokens that were run by then stay.
    func logits(after entering: [Int32], _ transformer: Transformer, cancellation: Cancellation) throws -> [Float] {
        defer { tokens += entering.prefix(cache.count - tokens.count) }
        return try transformer.logits(after: entering, cache, cancellation: cancellation)
    }
}
