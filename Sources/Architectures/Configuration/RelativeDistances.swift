import CLibrary

/// What row of a table each distance between two positions has: distances up to half the span by themselves, larger ones in buckets whose
/// width grows with them (DeBERTa V2's log buckets), or all of them by themselves.
public struct RelativeDistances: Equatable, Sendable {
    /// Distances have rows 1 ... 2 × span − 1, the distance 0 the row `span`.
    public var span: Int
    /// Whether there are buckets.
    public var hasBuckets: Bool
    /// The distance that the last bucket ends with.
    public var maximum: Int

    /// Rows of the table.
    public var rowCount: Int { 2 * span }

    public func row(of distance: Int) -> Int {
        let half = span / 2
        var place = distance
        if hasBuckets, abs(distance) > half {
            // In float, as the reference has it.
            let share = logf(Float(abs(distance)) / Float(half)) / logf(Float(maximum - 1) / Float(half))
            let bucket = Int((share * Float(half - 1)).rounded(.up)) + half
            place = distance < 0 ? -bucket : bucket
        }
        return min(max(place + span, 0), 2 * span - 1)
    }
}
