import Execution
import LinearAlgebra

/// Solves one layer's low-rank and sparse parts together, so that L + S gives the outputs that W gave on the calibration inputs.
public struct LayerSolver {
    private let secondMoment: Matrix
    private let sparse: SparseSolver

    /// L + S of a layer.
    public struct Solution {
        /// U [m, r] and V [r, n]; nil at rank 0.
        public var lowRank: (u: Matrix, v: Matrix)?
        /// S [m, n].
        public var sparse: Matrix
        /// tr((W − L − S) H (W − L − S)ᵀ).
        public var outputError: Double
    }

    private let settings: SolverSettings

    /// - Throws: `LinearAlgebraError` when H has no eigendecomposition, as with NaN.
    public init(secondMoment h: Matrix, _ settings: SolverSettings = .lowRankAndSparse) throws {
        secondMoment = h
        sparse = try SparseSolver(secondMoment: h, settings)
        self.settings = settings
    }

    /// L and S for a weight W [m, n].
    ///
    /// - Parameters:
    ///   - lowRank: where L starts; its rank is kept.
    ///   - entries: non-zeros of S.
    /// - Throws: `LinearAlgebraError`, `Cancelled`.
    public func solve(
        _ weight: Matrix, lowRank start: SingularTriplets, entries: Int, _ cancellation: Cancellation
    ) throws -> Solution {
        guard start.rank > 0 else {
            let s = try sparse.solve(weight, count: entries, cancellation)
            return Solution(lowRank: nil, sparse: s, outputError: outputError(weight - s))
        }
        let lowRankSolver = try LowRankSolver(secondMoment: secondMoment, settings)
        var l = start.product
        var factors: (u: Matrix, v: Matrix)
        var round = 0
        repeat {
            let s = try sparse.estimate(weight - l, count: entries, cancellation)
            factors = try lowRankSolver.approximate(weight - s, rank: start.rank)
            l = factors.u.times(factors.v)
            round += 1
        } while round < settings.alternations
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
