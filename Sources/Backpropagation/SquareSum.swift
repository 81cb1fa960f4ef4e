import Execution

/// Σ gₜᵣ² over positions, with gradients gₜ of some outputs [out]: a sum for each term of some sequences, and these in their order.
final class SquareSum {
    private let shares: TermShares
    private let out: Int
    /// Of this rank's terms; nil where nothing was added.
    private var terms: [[Double]?]

    init(_ out: Int, _ shares: TermShares) {
        (self.out, self.shares) = (out, shares)
        terms = [[Double]?](repeating: nil, count: shares.own.count)
    }

    /// Adds whole terms, in order.
    ///
    /// - Parameter sequences: what each of their sequences adds, [out].
    func add(_ range: Range<Int>, _ sequences: [[Double]]) {
        let first = shares.sequences(of: range).lowerBound
        for term in range {
            let place = term - shares.own.lowerBound
            var sum = terms[place] ?? [Double](repeating: 0, count: out)
            for sequence in shares.sequences(of: term..<term + 1) {
                let part = sequences[sequence - first]
                for r in 0..<out { sum[r] += part[r] }
            }
            terms[place] = sum
        }
    }

    /// Over the sequences of all ranks, for all of them.
    func total(_ ensemble: any Ensemble) throws -> [Double] {
        let wide = shares.ranges.map { $0.lowerBound * out..<$0.upperBound * out }
        let all = try ensemble.gather(terms.flatMap { $0 ?? [Double](repeating: 0, count: out) }, wide, zero: 0)
        var sums = [Double](repeating: 0, count: out)
        for start in stride(from: 0, to: all.count, by: max(out, 1)) { for r in 0..<out { sums[r] += all[start + r] } }
        return sums
    }

    /// Σ gₜᵣ² over the positions of one sequence, whose gradients are [tokens, out].
    static func squares(_ gradients: UnsafePointer<Float>, tokens: Int, out: Int) -> [Double] {
        var sums = [Double](repeating: 0, count: out)
        sums.withUnsafeMutableBufferPointer { sums in
            for t in 0..<tokens {
                let gradient = gradients + t * out
                for r in 0..<out { sums[r] += Double(gradient[r]) * Double(gradient[r]) }
            }
        }
        return sums
    }
}
