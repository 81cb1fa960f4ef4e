import LinearAlgebra

/// The rank that a layer has in a step: drawn between the one that stays and a bound, which falls in a straight line until only that one is left.
struct MixedRanks {
    let steps: Int
    /// The last steps, which all have the rank that stays.
    let after: Int
    let seed: UInt64

    /// Streams of random numbers from here on are those of ranks; orders of sequences have those before.
    private static let firstStream: UInt64 = 1 << 32

    /// The largest that may be drawn.
    ///
    /// - Parameter step: from 0.
    func bound(_ ranks: ClosedRange<Int>, step: Int) -> Int {
        guard step < steps - after else { return ranks.lowerBound }
        let left = 1 - Double(step) / Double(steps - after)
        return ranks.lowerBound + Int((left * Double(ranks.count - 1)).rounded())
    }

    func rank(_ ranks: ClosedRange<Int>, layer: Int, step: Int) -> Int {
        let choices = UInt64(bound(ranks, step: step) - ranks.lowerBound + 1)
        return ranks.lowerBound + Int(CounterGenerator(seed: seed, stream: Self.firstStream + UInt64(step)).bits(UInt64(layer)) % choices)
    }
}
