/// How many scores there are of each size, and what they add up to: floats that are not negative order as their bits do, and bins are their
/// upper 16 bits, so that two scores of a bin differ by less than 0.8 %.
struct ScoreHistogram: Sendable {
    static let shift = UInt32(16)
    static let binCount = 1 << 15

    /// The first bin that has a score.
    private let first: Int
    /// Scores in the bins from `first` on.
    private let counts: [Int]
    /// Scores in a bin and those above it.
    private let atLeast: [Int]
    /// The sum of all scores in the bins below one.
    private let sumBelow: [Double]

    /// What is counted of one part of the scores; parts are added in order.
    struct Part {
        var counts = [Int32](repeating: 0, count: ScoreHistogram.binCount)
        var sums = [Double](repeating: 0, count: ScoreHistogram.binCount)

        /// - Parameter scores: none negative or NaN.
        mutating func add(_ scores: UnsafeBufferPointer<Float>) {
            counts.withUnsafeMutableBufferPointer { counts in
                sums.withUnsafeMutableBufferPointer { sums in
                    for score in scores {
                        let bin = Int(score.bitPattern >> ScoreHistogram.shift) & (ScoreHistogram.binCount - 1)
                        counts[bin] += 1
                        sums[bin] += Double(score)
                    }
                }
            }
        }
    }

    init(_ parts: [Part]) {
        var counts = [Int](repeating: 0, count: Self.binCount)
        var sums = [Double](repeating: 0, count: Self.binCount)
        for part in parts {
            for bin in 0..<Self.binCount where part.counts[bin] != 0 {
                counts[bin] += Int(part.counts[bin])
                sums[bin] += part.sums[bin]
            }
        }
        let first = counts.firstIndex { $0 > 0 } ?? 0
        let last = counts.lastIndex { $0 > 0 } ?? 0
        self.first = first
        self.counts = Array(counts[first...last])
        var (above, atLeast) = (0, [Int](repeating: 0, count: last - first + 1))
        for bin in (first...last).reversed() {
            above += counts[bin]
            atLeast[bin - first] = above
        }
        self.atLeast = atLeast
        var (below, sumBelow) = (0.0, [Double](repeating: 0, count: last - first + 2))
        for bin in first...last {
            sumBelow[bin - first] = below
            below += sums[bin]
        }
        sumBelow[last - first + 1] = below
        self.sumBelow = sumBelow
    }

    var total: Int { atLeast.first ?? 0 }

    /// Scores whose bin is at least that of `bits`, and those whose bin is above it: what is at least `bits` lies between the two.
    func bounds(atLeast bits: UInt32) -> (most: Int, least: Int) {
        let bin = Int(bits >> Self.shift) - first
        return (count(from: bin), count(from: bin + 1))
    }

    private func count(from bin: Int) -> Int { bin <= 0 ? total : bin < atLeast.count ? atLeast[bin] : 0 }

    /// The bin of the k-th largest score, as the bits where it begins, and how many scores are in bins above it.
    ///
    /// - Parameter k: from 1 to the number of scores.
    func bin(ofLargest k: Int) -> (bits: UInt32, above: Int) {
        var (low, high) = (0, atLeast.count - 1)
        // The highest bin that has, with those above it, as many.
        while low < high {
            let middle = (low + high + 1) / 2
            if atLeast[middle] >= k { low = middle } else { high = middle - 1 }
        }
        return (UInt32(first + low) << Self.shift, count(from: low + 1))
    }

    /// The sum of the smallest scores, so many of them; within a bin all count the same.
    func sum(ofSmallest count: Int) -> Double {
        guard count > 0 else { return 0 }
        guard count < total else { return sumBelow[sumBelow.count - 1] }
        let (bits, _) = bin(ofLargest: total - count + 1)
        let bin = Int(bits >> Self.shift) - first
        let inBin = count - (total - self.count(from: bin))
        return sumBelow[bin] + (sumBelow[bin + 1] - sumBelow[bin]) * Double(inBin) / Double(max(counts[bin], 1))
    }
}
