import Execution

/// What singular value thresholding makes of a matrix A [m, n], A's singular values σ becoming max(σ − τ, 0).
public struct ThresholdedMatrix {
    /// [m, n]
    public let product: Matrix
    private let factors: Factors

    private enum Factors {
        case known(SingularTriplets)
        /// Leading triplets of A that are already thresholded, and of the rest of A the eigenvectors of its smaller Gram matrix as rows
        /// [r, min(m, n)] with the rest's singular values, ascending.
        case gram(leading: SingularTriplets, rest: Matrix, vectorRows: Matrix, singularValues: [Float], threshold: Float)
    }

    /// Singular values above the threshold.
    public var rank: Int {
        switch factors {
        case .known(let triplets): return triplets.rank
        case .gram(let leading, _, _, let singularValues, _): return leading.rank + singularValues.count
        }
    }

    init(_ triplets: SingularTriplets, _ execution: ExecutionContext) throws {
        product = try triplets.product(execution)
        factors = .known(triplets)
    }

    /// - Parameters:
    ///   - leading: thresholded already.
    ///   - rest: A without the leading triplets.
    ///   - eigen: of the rest's smaller Gram matrix.
    init(
        leading: SingularTriplets, rest: Matrix, eigen: LeadingEigen, threshold: Float, _ execution: ExecutionContext
    ) throws {
        let singularValues = eigen.values.suffix(eigen.vectorRows.rows).map { $0.squareRoot() }
        let shares = singularValues.map { 1 - threshold / $0 }
        let projected = try rest.projected(on: eigen.vectorRows, times: shares, execution)
        product = leading.rank == 0 ? projected : projected + (try leading.product(execution))
        factors = .gram(
            leading: leading, rest: rest, vectorRows: eigen.vectorRows, singularValues: singularValues, threshold: threshold)
    }

    /// The thin SVD of the product, singular values descending. 2·m·n·r operations where it is not known already.
    public func triplets(_ execution: ExecutionContext) throws -> SingularTriplets {
        switch factors {
        case .known(let triplets): return triplets
        case .gram(let leading, let a, let ascending, let singularValues, let threshold):
            let rows = ascending.reversedRows
            let values = singularValues.reversed().map { $0 - threshold }
            let isTall = a.rows >= a.columns
            let others = try rows.times(a, otherAs: isTall ? .transposed : .plain, on: execution).withUnitRows  // [r, max(m, n)]
            return leading.merged(uRows: isTall ? others : rows, values, vRows: isTall ? rows : others)
        }
    }
}

extension SingularTriplets {
    /// These and others of singular vectors as rows, largest first.
    fileprivate func merged(uRows: Matrix, _ values: [Float], vRows: Matrix) -> SingularTriplets {
        guard rank > 0 else { return SingularTriplets(u: uRows.transposed, singularValues: values, vTransposed: vRows) }
        let all = singularValues + values
        let order = all.indices.sorted { (all[$1], $0) < (all[$0], $1) }
        func ordered(_ first: Matrix, _ second: Matrix) -> Matrix {
            Matrix(rows: all.count, columns: first.columns) { out in
                for (place, index) in order.enumerated() {
                    let (source, row) = index < rank ? (first, index) : (second, index - rank)
                    for column in 0..<first.columns { out[place * first.columns + column] = source[row, column] }
                }
            }
        }
        return SingularTriplets(
            u: ordered(u.transposed, uRows).transposed, singularValues: order.map { all[$0] }, vTransposed: ordered(vTransposed, vRows))
    }
}

extension Matrix {
    /// A · V·diag(shares)·Vᵀ for the rows V of `vectorRows` of A's width, or V·diag(shares)·Vᵀ · A where they are of its height and it is
    /// wide.
    fileprivate func projected(on vectorRows: Matrix, times shares: [Float], _ execution: ExecutionContext) throws -> Matrix {
        let isTall = rows >= columns
        let k = vectorRows.columns
        // The projection as a matrix, by symmetry, and one product: k²r + 2wk². Two thin products: 4wkr.
        if vectorRows.rows * (4 * max(rows, columns) - k) > 2 * max(rows, columns) * k {
            let projection = try vectorRows.scalingRows(by: shares.map { $0.squareRoot() }).gramUpperTriangle(.transposed, execution)
                .mirrored
            return isTall ? try times(projection, on: execution) : try projection.times(self, on: execution)
        }
        let scaled = vectorRows.scalingRows(by: shares)
        if isTall { return try times(vectorRows, otherAs: .transposed, on: execution).times(scaled, on: execution) }
        return try scaled.times(vectorRows.times(self, on: execution), .transposed, on: execution)
    }
}
