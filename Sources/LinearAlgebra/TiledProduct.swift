import CKernels
import Execution

/// Products of large matrices in tiles that depend on the shape alone, so that what comes out does not depend on how many threads make them.
enum ProductTile {
    /// Most rows and columns of a tile of the result.
    private static let size = 1024
    /// Rows are halved down to so many, so that threads have something to share.
    private static let leastHeight = 256

    static func rows(_ count: Int) -> [Range<Int>] { ranges(count, by: min(size, max(leastHeight, (count + 1) / 2))) }
    static func columns(_ count: Int) -> [Range<Int>] { ranges(count, by: size) }

    private static func ranges(_ count: Int, by size: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }
}

extension Matrix {
    /// op(self) · op(other), tiles of the result side by side. 2·m·n·k operations.
    public func times(
        _ other: Matrix, _ orientation: Orientation = .plain, otherAs otherOrientation: Orientation = .plain, on execution: ExecutionContext
    ) throws -> Matrix {
        let (m, k) = orientation == .plain ? (rows, columns) : (columns, rows)
        let n = otherOrientation == .plain ? other.columns : other.rows
        if m == 0 || n == 0 || k == 0 { return Matrix(zeros: m, n) }
        return try Matrix(rows: m, columns: n) { out in
            try multiply(by: other, orientation, otherOrientation, into: out.baseAddress!, execution)
        }
    }

    /// self ← self + scale · aᵀ · b for a few rows a [r, rows] and b [r, columns], rows of self side by side. 2·m·n·r operations.
    mutating func addOuterProducts(_ a: Matrix, _ b: Matrix, scale: Float, _ execution: ExecutionContext) throws {
        precondition(a.columns == rows && b.columns == columns && a.rows == b.rows, "shapes differ")
        let factors = a.transposed  // [rows, r]
        let chunk = 64
        let (columns, rank) = (columns, a.rows)
        try elements.withUnsafeMutableBufferPointer { out in
            let out = out
            try execution.uncheckedParallelFor((rows + chunk - 1) / chunk) { index in
                var scaled = [Float](repeating: 0, count: rank)
                for row in index * chunk..<min((index + 1) * chunk, factors.rows) {
                    for i in 0..<rank { scaled[i] = scale * factors[row, i] }
                    caplet_add_row_sum(b.elements, columns, rank, scaled, out.baseAddress! + row * columns, columns)
                }
            }
        }
    }

    /// out ← op(self) · op(other), [m, n] row-major.
    private func multiply(
        by other: Matrix, _ orientation: Orientation, _ otherOrientation: Orientation, into out: UnsafeMutablePointer<Float>,
        _ execution: ExecutionContext
    ) throws {
        let (m, k) = orientation == .plain ? (rows, columns) : (columns, rows)
        let (k2, n) = otherOrientation == .plain ? (other.rows, other.columns) : (other.columns, other.rows)
        precondition(k == k2, "inner dimensions differ: \(k) and \(k2)")
        let (rowTiles, columnTiles) = (ProductTile.rows(m), ProductTile.columns(n))
        try elements.withUnsafeBufferPointer { a in
            try other.elements.withUnsafeBufferPointer { b in
                guard let a = a.baseAddress, let b = b.baseAddress else { return }
                try execution.uncheckedParallelFor(rowTiles.count * columnTiles.count) { index in
                    let (i, j) = (rowTiles[index / columnTiles.count], columnTiles[index % columnTiles.count])
                    sgemm(
                        orientation, otherOrientation, i.count, j.count, k, 1,
                        a + i.lowerBound * (orientation == .plain ? columns : 1), columns,
                        b + j.lowerBound * (otherOrientation == .plain ? 1 : other.columns), other.columns, 0,
                        out + i.lowerBound * n + j.lowerBound, n)
                }
            }
        }
    }

    /// tr(A·H·Aᵀ) for A [m, n] and a symmetric H [n, n]: about m·n² operations where A is tall, 2m·n² where it is wide and AᵀA would be larger
    /// than A·H.
    public func energy(in h: Matrix, _ execution: ExecutionContext) throws -> Double {
        precondition(h.rows == columns && h.columns == columns, "A has \(columns) columns, H is [\(h.rows), \(h.columns)]")
        func inner(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double { zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } }
        guard rows >= columns else { return inner(elements[...], try times(h, on: execution).elements[...]) }
        // Σ Hᵢⱼ (AᵀA)ᵢⱼ, what is above the diagonal twice.
        let gram = try gramUpperTriangle(.transposed, execution)
        return (0..<columns).reduce(0.0) { sum, i in
            let (row, end) = (i * columns, (i + 1) * columns)
            let diagonal = Double(h[i, i]) * Double(gram[i, i])
            return sum + diagonal + 2 * inner(h.elements[row + i + 1..<end], gram.elements[row + i + 1..<end])
        }
    }

    /// selfᵀ · self for `.transposed`, self · selfᵀ for `.plain`: the upper triangle, zeros below it. About n²·k operations for n rows of it.
    func gramUpperTriangle(_ orientation: Orientation, _ execution: ExecutionContext) throws -> Matrix {
        let (n, k) = orientation == .plain ? (rows, columns) : (columns, rows)
        var gram = Matrix(zeros: n, n)
        if n == 0 || k == 0 { return gram }
        try gram.elements.withUnsafeMutableBufferPointer { out in
            try elements.withUnsafeBufferPointer { a in
                guard let a = a.baseAddress, let out = out.baseAddress else { return }
                try SymmetricTiles(order: n, height: 512).setProducts(of: a, orientation, stride: columns, shared: k, to: out, execution)
            }
        }
        return gram
    }
}
