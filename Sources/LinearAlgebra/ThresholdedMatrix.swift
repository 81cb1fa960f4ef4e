import Execution

/// What singular value thresholding makes of a matrix A [m, n], A's singular values σ becoming max(σ − τ, 0).
public struct ThresholdedMatrix {
    /// [m, n]
    public let product: Matrix
    private let factors: Factors

    private enum Factors {
        case known(SingularTriplets)
        case gram(GramSplit, threshold: Float)
    }

    init(_ triplets: SingularTriplets, _ execution: ExecutionContext) throws {
        product = try triplets.product(execution)
        factors = .known(triplets)
    }

    init(_ split: GramSplit, threshold: Float, _ execution: ExecutionContext) throws {
        let (leading, rest, gram) = (split.leading, split.rest, split.gram)
        var product: Matrix
        if gram.eigenvalueCount(above: threshold * threshold) == 0 {
            product = Matrix(zeros: rest.rows, rest.columns)
        } else {
            var shares = try gram.thresholdingShares(threshold, execution)
            try gram.reflections.conjugate(&shares, execution)
            shares.mirror()
            product = try rest.rows >= rest.columns ? rest.times(shares, on: execution) : shares.times(rest, on: execution)
        }
        if leading.rank > 0 {
            let scaled = leading.vTransposed.scalingRows(by: leading.singularValues)
            try product.addOuterProducts(leading.u.transposed, scaled, scale: 1, execution)
        }
        self.product = product
        factors = .gram(split, threshold: threshold)
    }

    /// The thin SVD of the product, singular values descending.
    ///
    /// Where the Gram matrix was used U and V are orthonormal to about 1e-4, a column's products with the others taken together, and to 2⁻²³ of the
    /// largest singular value over the threshold where that is more. Eigenvectors are made here: about 4k³/3 operations in double precision, 2k²r
    /// and 2wkr for r values above the threshold, k the smaller and w the larger side.
    public func triplets(_ execution: ExecutionContext) throws -> SingularTriplets {
        switch factors {
        case .known(let triplets): return triplets
        case .gram(let split, let threshold):
            let eigen = try split.gram.eigen(above: threshold * threshold, execution)
            return try split.leading.merged(with: split.rest.triplets(by: eigen, threshold, execution))
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
}
