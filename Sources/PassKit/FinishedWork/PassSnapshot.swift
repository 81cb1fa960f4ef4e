/// Where a pass stands in the middle of work on all tensors together: enough to go on from, and come to the same.
public struct PassSnapshot {
    /// Values that move, by names of the pass's own, as long as the pass makes them.
    public var arrays: [String: [Float]] = [:]
    /// Counters, figures and curves, by names of the pass's own.
    public var numbers: [String: [Double]] = [:]

    public init() {}
}
