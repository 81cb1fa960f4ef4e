import CLibrary

/// A number that says how well predictions agree with what is right.
public struct Agreement: Sendable, Equatable {
    /// Nil where it is not defined: a correlation with what does not vary.
    public let value: Double?
    /// By the jackknife: √((n − 1) / n · Σ(θᵢ − mean θ)²) of the values θᵢ with the i-th record left out; of a share of right ones
    /// √(p(1 − p) / (n − 1)), which is the same.
    public let standardError: Double?

    /// - Parameter leftOut: the values with each record left out, and of how many records that is the value.
    init(_ value: Double?, leftOut: [(value: Double?, count: Int)]) {
        self.value = value
        let n = Double(leftOut.reduce(0) { $0 + $1.count })
        guard value != nil, n > 1, leftOut.allSatisfy({ $0.value != nil || $0.count == 0 }) else {
            standardError = nil
            return
        }
        let known = leftOut.compactMap { part in part.value.map { (value: $0, count: Double(part.count)) } }
        let mean = known.reduce(0) { $0 + $1.value * $1.count } / n
        let squares = known.reduce(0) { $0 + ($1.value - mean) * ($1.value - mean) * $1.count }
        standardError = ((n - 1) / n * squares).squareRoot()
    }
}

/// How often which of two classes was found for which: the second is the positive one.
struct ClassCounts {
    private(set) var right: (negative: Int, positive: Int) = (0, 0)
    private(set) var wrong: (negative: Int, positive: Int) = (0, 0)

    init(answers: [Int], predictions: [Int]) {
        for (answer, found) in zip(answers, predictions) { add(answer, found, 1) }
    }

    private mutating func add(_ answer: Int, _ found: Int, _ count: Int) {
        switch (answer, found) {
        case (1, 1): right.positive += count
        case (0, 0): right.negative += count
        case (_, 1): wrong.positive += count
        default: wrong.negative += count
        }
    }

    /// 2TP / (2TP + FP + FN); 0 where there is none.
    var f1: Double {
        let whole = 2 * right.positive + wrong.positive + wrong.negative
        return whole == 0 ? 0 : 2 * Double(right.positive) / Double(whole)
    }

    /// (TP · TN − FP · FN) / √((TP + FP)(TP + FN)(TN + FP)(TN + FN)); 0 where one of these is 0 (Matthews 1975).
    var matthews: Double {
        let (tp, tn, fp, fn) = (Double(right.positive), Double(right.negative), Double(wrong.positive), Double(wrong.negative))
        let square = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return square == 0 ? 0 : (tp * tn - fp * fn) / square.squareRoot()
    }

    func agreement(_ measure: (ClassCounts) -> Double) -> Agreement {
        let cells = [(1, 1, right.positive), (0, 0, right.negative), (0, 1, wrong.positive), (1, 0, wrong.negative)]
        return Agreement(
            measure(self),
            leftOut: cells.filter { $0.2 > 0 }.map { answer, found, count in
                var rest = self
                rest.add(answer, found, -1)
                return (measure(rest), count)
            })
    }
}

/// Correlations of two rows of numbers.
enum Correlation {
    /// Pearson's, with each record left out by sums.
    static func pearson(_ a: [Double], _ b: [Double]) -> Agreement {
        let n = Double(a.count)
        let (meanA, meanB) = (a.reduce(0, +) / max(n, 1), b.reduce(0, +) / max(n, 1))
        let (x, y) = (a.map { $0 - meanA }, b.map { $0 - meanB })
        let sums = (
            xx: zip(x, x).reduce(0) { $0 + $1.0 * $1.1 }, yy: zip(y, y).reduce(0) { $0 + $1.0 * $1.1 },
            xy: zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
        )
        func value(_ xx: Double, _ yy: Double, _ xy: Double) -> Double? {
            // What is left of equal numbers by rounding is no spread.
            guard xx > 1e-18 * (1 + meanA * meanA) * n, yy > 1e-18 * (1 + meanB * meanB) * n else { return nil }
            return max(-1, min(1, xy / (xx * yy).squareRoot()))
        }
        guard a.count > 1 else { return Agreement(nil, leftOut: []) }
        let leftOut =
            a.count < 3
            ? []
            : x.indices.map { i -> (value: Double?, count: Int) in
                let share = n / (n - 1)
                return (value(sums.xx - share * x[i] * x[i], sums.yy - share * y[i] * y[i], sums.xy - share * x[i] * y[i]), 1)
            }
        return Agreement(value(sums.xx, sums.yy, sums.xy), leftOut: leftOut)
    }

    /// Spearman's: Pearson's of the ranks, which stay as they are when a record is left out.
    static func spearman(_ a: [Double], _ b: [Double]) -> Agreement { pearson(ranks(a), ranks(b)) }

    /// From 1; equal numbers share the mean of theirs.
    static func ranks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            for place in start..<end { ranks[order[place]] = Double(start + end + 1) / 2 }
            start = end
        }
        return ranks
    }
}
