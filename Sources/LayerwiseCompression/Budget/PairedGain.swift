import PassKit

/// What a change of a model saved, sequence by sequence: the mean fall of the loss and its 95 % confidence interval by the normal
/// approximation, mean ± 1.96 · s / √n.
public struct PairedGain: Sendable {
    /// The mean fall of the loss, in nats a token.
    public let mean: Double
    /// Half the width of the interval; nil for fewer than two sequences.
    public let halfWidth: Double?

    /// - Parameters:
    ///   - before: the loss of each sequence, in nats a token.
    ///   - after: that of the same sequences after the change.
    public init(before: [Double], after: [Double]) {
        let falls = zip(before, after).map { $0 - $1 }
        let count = Double(max(falls.count, 1))
        let mean = falls.reduce(0, +) / count
        self.mean = mean
        let squares = falls.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        halfWidth = falls.count < 2 ? nil : 1.96 * (squares / (count - 1) / count).squareRoot()
    }

    /// Enters the mean as `name`, the ends of the interval as `name`.low and `name`.high.
    public func measure(_ name: String, in report: inout PassReport) {
        report.measure(name, mean)
        guard let halfWidth else { return }
        report.measure("\(name).low", mean - halfWidth)
        report.measure("\(name).high", mean + halfWidth)
    }
}
