import Execution

extension Matrix {
    /// Singular value thresholding by the smaller Gram matrix; see `singularValueThresholded(by:)` for what it is.
    ///
    /// With G = AᵀA = Q·T·Qᵀ, T tridiagonal, the result is A · Q·f(T)·Qᵀ for f(λ) = max(0, 1 − τ/√λ), and likewise from the left where A is
    /// wide. f(T) is a sum of resolvents (see `ThresholdingShare`), which costs next to nothing. For k the smaller and w the larger side about w·k²
    /// operations for G, 4k³/3 for T, 2k³ for Q·f(T)·Qᵀ, 2w·k² for the product, against about 22k³ of sgesdd where A is square.
    ///
    /// Squaring costs digits: eigenvalues are uncertain by a share of λ₁ (see `GramAccuracy`). So the largest directions, far above τ in trained weights, are
    /// found by subspace iteration and taken out before. Thresholding does not increase distances in the Frobenius norm, so that doing it
    /// apart is off by no more than what couples them with the rest. Where eigenvalues are still too uncertain the result is made by
    /// sgesdd instead. It does not depend on the number of threads.
    ///
    /// - Throws: `LinearAlgebraError` when an iteration does not converge or an element is not finite; `Cancelled`.
    public func thresholded(by threshold: Float, _ execution: ExecutionContext) throws -> ThresholdedMatrix {
        guard isFinite else { throw LinearAlgebraError("ssytrd", info: -4, rows: rows, columns: columns) }
        guard threshold > 0, let split = try gramSplit(threshold, execution) else {
            return try ThresholdedMatrix(singularValueThresholded(by: threshold), execution)
        }
        return try ThresholdedMatrix(split, threshold: threshold, execution)
    }

    /// Takes out what is too large, if that is needed; nil where not even that makes the Gram matrix exact enough.
    private func gramSplit(_ threshold: Float, _ execution: ExecutionContext) throws -> GramSplit? {
        let isPlain = try !needsSplitting(threshold, execution)
        for isSplit in isPlain ? [false, true] : [true] {
            let (leading, rest) = try isSplit ? withoutDominantDirections(threshold, execution) : (.none(rows, columns), self)
            let gram = try TridiagonalForm(of: rest.gramUpperTriangle(rows >= columns ? .transposed : .plain, execution), execution)
            try execution.cancellation.check()
            let split = GramSplit(leading: leading, rest: rest, gram: gram)
            if split.isExactEnough(threshold) { return split }
        }
        return nil
    }

    /// Whether the largest direction is so large that others would drown in its rounding, as far as some steps of power iteration tell.
    private func needsSplitting(_ threshold: Float, _ execution: ExecutionContext) throws -> Bool {
        guard !elements.isEmpty else { return false }
        let norm = frobeniusNorm
        let largest = try powerIteration(steps: 6, execution)
        return GramAccuracy.error(ofDirection: largest, besides: norm, order: min(rows, columns), threshold) > GramAccuracy.tolerance * norm
    }

    /// The thresholded triplets of directions in which the matrix is so large that others would drown in their rounding, and the matrix
    /// without them.
    private func withoutDominantDirections(_ threshold: Float, _ execution: ExecutionContext) throws
        -> (leading: SingularTriplets, rest: Matrix)
    {
        let k = min(rows, columns)
        var rest = self
        var (uRows, values, vRows): ([Float], [Float], [Float]) = ([], [], [])
        for round in 0..<GramAccuracy.rounds {
            let norm = rest.frobeniusNorm
            let limit = GramAccuracy.tolerance * norm / 4
            /// How many are so large that their rounding would be felt.
            func needed(_ directions: DominantDirections) -> Int {
                directions.singularValues.prefix { value in
                    let error = GramAccuracy.error(ofDirection: value, besides: norm, order: k, threshold)
                    return value > threshold && error > GramAccuracy.tolerance * norm / 2
                }.count
            }
            let directions = try rest.dominantDirections(GramAccuracy.directions(order: k, round: round), execution) { directions in
                needed(directions) <= directions.count(couplingAtMost: limit)
            }
            let goal = needed(directions)
            let taken = directions.prefix(min(goal, directions.count(couplingAtMost: limit)))
            if goal == 0 { break }
            // None has settled: the next ones are about as large, and are looked for too.
            if taken.singularValues.isEmpty { continue }
            try rest.addOuterProducts(taken.images, taken.vRows, scale: -1, execution)
            uRows += taken.images.withUnitRows.elements
            values += taken.singularValues.map { $0 - threshold }
            vRows += taken.vRows.elements
            if taken.singularValues.count == goal, goal < directions.singularValues.count { break }
        }
        let u = Matrix(rows: values.count, columns: rows, elements: uRows).transposed
        return (
            SingularTriplets(u: u, singularValues: values, vTransposed: Matrix(rows: values.count, columns: columns, elements: vRows)), rest
        )
    }
}

/// A matrix A [m, n] as thresholded triplets of the directions in which it is largest and the rest of it, with its Gram matrix.
struct GramSplit {
    /// Thresholded already.
    let leading: SingularTriplets
    let rest: Matrix
    /// Of the rest, the smaller one.
    let gram: TridiagonalForm

    fileprivate func isExactEnough(_ threshold: Float) -> Bool {
        gram.uncertainty(ofThresholdingBy: threshold, besides: leading.squaredNorm) <= GramAccuracy.tolerance
    }
}

extension SingularTriplets {
    /// Of the product.
    var squaredNorm: Double { singularValues.reduce(0.0) { $0 + Double($1) * Double($1) } }
}

/// How exact a Gram matrix has to be, and what rounding does to it.
private enum GramAccuracy {
    /// Error of the thresholded matrix as a share of its Frobenius norm.
    static let tolerance = 1e-5
    /// Most times that dominant directions are looked for.
    static let rounds = 3
    /// How many of them are looked for in a round: mostly one or two are too large; where they are more, more are looked for in the next round.
    static func directions(order: Int, round: Int) -> Int { max(8, min(order / 256, 64)) << (2 * round) }

    /// How uncertain an eigenvalue is, as a share of the largest one.
    ///
    /// The roundings of a Gram matrix's entries are independent of each other and of the eigenvectors, so that a function of the matrix sees the less of
    /// them the larger the matrix is: on matrices with noise, a falling spectrum or some large directions errors were 1.4 to 5 times below this.
    private static func rounding(order: Int) -> Double { 0x1p-23 / max(Double(order).squareRoot() / 4, 1) }

    /// The same in numbers, where the largest eigenvalues have `norm` as the root of the sum of their squares.
    static func eigenvalueError(order: Int, norm: Double) -> Double { rounding(order: order) * norm }

    /// What rounding in a direction of singular value `value` does to the thresholded matrix, on paper: a share of value² in each eigenvalue,
    /// half of that over σ in each singular value σ, which are spread evenly down to the threshold.
    static func error(ofDirection value: Float, besides norm: Double, order k: Int, _ threshold: Float) -> Double {
        let (count, typical) = (Double(k).squareRoot(), norm / Double(k).squareRoot())
        let spread = min(1, Double(threshold) / typical).squareRoot()
        return rounding(order: k) * Double(value) * Double(value) * count / (2 * Double(threshold)) * spread
    }
}

extension TridiagonalForm {
    /// At most how far, as a share of its Frobenius norm, the thresholded matrix is off when each eigenvalue λ = σ² is off by a share of
    /// the largest ones (see `GramAccuracy`): σ is then off by that over 2σ.
    ///
    /// - Parameter kept: squared norm of the part of the result that does not come from here.
    fileprivate func uncertainty(ofThresholdingBy threshold: Float, besides kept: Double) -> Double {
        let roundings = leadingNorm
        guard roundings.isFinite else { return .infinity }
        guard order > 0, roundings > 0 else { return 0 }
        let error = GramAccuracy.eigenvalueError(order: order, norm: roundings)
        var (squaredError, squaredNorm) = (0.0, kept)
        // Eigenvalues in bins of which each ends at 1.2 times its begin, all taken for the begin.
        var begin = max(threshold * threshold, Float(roundings) * 0x1p-40)
        var above = eigenvalueCount(above: begin)
        while above > 0 {
            let end = begin * 1.2
            let beyond = eigenvalueCount(above: end)
            let left = Double(begin.squareRoot() - threshold)
            squaredError += Double(above - beyond) * error * error / (4 * Double(begin))
            squaredNorm += Double(above - beyond) * left * left
            (begin, above) = (end, beyond)
        }
        return squaredError == 0 ? 0 : (squaredError / squaredNorm).squareRoot()
    }

    /// The root of the sum of squares of the largest eigenvalues, at most 16: what the roundings of a Gram matrix's entries add up to.
    private var leadingNorm: Double {
        let largest = largestEigenvalue
        guard largest.isFinite, largest > 0 else { return Double(largest) }
        // In bins, all taken for the upper end.
        var (sum, seen, upper) = (0.0, 0, largest)
        while seen < 16, upper > largest / 16 {
            let lower = upper / 1.1
            let count = min(eigenvalueCount(above: lower), 16)
            sum += Double(count - seen) * Double(upper) * Double(upper)
            (seen, upper) = (count, lower)
        }
        return sum.squareRoot()
    }
}
