import Execution
import LinearAlgebra

/// A sparse and a low-rank part found together by alternating directions (ADMM), W ≈ S + L:
///
///     min tr((W − S − L) H (W − S − L)ᵀ)  with S in a set of supports and L of rank r.
///
/// Rank 0 is ALPS (arXiv 2406.07831, algorithm 1), else the three blocks S, L and D of 3BASiL (arXiv 2603.01376, section 3). In the scaled metric
/// G of `ScaledInputs`, with R = W·D and the dual U scaled by the penalty ρ, a step is
///
///     L = best of rank r for R − D in G,    S = T + ρ(D − U − T)(G + ρI)⁻¹ with T = R − L,
///     D = S + U on the support of its largest entries,    U ← U + S − D,
///
/// from the best L for R alone. D and U are P = S + U on the support and off it, so that P and the support are all that is kept. ρ grows as the support settles
/// (`SolverSettings.Penalty`); when it does not change any more the values are the least squares on it, in turn with L.
public struct SparseLowRankSolver {
    private let inputs: ScaledInputs
    private let settings: SolverSettings

    public init(_ inputs: ScaledInputs, _ settings: SolverSettings) {
        (self.inputs, self.settings) = (inputs, settings)
    }

    /// S + L of a layer.
    public struct Solution {
        /// U [m, r] and V [r, n]; nil at rank 0.
        public var lowRank: (u: Matrix, v: Matrix)?
        /// S [m, n].
        public var sparse: Matrix
        /// Steps until the support stayed as it was.
        public var steps: Int
        /// tr((W − S − L)(H + λI)(W − S − L)ᵀ), λ what damping adds: after the last step, then whenever one of the parts was solved for the other.
        public var errors: [Double]
    }

    /// A step costs 2mn² operations, 4mnr more with rank, and 2n³ more whenever ρ changes.
    ///
    /// - Parameters:
    ///   - weight: W [m, n].
    ///   - rank: r, at most min(m, n).
    /// - Throws: `LinearAlgebraError`, `Cancelled`.
    public func solve(_ weight: Matrix, keeping kept: KeptEntries, rank: Int, _ execution: ExecutionContext) throws -> Solution {
        let r = inputs.scaled(weight)
        var subspace = rank > 0 ? MetricSubspace(rank: rank, inputs: inputs) : nil
        let (search, low, steps) = try search(r, kept, &subspace, execution)
        var (sparse, lowRank, errors) = (search, low, [Double]())
        func measure() throws {
            errors.append(try inputs.energy(of: lowRank.map { r - sparse - $0 } ?? r - sparse, execution))
        }
        try measure()
        let values = LeastSquaresValues(h: inputs.gram, settings: settings.values)
        for round in 0...(rank > 0 ? settings.alternations : 0) {
            if round > 0 {
                lowRank = try subspace?.solve(r - sparse, execution)
                try measure()
            }
            try values.solve(&sparse, for: lowRank.map { r - $0 } ?? r, execution)
            try measure()
        }
        let factors = subspace?.factors.map { balanced($0.left.transposed, inputs.unscaled($0.right)) }
        return Solution(lowRank: factors, sparse: inputs.unscaled(sparse), steps: steps, errors: errors)
    }

    /// The steps, until the support stays.
    ///
    /// - Returns: D and L.
    private func search(
        _ r: Matrix, _ kept: KeptEntries, _ subspace: inout MetricSubspace?, _ execution: ExecutionContext
    ) throws -> (sparse: Matrix, lowRank: Matrix?, steps: Int) {
        let schedule = settings.penalty
        var lowRank = try subspace?.solve(r, execution)
        var p = lowRank.map { r - $0 } ?? r
        var support = try kept.support(of: p, execution)
        var (penalty, dualScale) = (schedule.first, Float(1))
        var inverse = try inputs.inverse(adding: penalty, execution)
        var settled = support
        var step = 0
        while step < schedule.mostSteps {
            try execution.cancellation.check()
            step += 1
            lowRank = try subspace?.follow(r - Self.kept(p, support), execution)
            let target = lowRank.map { r - $0 } ?? r
            let pull = Self.pull(p, support, target, penalty: penalty, dualScale: dualScale)
            let s = target + (try pull.times(inverse, on: execution))
            p = Self.sum(s, p, support, dualScale: dualScale)
            support = try kept.support(of: p, execution)
            dualScale = 1
            guard step % schedule.stepsBetweenChanges == 0 else { continue }
            let change = zip(support, settled).count { $0 != $1 }
            if change == 0, step >= schedule.leastSteps { break }
            settled = support
            let next = schedule.next(after: penalty, change: change, of: support.count { $0 })
            if next != penalty {
                (dualScale, penalty) = (penalty / next, next)
                inverse = try inputs.inverse(adding: penalty, execution)
            }
        }
        return (Self.kept(p, support), lowRank, step)
    }

    /// D.
    private static func kept(_ p: Matrix, _ support: [Bool]) -> Matrix {
        var d = p
        d.elements.withUnsafeMutableBufferPointer { d in
            for i in support.indices where !support[i] { d[i] = 0 }
        }
        return d
    }

    /// ρ(D − U − T).
    private static func pull(_ p: Matrix, _ support: [Bool], _ target: Matrix, penalty: Float, dualScale: Float) -> Matrix {
        Matrix(rows: p.rows, columns: p.columns) { out in
            p.elements.withUnsafeBufferPointer { p in
                target.elements.withUnsafeBufferPointer { t in
                    for i in 0..<out.count { out[i] = penalty * ((support[i] ? p[i] : -dualScale * p[i]) - t[i]) }
                }
            }
        }
    }

    /// S + U.
    private static func sum(_ s: Matrix, _ p: Matrix, _ support: [Bool], dualScale: Float) -> Matrix {
        Matrix(rows: p.rows, columns: p.columns) { out in
            p.elements.withUnsafeBufferPointer { p in
                s.elements.withUnsafeBufferPointer { s in
                    for i in 0..<out.count { out[i] = support[i] ? s[i] : s[i] + dualScale * p[i] }
                }
            }
        }
    }

    /// U and V with rows and columns of each component of one length, so that both can be stored in 16 bits.
    private func balanced(_ u: Matrix, _ v: Matrix) -> (u: Matrix, v: Matrix) {
        let roots = (0..<v.rows).map { k in
            Float((0..<v.columns).reduce(0.0) { $0 + Double(v[k, $1]) * Double(v[k, $1]) }.squareRoot().squareRoot())
        }
        return (u.scalingColumns(by: roots), v.scalingRows(by: roots.map { $0 > 0 ? 1 / $0 : 0 }))
    }
}
