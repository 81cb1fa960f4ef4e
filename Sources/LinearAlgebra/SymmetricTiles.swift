import COpenBLAS
import Execution

/// The upper triangle of a symmetric matrix in tiles: those that the diagonal crosses are worked on by BLAS's symmetric routines, which leave
/// what is below it alone, those on their right by products.
///
/// Tiles depend on the order alone, so that results do not depend on how many threads work on them.
struct SymmetricTiles {
    /// Of the tiles on the diagonal.
    let rows: [Range<Int>]
    private let order: Int
    /// Tiles right of the diagonal.
    private let products: [(rows: Range<Int>, columns: Range<Int>)]

    /// Most columns of a product.
    private static let widest = 1024

    /// - Parameter height: rows of a tile; the more, the less often the products' other operand is packed.
    init(order: Int, height: Int) {
        self.order = order
        rows = stride(from: 0, to: order, by: height).map { $0..<min($0 + height, order) }
        products = rows.flatMap { rows in
            stride(from: rows.upperBound, to: order, by: Self.widest).map { (rows, $0..<min($0 + Self.widest, order)) }
        }
    }

    private var count: Int { products.count + rows.count }

    /// Calls `diagonal` for a tile on the diagonal or `product` for one right of it: the larger ones have the first indices.
    private func withTile(_ index: Int, diagonal: (Range<Int>) -> Void, product: (_ rows: Range<Int>, _ columns: Range<Int>) -> Void) {
        if index < products.count {
            product(products[index].rows, products[index].columns)
        } else {
            diagonal(rows[index - products.count])
        }
    }

    /// S ← AᵀA for `.transposed`, AAᵀ for `.plain`, where A has `shared` rows, or columns, `stride` floats apart.
    func setProducts(
        of a: UnsafePointer<Float>, _ orientation: Orientation, stride: Int, shared: Int, to s: UnsafeMutablePointer<Float>,
        _ execution: ExecutionContext
    ) throws {
        let step = orientation == .plain ? stride : 1
        try execution.uncheckedParallelFor(count) { index in
            withTile(index) { rows in
                Operations.add(.product, rows.count * rows.count * shared)
                openBLAS.cblas_ssyrk(
                    CblasRowMajor, CblasUpper, orientation == .plain ? CblasNoTrans : CblasTrans, blasint(rows.count), blasint(shared), 1,
                    a + rows.lowerBound * step, blasint(stride), 0, s + rows.lowerBound * (order + 1), blasint(order))
            } product: { rows, columns in
                sgemm(
                    orientation, orientation == .plain ? .transposed : .plain, rows.count, columns.count, shared, 1,
                    a + rows.lowerBound * step, stride, a + columns.lowerBound * step, stride, 0,
                    s + rows.lowerBound * order + columns.lowerBound, order)
            }
        }
    }

    /// S ← S − XᵀV − VᵀX for rows X, V, X of `stack`, [3 · shared, order], on the threads of a team.
    func subtractProducts(
        of stack: UnsafePointer<Float>, shared: Int, from s: UnsafeMutablePointer<Float>, stride: Int, _ team: WorkerTeam
    ) {
        let v = stack + shared * order
        team.uncheckedForEach(count) { _, index in
            withTile(index) { rows in
                Operations.add(.product, 2 * rows.count * rows.count * shared)
                openBLAS.cblas_ssyr2k(
                    CblasRowMajor, CblasUpper, CblasTrans, blasint(rows.count), blasint(shared), -1, stack + rows.lowerBound,
                    blasint(order), v + rows.lowerBound, blasint(order), 1, s + rows.lowerBound * (stride + 1), blasint(stride))
            } product: { rows, columns in
                // X and V below it against V and X.
                sgemm(
                    .transposed, .plain, rows.count, columns.count, 2 * shared, -1, stack + rows.lowerBound, order,
                    v + columns.lowerBound, order, 1, s + rows.lowerBound * stride + columns.lowerBound, stride)
            }
        }
    }

    /// out ← V·S for rows V [count, order] that are `stride` floats apart, as are those of `out` by `outStride`.
    func multiply(
        _ v: UnsafePointer<Float>, count: Int, stride: Int, by s: UnsafePointer<Float>, rowStride n: Int,
        into out: UnsafeMutablePointer<Float>, outStride: Int, _ team: WorkerTeam
    ) {
        team.uncheckedForEach(rows.count) { _, index in
            let (first, end) = (rows[index].lowerBound, rows[index].upperBound)
            Operations.add(.product, 2 * count * (end - first) * (end - first))
            openBLAS.cblas_ssymm(
                CblasRowMajor, CblasRight, CblasUpper, blasint(count), blasint(end - first), 1, s + first * (n + 1), blasint(n), v + first,
                blasint(stride), 0, out + first, blasint(outStride))
            if end < order {
                sgemm(
                    .plain, .transposed, count, end - first, order - end, 1, v + end, stride, s + first * n + end, n, 1, out + first,
                    outStride)
            }
            if first > 0 { sgemm(.plain, .plain, count, end - first, first, 1, v, stride, s + first, n, 1, out + first, outStride) }
        }
    }
}
