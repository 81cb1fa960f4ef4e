import Execution
import LinearAlgebra

/// Sums over positions, with inputs xₜ and gradients gₜ of the outputs of a weight [out, in]: the terms of a tree, each of some sequences.
final class CurvatureSum {
    private let shares: TermShares
    private let width: Int
    /// Σ ‖gₜ‖² xₜxₜᵀ
    private let inputs: TreeSum
    /// Σ gₜᵣ²
    private let rows: SquareSum
    /// Σ ‖gₜ‖² of each term of this rank's.
    private var weights: [Double]

    /// What some positions add: inputs multiplied by the roots of their positions' weights, Σ gₜᵣ², Σ ‖gₜ‖².
    typealias Statistics = (inputs: [Float], rows: [Double], weight: Double)

    private static let tile = 128

    init(rows out: Int, columns width: Int, _ shares: TermShares, _ execution: ExecutionContext) {
        (self.width, self.shares) = (width, shares)
        inputs = TreeSum(floats: width * width, ranges: shares.ranges, execution)
        rows = SquareSum(out, shares)
        weights = [Double](repeating: 0, count: shares.own.count)
    }

    /// Adds whole terms, in order.
    ///
    /// - Parameter sequences: what each of their sequences adds.
    func add(_ terms: Range<Int>, _ sequences: [Statistics], _ execution: ExecutionContext) throws {
        let first = shares.sequences(of: terms).lowerBound
        func parts(_ term: Int) -> ArraySlice<Statistics> {
            let range = shares.sequences(of: term..<term + 1)
            return sequences[range.lowerBound - first..<range.upperBound - first]
        }
        rows.add(terms, sequences.map(\.rows))
        for term in terms { for part in parts(term) { weights[term - shares.own.lowerBound] += part.weight } }
        let (width, tile, steps) = (width, Self.tile, try inputs.steps(until: terms.upperBound))
        try execution.uncheckedParallelFor((width + tile - 1) / tile) { index in
            let start = index * tile * width
            let count = min(tile, width - index * tile) * width
            for step in steps {
                switch step {
                case .add(let slot): TreeSum.add(inputs.slot(slot + 1) + start, to: inputs.slot(slot) + start, count: count)
                case .term(let term, let slot):
                    let target = inputs.slot(slot) + start
                    var isFirst = true
                    for part in parts(term) where !part.inputs.isEmpty {
                        part.inputs.withUnsafeBufferPointer { x in
                            guard let x0 = x.baseAddress else { return }
                            multiply(
                                m: count / width, n: width, k: x.count / width, x0 + index * tile, .transposed, lda: width, x0, .plain,
                                ldb: width, beta: isFirst ? 0 : 1, into: target, ldc: width)
                        }
                        isFirst = false
                    }
                    if isFirst { target.update(repeating: 0, count: count) }
                }
            }
        }
    }

    /// The mean of xₜxₜᵀ where each position weighs ‖gₜ‖², [in, in], zeros for a weight whose outputs never mattered; and Σ gₜᵣ²: over the
    /// sequences of all ranks.
    ///
    /// - Parameter homes: the ranks that are given it; nil for all.
    /// - Returns: nil elsewhere.
    func total(
        at homes: [Int]?, _ ensemble: any Ensemble, adding other: CurvatureSum? = nil
    ) throws -> (meanInputs: Matrix, rows: [Double])? {
        var (weight, rows) = try scalars(ensemble)
        let sum = try inputs.total(at: homes)
        if let other {
            let more = try other.scalars(ensemble)
            weight += more.weight
            for r in rows.indices { rows[r] += more.rows[r] }
            let added = try other.inputs.total(at: homes)
            if let sum, let added { TreeSum.add(added, to: sum, count: width * width) }
        }
        guard let sum else { return nil }
        // In double: of tiny gradients the reciprocal is no float.
        let mean = Matrix(rows: width, columns: width) { out in
            for i in 0..<width * width { out[i] = weight > 0 ? Float(Double(sum[i]) / weight) : 0 }
        }
        return (mean, rows)
    }

    /// Σ ‖gₜ‖² and Σ gₜᵣ² over the terms of all ranks.
    private func scalars(_ ensemble: any Ensemble) throws -> (weight: Double, rows: [Double]) {
        let sums = try rows.total(ensemble)
        return (try ensemble.gather(weights, shares.ranges, zero: 0).reduce(0, +), sums)
    }
}
