import CLibrary

/// One axis of a chart: from values to the share of its length, with the values that get a tick.
struct ChartScale {
    let isLogarithmic: Bool
    let range: ClosedRange<Double>
    let ticks: [Double]

    /// - Parameters:
    ///   - values: what has to fit; those that are not finite are not looked at.
    ///   - includesZero: whether a linear axis starts at 0 when all values are above it.
    ///   - mayBeLogarithmic: takes powers of ten where all values are positive and span a factor of 20 or more.
    ///   - isWhole: for numbers of things, between which there is nothing to mark.
    init(_ values: [Double], includesZero: Bool = false, mayBeLogarithmic: Bool = false, isWhole: Bool = false) {
        let finite = values.filter(\.isFinite)
        var (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
        if mayBeLogarithmic, low > 0, high / low >= 20 {
            isLogarithmic = true
            range = log10(low * 0.8)...log10(high * 1.25)
            ticks = ChartScale.logarithmicTicks(range)
            return
        }
        isLogarithmic = false
        if includesZero { (low, high) = (min(low, 0), max(high, 0)) }
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300) {
            (low, high) = (low - max(abs(low) * 0.1, 1e-6), high + max(abs(high) * 0.1, 1e-6))
        }
        let step = isWhole ? max(ChartScale.step(high - low), 1) : ChartScale.step(high - low)
        let (first, last) = ((low / step).rounded(.down), (high / step).rounded(.up))
        range = first * step...last * step
        ticks = (0...Int(last - first)).map { (first + Double($0)) * step }
    }

    /// 0 at the start of the axis, 1 at its end; nil for what is not on it.
    func position(_ value: Double) -> Double? {
        guard value.isFinite, !isLogarithmic || value > 0 else { return nil }
        let share = ((isLogarithmic ? log10(value) : value) - range.lowerBound) / (range.upperBound - range.lowerBound)
        return min(max(share, 0), 1)
    }

    func label(_ tick: Double) -> String {
        // Sums of steps leave a trace far below the step.
        let clean = abs(tick) < (range.upperBound - range.lowerBound) * 1e-9 && !isLogarithmic ? 0 : tick
        return NumberText.significant(clean, digits: 5)
    }

    /// 1, 2 or 5 times a power of ten, for about five intervals.
    private static func step(_ span: Double) -> Double {
        let rough = span / 5
        let power = pow(10, log10(rough).rounded(.down))
        return power * ([1, 2, 5, 10].first { $0 * power >= rough } ?? 10)
    }

    private static func logarithmicTicks(_ range: ClosedRange<Double>) -> [Double] {
        let powers = Int(range.lowerBound.rounded(.down))...Int(range.upperBound.rounded(.up))
        let factors: [Double] = range.upperBound - range.lowerBound > 4 ? [1] : [1, 2, 5]
        return powers.flatMap { power in factors.map { $0 * pow(10, Double(power)) } }.filter { range.contains(log10($0)) }
    }
}
