import Execution

/// What singular value thresholding makes of a matrix A [m, n], A's singular values σ becoming max(σ − τ, 0).
public struct ThresholdedMatrix {
    /// [m, n]
    public let product: Matrix
    private let factors: Factors

    private enum Factors {
        case known(SingularTriplets)
        case gram(GramSplit, threshold: Float)
        /// The same with eigenvectors of the Gram matrix.
        case eigen(GramSplit, LeadingEigen, threshold: Float)
    }

    init(_ triplets: SingularTriplets, _ execution: ExecutionContext) throws {
        product = try triplets.product(execution)
        factors = .known(triplets)
    }

    init(_ split: GramSplit, threshold: Float, _ execution: ExecutionContext) throws {
        let (leading, rest, gram) = (split.leading, split.rest, split.gram)
        let (k, wide) = (gram.order, max(rest.rows, rest.columns))
        let kept = gram.eigenvalueCount(above: threshold * threshold)
        var product: Matrix
        // Eigenvectors: about 4k³/3 + 2k²r + 4wkr operations; all of f(T): 2k³ + 2wk².
        let isCheaper = kept * (2 * k + 4 * wide) < (2 * k / 3 + 2 * wide) * k
        if threshold <= 0 || isCheaper && split.isExactEnough(threshold, for: .vectors) {
            let eigen = try gram.eigen(above: threshold * threshold, execution)
            product = try rest.projected(on: eigen, threshold, execution)
            factors = .eigen(split, eigen, threshold: threshold)
        } else {
            var shares = try gram.thresholdingShares(threshold, execution)
            try gram.reflections.conjugate(&shares, execution)
            shares.mirror()
            product = try rest.rows >= rest.columns ? rest.times(shares, on: execution) : shares.times(rest, on: execution)
            factors = .gram(split, threshold: threshold)
        }
        if leading.rank > 0 {
            try product.add(leading.u, times: leading.vTransposed.scalingRows(by: leading.singularValues), on: execution)
        }
        self.product = product
    }

    /// The thin SVD of the product, singular values descending; makes eigenvectors where there are none yet.
    public func triplets(_ execution: ExecutionContext) throws -> SingularTriplets {
        switch factors {
        case .known(let triplets): return triplets
        case .eigen(let split, let eigen, let threshold):
            return try split.leading.merged(with: split.rest.triplets(by: eigen, threshold, execution))
        case .gram(let split, let threshold):
            let (first, rest) = (split.leading, split.rest)
            let finer =
                split.isExactEnough(threshold, for: .vectors)
                ? GramSplit(leading: .none(rest.rows, rest.columns), rest: rest, gram: split.gram)
                : try rest.gramSplit(threshold, for: .vectors, besides: first.squaredNorm, execution)
            guard let finer else { return first.merged(with: try rest.singularValueThresholded(by: threshold)) }
            let eigen = try finer.gram.eigen(above: threshold * threshold, execution)
            return try first.merged(with: finer.leading).merged(with: finer.rest.triplets(by: eigen, threshold, execution))
        }
    }
}

extension SingularTriplets {
    /// Both, largest first.
    fileprivate func merged(with other: SingularTriplets) -> SingularTriplets {
        let all = singularValues + other.singularValues
        let order = all.indices.sorted { (all[$1], $0) < (all[$0], $1) }
        func ordered(_ first: Matrix, _ second: Matrix) -> Matrix {
            Matrix(rows: order.count, columns: second.columns) { out in
                for (place, index) in order.enumerated() {
                    let (source, row) = index < rank ? (first, index) : (second, index - rank)
                    for column in 0..<second.columns { out[place * second.columns + column] = source[row, column] }
                }
            }
        }
        return SingularTriplets(
            u: ordered(u.transposed, other.u.transposed).transposed, singularValues: order.map { all[$0] },
            vTransposed: ordered(vTransposed, other.vTransposed))
    }
}

extension Matrix {
    /// Triplets by the eigenvectors of the smaller Gram matrix, less the threshold. 2·m·n·r operations.
    ///
    /// ‖A·v‖ is the singular value: the root of the eigenvalue has lost digits that A still has.
    fileprivate func triplets(by eigen: LeadingEigen, _ threshold: Float, _ execution: ExecutionContext) throws -> SingularTriplets {
        let isTall = rows >= columns
        let images = try eigen.vectorRows.times(self, otherAs: isTall ? .transposed : .plain, on: execution)  // [r, max(m, n)]
        let others = images.withUnitRows
        let (uRows, vRows) = isTall ? (others, eigen.vectorRows) : (eigen.vectorRows, others)
        return SingularTriplets(
            u: uRows.transposed, singularValues: images.rowNorms.map { max($0 - threshold, 0) }, vTransposed: vRows)
    }

    /// A · V·diag(1 − τ/√λ)·Vᵀ for eigenvectors V of A's width, or V·diag(1 − τ/√λ)·Vᵀ · A where A is wide.
    fileprivate func projected(on eigen: LeadingEigen, _ threshold: Float, _ execution: ExecutionContext) throws -> Matrix {
        let vectorRows = eigen.vectorRows
        let scaled = vectorRows.scalingRows(by: eigen.values.suffix(vectorRows.rows).map { 1 - threshold / $0.squareRoot() })
        if rows >= columns { return try times(vectorRows, otherAs: .transposed, on: execution).times(scaled, on: execution) }
        return try scaled.times(vectorRows.times(self, on: execution), .transposed, on: execution)
    }
}
