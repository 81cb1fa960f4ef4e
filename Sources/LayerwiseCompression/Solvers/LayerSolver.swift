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
        /// tr((W − L − S) H (W − L − S)ᵀ), each row times its price.
        public var outputError: Double
    }

    private let settings: SolverSettings

    /// - Throws: `LinearAlgebraError` when H is not positive semidefinite, as with NaN; `Cancelled`.
    public init(
        secondMoment h: Matrix, _ execution: ExecutionContext, _ settings: SolverSettings = .lowRankAndSparse
    ) throws {
        secondMoment = h
        sparse = try SparseSolver(secondMoment: h, execution, settings)
        self.settings = settings
    }

    /// L and S for a weight W [m, n].
    ///
    /// - Parameters:
    ///   - lowRank: where L starts; its rank is kept.
    ///   - entries: non-zeros of S.
    ///   - prices: what an error in each output counts, [m], above 0; nil where all count alike.
    /// - Throws: `LinearAlgebraError`, `Cancelled`.
    public func solve(
        _ weight: Matrix, lowRank start: SingularTriplets, entries: Int, outputPrices prices: [Float]?, _ execution: ExecutionContext
    ) throws -> Solution {
        guard let prices else { return try solve(weight, lowRank: start, entries: entries, execution) }
        // Σ pᵢ Eᵢ H Eᵢᵀ is tr(E' H E'ᵀ) for rows E'ᵢ = √pᵢ Eᵢ.
        let roots = prices.map { $0.squareRoot() }
        let inverses = roots.map { 1 / $0 }
        let scaledStart = SingularTriplets(
            u: start.u.scalingRows(by: roots), singularValues: start.singularValues, vTransposed: start.vTransposed)
        var solution = try solve(weight.scalingRows(by: roots), lowRank: scaledStart, entries: entries, execution)
        solution.sparse = solution.sparse.scalingRows(by: inverses)
        solution.lowRank = solution.lowRank.map { ($0.u.scalingRows(by: inverses), $0.v) }
        return solution
    }

    /// The same, all outputs alike.
    public func solve(
        _ weight: Matrix, lowRank start: SingularTriplets, entries: Int, _ execution: ExecutionContext
    ) throws -> Solution {
        guard start.rank > 0 else {
            let s = try sparse.solve(weight, count: entries, execution)
            return Solution(lowRank: nil, sparse: s, outputError: try outputError(of: s, for: weight, execution))
        }
        let lowRankSolver = try LowRankSolver(secondMoment: secondMoment, execution, settings)
        var l = try start.product(execution)
        var factors: (u: Matrix, v: Matrix)
        var round = 0
        repeat {
            let s = try sparse.estimate(weight - l, count: entries, execution)
            factors = try lowRankSolver.approximate(weight - s, rank: start.rank, execution)
            l = try factors.u.times(factors.v, on: execution)
            round += 1
        } while round < settings.alternations
        let rest = weight - l
        let s = try sparse.solve(rest, count: entries, execution)
        return Solution(lowRank: factors, sparse: s, outputError: try outputError(of: s, for: rest, execution))
    }

    /// tr((R − S) H (R − S)ᵀ), some rows at a time.
    private func outputError(of s: Matrix, for r: Matrix, _ execution: ExecutionContext) throws -> Double {
        let (n, tiles) = (r.columns, RowTiles(rows: r.rows))
        let sums = try execution.uncheckedParallelMap(tiles.count) { index -> Double in
            let rest = r.rows(tiles[index]) - s.rows(tiles[index])
            let weighted = rest.times(secondMoment)
            return (0..<rest.rows * n).reduce(0.0) { $0 + Double(rest.elements[$1]) * Double(weighted.elements[$1]) }
        }
        return sums.reduce(0, +)
    }
}
