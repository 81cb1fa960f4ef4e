import Execution
import LinearAlgebra

/// Solves one layer's low-rank and sparse parts together, so that L + S gives the outputs that W gave on the calibration inputs.
struct LayerSolver {
    private let secondMoment: Matrix
    private let sparse: SparseSolver

    struct Solution {
        /// U [m, r] and V [r, n]; nil at rank 0.
        var lowRank: (u: Matrix, v: Matrix)?
        var sparse: Matrix
        /// tr((W − L − S) H (W − L − S)ᵀ).
        var outputError: Double
    }

    /// Rounds of solving S for L and L for S.
    private static let alternations = 3

    init(secondMoment h: Matrix) throws {
        secondMoment = h
        sparse = try SparseSolver(secondMoment: h)
    }

    /// - Parameters:
    ///   - lowRank: where L starts; its rank is kept.
    ///   - entries: non-zeros of S.
    func solve(_ weight: Matrix, lowRank start: SingularTriplets, entries: Int, _ cancellation: Cancellation) throws -> Solution {
        guard start.rank > 0 else {
            let s = try sparse.solve(weight, count: entries, cancellation)
            return Solution(lowRank: nil, sparse: s, outputError: outputError(weight - s))
        }
        let lowRankSolver = try LowRankSolver(secondMoment: secondMoment)
        var l = start.product
        var factors: (u: Matrix, v: Matrix)
        var round = 0
        repeat {
            let s = try sparse.estimate(weight - l, count: entries, steps: 15, cancellation)
            factors = try lowRankSolver.approximate(weight - s, rank: start.rank)
            l = factors.u.times(factors.v)
            round += 1
        } while round < LayerSolver.alternations
        let s = try sparse.solve(weight - l, count: entries, cancellation)
        return Solution(lowRank: factors, sparse: s, outputError: outputError(weight - l - s))
    }

    private func outputError(_ rest: Matrix) -> Double {
        let weighted = rest.times(secondMoment)
        var sum = 0.0
        for index in rest.elements.indices { sum += Double(rest.elements[index]) * Double(weighted.elements[index]) }
        return sum
    }
}
