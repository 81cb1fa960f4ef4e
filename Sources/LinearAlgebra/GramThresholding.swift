import Execution

extension Matrix {
    /// Singular value thresholding by the eigenvectors of the smaller Gram matrix; see `singularValueThresholded(by:)` for what it is.
    ///
    /// With G = AᵀA = VΛVᵀ the result is A · V·diag(1 − τ/√λ)·Vᵀ over the λ above τ², and likewise from the left where A is wide. For k
    /// the smaller and w the larger side about w·k² operations for G, 10k³/3 and less than 4k³/3 for eigenvectors, 3w·k² at most for
    /// the product, against about 22k³ of sgesdd where A is square.
    ///
    /// Squaring costs digits: eigenvalues are uncertain by some 2⁻²³·λ₁. So the largest directions, far above τ in trained weights, are
    /// found by subspace iteration and taken out before. Thresholding does not increase distances in the Frobenius norm, so that doing it
    /// apart is off by no more than what couples them with the rest. Where eigenvalues are still too uncertain the result is made by
    /// sgesdd instead. It does not depend on the number of threads.
    ///
    /// - Throws: `LinearAlgebraError` when an iteration does not converge or an element is not finite; `Cancelled`.
    public func thresholded(by threshold: Float, _ execution: ExecutionContext) throws -> ThresholdedMatrix {
        guard isFinite else { throw LinearAlgebraError("ssytrd", info: -4, rows: rows, columns: columns) }
        let (leading, rest) = try withoutDominantDirections(threshold, execution)
        let gram = try rest.gramUpperTriangle(rows >= columns ? .transposed : .plain, execution)
        let eigen = try gram.leadingEigen(above: threshold * threshold, execution)
        let kept = leading.singularValues.reduce(0.0) { $0 + Double($1) * Double($1) }
        guard eigen.uncertainty(ofThresholdingBy: threshold, besides: kept) <= GramAccuracy.tolerance else {
            return try ThresholdedMatrix(singularValueThresholded(by: threshold), execution)
        }
        return try ThresholdedMatrix(leading: leading, rest: rest, eigen: eigen, threshold: threshold, execution)
    }

    /// The thresholded triplets of directions in which the matrix is so large that others would drown in their rounding, and the matrix
    /// without them.
    private func withoutDominantDirections(
        _ threshold: Float, _ execution: ExecutionContext
    ) throws -> (leading: SingularTriplets, rest: Matrix) {
        let k = min(rows, columns)
        var rest = self
        var (uRows, values, vRows): ([Float], [Float], [Float]) = ([], [], [])
        for _ in 0..<GramAccuracy.rounds where threshold > 0 {
            let norm = rest.frobeniusNorm
            let limit = GramAccuracy.tolerance * norm / 4
            /// How many are so large that their rounding would be felt.
            func needed(_ directions: DominantDirections) -> Int {
                directions.singularValues.prefix { value in
                    let error = GramAccuracy.rounding * Double(value) * Double(value) * Double(k).squareRoot() / (4 * Double(threshold))
                    return value > threshold && error > GramAccuracy.tolerance * norm
                }.count
            }
            let directions = try rest.dominantDirections(max(8, min(k / 32, 256)), execution) { directions in
                needed(directions) <= directions.count(couplingAtMost: limit)
            }
            let goal = needed(directions)
            let taken = directions.prefix(min(goal, directions.count(couplingAtMost: limit)))
            if taken.singularValues.isEmpty { break }
            rest = rest - (try taken.images.times(taken.vRows, .transposed, on: execution))
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

/// How exact thresholding by the Gram matrix has to be to be taken.
private enum GramAccuracy {
    /// Error as a share of the result's Frobenius norm.
    static let tolerance = 1e-5
    /// How uncertain an eigenvalue is, as a share of the largest one.
    static let rounding = 0x1p-23
    /// Most times that dominant directions are looked for.
    static let rounds = 3
}

extension LeadingEigen {
    /// How far, as a share of its Frobenius norm, the thresholded matrix may be off when each eigenvalue λ = σ² is off by 2⁻²³·λ₁: σ is
    /// then off by that over 2σ.
    ///
    /// - Parameter kept: squared norm of the part of the result that does not come from here.
    func uncertainty(ofThresholdingBy threshold: Float, besides kept: Double) -> Double {
        guard let largest = values.last, largest.isFinite else { return .infinity }
        let error = GramAccuracy.rounding * Double(largest)
        var (squaredError, squaredNorm) = (0.0, kept)
        for value in values.suffix(vectorRows.rows) {
            squaredError += error * error / (4 * Double(value))
            let left = Double(value.squareRoot() - threshold)
            squaredNorm += left * left
        }
        return squaredError == 0 ? 0 : (squaredError / squaredNorm).squareRoot()
    }
}
