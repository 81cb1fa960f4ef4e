import CKernels
import CLibrary
import Execution

/// f(λ) = max(0, 1 − τ/√λ), the share of itself that thresholding by τ leaves of a matrix in a direction where its Gram matrix has the
/// eigenvalue λ, as a sum of poles.
///
/// With t = λ/τ², Cauchy's integral of 1 − z^−½ along the line Re z = 1, on whose right it is analytic, is f to the right of that line and
/// 0 to the left:
/// f(t) = ½ + 1/π · ∫₀^∞ Re[(1 − (1 + iy)^−½) / (t − 1 − iy)] dy.
/// In log y the integrand is smooth and the trapezoidal rule converges geometrically, as in Hale, Higham and Trefethen 2008. Poles far
/// beyond all eigenvalues act as a straight line in t.
struct ThresholdingShare {
    /// Poles t = 1 + i·y.
    let heights: [Double]
    /// f(t) = constant + slope·(t − 1) + Σ Re[weightⱼ/(t − 1 − i·yⱼ)].
    let weights: [Complex]
    let constant: Double
    let slope: Double

    /// Of the trapezoidal rule, in log y: errors are of the order of e^(−π²/step).
    private static let step = 0.5
    /// Half of the least y: f is rounded off within about that of t = 1, by as much.
    private static let sharpness = 1e-4
    /// From so many times the largest t on, poles are taken for a straight line.
    private static let far = 300.0

    /// - Parameter largest: a bound of t, at least 1.
    init(upTo largest: Double) {
        var (heights, weights): ([Double], [Complex]) = ([], [])
        var (constant, slope) = (0.5, 0.0)
        var y = Self.sharpness
        // Terms of the constant fall as y^−½: to 1e-9 of the first one.
        while y < Self.far * largest * 1e18 {
            let root = Complex(1, y).squareRoot
            let weight = (Complex(1, 0) - Complex(1, 0) / root).scaled(by: Self.step * y / .pi)
            if y < Self.far * largest {
                heights.append(y)
                weights.append(weight)
            } else {
                // 1/(t − 1 − iy) = i/y + (t − 1)/y² − …
                constant -= weight.imaginary / y
                slope += weight.real / (y * y)
            }
            y *= exp(Self.step)
        }
        (self.heights, self.weights, self.constant, self.slope) = (heights, weights, constant, slope)
    }
}

extension TridiagonalForm {
    /// f(T) for f(λ) = max(0, 1 − threshold/√λ): the upper triangle, zeros or what rounding leaves of zeros below it, [n, n].
    ///
    /// (T − z)⁻¹ is a row of ratios and a diagonal for each pole z, so that an entry of the sum costs some five operations a pole, of which
    /// there are about 40.
    func thresholdingShares(_ threshold: Float, _ execution: ExecutionContext) throws -> Matrix {
        let n = order
        let unit = 1 / (Double(threshold) * Double(threshold))
        let share = ThresholdingShare(upTo: max(Double(largestPossibleEigenvalue) * unit, 1))
        let shifted = diagonal.map { Double($0) * unit - 1 }
        let coupling = offDiagonal.map { Double($0) * unit }
        let poles = share.heights.count
        var ratios = [Float](repeating: 0, count: 2 * n * poles)
        var diagonals = ratios
        let weights = share.weights.flatMap { [$0.real, $0.imaginary] }
        var state = [Double](repeating: 0, count: 2 * Int(CAPLET_RESOLVENT_POLES) * n)
        caplet_resolvent_factors(shifted, coupling, n, share.heights, weights, poles, &ratios, &diagonals, &state)
        var result = Matrix(zeros: n, n)
        let width = Int(CAPLET_RESOLVENT_COLUMNS)
        let blocks = (n + width - 1) / width
        try result.elements.withUnsafeMutableBufferPointer { out in
            let out = out
            try execution.uncheckedParallelFor(blocks) { block in
                // The last columns are the longest.
                let column = (blocks - 1 - block) * width
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * poles * width) { state in
                    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: poles) { active in
                        caplet_resolvent_sum(
                            ratios, diagonals, poles, column, min(width, n - column), out.baseAddress! + column, n, state.baseAddress!,
                            active.baseAddress!)
                    }
                }
            }
        }
        for i in 0..<n {
            result[i, i] += Float(share.constant + share.slope * shifted[i])
            if i + 1 < n { result[i, i + 1] += Float(share.slope * coupling[i]) }
        }
        return result
    }
}
