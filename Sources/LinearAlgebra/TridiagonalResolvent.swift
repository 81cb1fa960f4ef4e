/// (T − i·y)⁻¹ of a tridiagonal T: entry (i, j) is ratioᵢ times entry (i + 1, j) for i < j.
struct TridiagonalResolvent {
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
