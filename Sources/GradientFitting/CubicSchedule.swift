/// The share of what is pruned that stays after a step: all for a while, then a cubic (Zhu and Gupta 2017, arXiv 1710.01878), then what is asked for.
public struct CubicSchedule: Sendable {
    let steps: Int
    /// Steps before any is pruned, and steps after all are.
    let before: Int
    let after: Int
    public let last: Double

    public init(steps: Int, before: Int, after: Int, last: Double) {
        (self.steps, self.before, self.after, self.last) = (steps, before, after, last)
    }

    /// - Parameter step: from 0.
    public func share(_ step: Int) -> Double {
        if step < before { return 1 }
        if step >= steps - after { return last }
        let left = 1 - Double(step - before) / Double(max(steps - before - after, 1))
        return last + (1 - last) * left * left * left
    }
}
