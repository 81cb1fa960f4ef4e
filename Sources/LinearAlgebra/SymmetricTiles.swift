import Execution

/// The upper triangle of a symmetric matrix as panels of rows, each from its tile of the diagonal on.
struct SymmetricTiles {
    let panels: [Range<Int>]
    private let order: Int

    /// Rows of a panel: the more, the faster the products, but half of a tile of the diagonal is wasted.
    static func height(_ order: Int) -> Int { order < 1024 ? 64 : 128 }

    init(order: Int, height: Int) {
        self.order = order
        panels = stride(from: 0, to: order, by: height).map { $0..<min($0 + height, order) }
    }

    /// S ← S − XᵀV − VᵀX for rows X, V, X of `stack`, [3 · shared, order]; of S the tiles that lie in its upper triangle or cross the diagonal.
    func subtractProducts(
        of stack: UnsafePointer<Float>, shared: Int, from s: UnsafeMutablePointer<Float>, stride: Int, _ execution: ExecutionContext
    ) throws {
        try execution.parallelFor(panels.count) { index in
            let (first, rows) = (panels[index].lowerBound, panels[index].count)
            sgemm(
                .transposed, .plain, rows, order - first, 2 * shared, -1, stack + first, order, stack + shared * order + first, order, 1,
                s + first * (stride + 1), stride)
        }
    }
}
