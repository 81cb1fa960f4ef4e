import CKernels
import Execution
import Glibc

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

/// A complex number.
struct Complex {
    var real: Double
    var imaginary: Double

    init(_ real: Double, _ imaginary: Double) { (self.real, self.imaginary) = (real, imaginary) }

    static func + (a: Complex, b: Complex) -> Complex { Complex(a.real + b.real, a.imaginary + b.imaginary) }
    static func - (a: Complex, b: Complex) -> Complex { Complex(a.real - b.real, a.imaginary - b.imaginary) }
    static func / (a: Complex, b: Complex) -> Complex {
        let square = b.real * b.real + b.imaginary * b.imaginary
        return Complex(
            (a.real * b.real + a.imaginary * b.imaginary) / square, (a.imaginary * b.real - a.real * b.imaginary) / square)
    }

    func scaled(by factor: Double) -> Complex { Complex(real * factor, imaginary * factor) }

    /// The root with a real part that is not negative; for imaginary parts that are not negative.
    var squareRoot: Complex {
        let size = hypot(real, imaginary)
        return Complex(((size + real) / 2).squareRoot(), ((size - real) / 2).squareRoot())
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
        try ratios.withUnsafeMutableBufferPointer { ratios in
            try diagonals.withUnsafeMutableBufferPointer { diagonals in
                let (ratios, diagonals) = (ratios, diagonals)
                try execution.parallelFor(poles) { pole in
                    let resolvent = TridiagonalResolvent(diagonal: shifted, offDiagonal: coupling, height: share.heights[pole])
                    for i in 0..<n {
                        let place = 2 * (i * poles + pole)
                        let value = share.weights[pole] / resolvent.inverseDiagonal[i]
                        (ratios[place], ratios[place + 1]) = (Float(resolvent.ratios[i].real), Float(resolvent.ratios[i].imaginary))
                        (diagonals[place], diagonals[place + 1]) = (Float(value.real), Float(value.imaginary))
                    }
                }
            }
        }
        var result = Matrix(zeros: n, n)
        let width = Int(CAPLET_RESOLVENT_COLUMNS)
        let blocks = (n + width - 1) / width
        try result.elements.withUnsafeMutableBufferPointer { out in
            let out = out
            try execution.parallelFor(blocks) { block in
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

/// (T − i·y)⁻¹ of a tridiagonal T: entry (i, j) is ratioᵢ times entry (i + 1, j) for i < j.
private struct TridiagonalResolvent {
    /// The last is not used.
    private(set) var ratios: [Complex]
    /// 1 over each entry of the diagonal.
    private(set) var inverseDiagonal: [Complex]

    /// - Parameter height: y > 0, so that no pivot is 0: the imaginary part of each is at most −y.
    init(diagonal: [Double], offDiagonal: [Double], height: Double) {
        let n = diagonal.count
        ratios = [Complex](repeating: Complex(0, 0), count: n)
        inverseDiagonal = ratios
        // Pivots from above and from below meet in the entry of the diagonal.
        var pivot = Complex(0, 0)
        for i in 0..<n {
            let own = Complex(diagonal[i], -height)
            pivot = i == 0 ? own : own - Complex(offDiagonal[i - 1] * offDiagonal[i - 1], 0) / pivot
            inverseDiagonal[i] = pivot
            if i + 1 < n { ratios[i] = Complex(-offDiagonal[i], 0) / pivot }
        }
        if n > 0 { pivot = Complex(diagonal[n - 1], -height) }
        for i in stride(from: n - 2, through: 0, by: -1) {
            let below = Complex(offDiagonal[i] * offDiagonal[i], 0) / pivot
            inverseDiagonal[i] = inverseDiagonal[i] - below
            pivot = Complex(diagonal[i], -height) - below
        }
    }
}
