import CKernels
import Execution
import LinearAlgebra

/// Robust principal component analysis by ADMM: min ‖L‖* + λ‖S‖₁ subject to L + S = W (Candès, Li, Ma, Wright 2011).
///
/// Each step, with the multiplier Y and the penalty μ fixed:
/// L ← SVT(W − S + Y/μ, 1/μ); S ← soft(W − L + Y/μ, λ/μ); Y ← Y + μ(W − L − S).
/// A step costs one thresholding of W's shape, about 3wk² + 10k³/3 operations for k the smaller and w the larger side, and two passes over mn floats;
/// singular vectors are made once, at the end.
public struct RobustPCA: Sendable {
    /// Weight of ‖S‖₁; nil for 1/√max(m, n).
    public var lambda: Double?
    /// Penalty; nil for mn / (4‖W‖₁).
    public var mu: Double?
    /// Most steps.
    public var iterations: Int
    /// Stops when ‖W − L − S‖_F ≤ tolerance · ‖W‖_F.
    public var tolerance: Double

    public init(lambda: Double? = nil, mu: Double? = nil, iterations: Int, tolerance: Double) {
        self.lambda = lambda
        self.mu = mu
        self.iterations = iterations
        self.tolerance = tolerance
    }

    /// What W was split into.
    public struct Decomposition {
        public let lowRank: SingularTriplets
        public let sparse: Matrix
        public let steps: Int
        /// ‖W − L − S‖_F / ‖W‖_F.
        public let residual: Double
        /// ‖L‖* + λ‖S‖₁.
        public let objective: Double
    }

    /// Splits `w` [m, n].
    ///
    /// - Throws: `LinearAlgebraError` when an SVD does not converge, `Cancelled`.
    public func decompose(_ w: Matrix, _ execution: ExecutionContext = ExecutionContext(threads: 1)) throws -> Decomposition {
        let lambda = Float(self.lambda ?? 1 / Double(max(w.rows, w.columns, 1)).squareRoot())
        let norm = w.frobeniusNorm
        guard norm > 0 else {
            return Decomposition(lowRank: .none(w.rows, w.columns), sparse: w, steps: 0, residual: 0, objective: 0)
        }
        let mu = Float(self.mu ?? Double(w.elements.count) / (4 * w.entrywiseL1Norm))
        var s = Matrix(zeros: w.rows, w.columns)
        var y = Matrix(zeros: w.rows, w.columns)
        var work = w
        var thresholded: ThresholdedMatrix?
        var residual = Double.infinity
        var step = 0
        while step == 0 || step < iterations && residual > tolerance {
            try execution.cancellation.check()
            step += 1
            // It holds `work`, which is written anew.
            thresholded = nil
            combine(&work, w, minus: s, plus: y, over: mu)
            let current = try work.thresholded(by: 1 / mu, execution)
            let squares = caplet_sparse_and_multiplier_step(
                w.elements, current.product.elements, lambda / mu, mu, &s.elements, &y.elements, s.elements.count)
            residual = squares.squareRoot() / norm
            thresholded = current
        }
        let triplets = try thresholded?.triplets(execution) ?? .none(w.rows, w.columns)
        let nuclear = triplets.singularValues.reduce(0.0) { $0 + Double($1) }
        return Decomposition(
            lowRank: triplets, sparse: s, steps: step, residual: residual,
            objective: nuclear + Double(lambda) * s.entrywiseL1Norm)
    }

    /// out ← w − a + y / μ.
    private func combine(_ out: inout Matrix, _ w: Matrix, minus a: Matrix, plus y: Matrix, over mu: Float) {
        let inverse = 1 / mu
        out.elements.withUnsafeMutableBufferPointer { out in
            w.elements.withUnsafeBufferPointer { w in
                a.elements.withUnsafeBufferPointer { a in
                    y.elements.withUnsafeBufferPointer { y in
                        for i in 0..<out.count { out[i] = w[i] - a[i] + y[i] * inverse }
                    }
                }
            }
        }
    }
}
