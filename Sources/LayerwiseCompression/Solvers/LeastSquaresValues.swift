import Execution
import LinearAlgebra

/// The values of S [m, n] on a support that minimise tr((R − S) H (R − S)ᵀ): each row by itself solves S_Q H[Q, Q] = (R H)_Q on the places Q
/// that it has.
///
/// Rows go down from values that are near already: exactly, by the Cholesky factor of H[Q, Q] in |Q|³/3 operations, where that is less than
/// some steps of conjugate gradients cost (Golub and Van Loan, Matrix Computations, 11.3); else by these, 2n² operations a step, rows of a
/// tile in one product with H, until a step saves no more than a share of the row's own error.
struct LeastSquaresValues {
    /// H [n, n], positive definite.
    let h: Matrix
    let settings: SolverSettings.Values

    /// Whether |Q| places of a row are solved exactly.
    func isExact(places: Int) -> Bool {
        let (q, n) = (Double(places), Double(h.rows))
        return q * q * q / 3 <= Double(settings.usualSteps) * 2 * n * n
    }

    /// s ← values on the places where s is not zero.
    ///
    /// - Parameters:
    ///   - s: [m, n], values to start from.
    ///   - r: R [m, n].
    /// - Throws: `Cancelled`.
    func solve(_ s: inout Matrix, for r: Matrix, _ execution: ExecutionContext) throws {
        let (n, tiles) = (h.rows, RowTiles(rows: s.rows))
        try s.elements.withUnsafeMutableBufferPointer { s in
            try r.elements.withUnsafeBufferPointer { r in
                try h.elements.withUnsafeBufferPointer { h in
                    guard let s = s.baseAddress, let r = r.baseAddress, let h = h.baseAddress else { return }
                    try execution.uncheckedParallelFor(tiles.count) { index in
                        let (first, rows) = (tiles[index].lowerBound * n, tiles[index].count)
                        try withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * rows * n) { scratch in
                            guard let scratch = scratch.baseAddress else { return }
                            var tile = Tile(n: n, h: h, s: s + first, residual: scratch, direction: scratch + rows * n, rows: rows)
                            tile.begin(r + first)
                            for row in 0..<rows where isExact(places: tile.places[row].count) { tile.solveExactly(row) }
                            try tile.descend(settings, execution.cancellation)
                        }
                    }
                }
            }
        }
    }
}

/// Rows that are solved together.
private struct Tile {
    let n: Int
    let h: UnsafePointer<Float>
    /// [rows, n]
    let s: UnsafeMutablePointer<Float>
    /// (R − S) H on the support, 0 elsewhere, and the directions that are gone, a row for each that is not finished; after these room for
    /// as many products of directions with H.
    let residual, direction: UnsafeMutablePointer<Float>
    let rows: Int
    private var product: UnsafeMutablePointer<Float> { direction + rows * n }
    /// The support of each row.
    private(set) var places: [[Int32]] = []
    /// (R − S) H (R − S)ᵀ of each row.
    private var errors: [Double] = []
    /// Rows that are not finished.
    private var active: [Int] = []

    init(
        n: Int, h: UnsafePointer<Float>, s: UnsafeMutablePointer<Float>, residual: UnsafeMutablePointer<Float>,
        direction: UnsafeMutablePointer<Float>, rows: Int
    ) {
        (self.n, self.h, self.s, self.residual, self.direction, self.rows) = (n, h, s, residual, direction, rows)
    }

    /// Finds the supports and the first residuals.
    mutating func begin(_ r: UnsafePointer<Float>) {
        for i in 0..<rows * n { direction[i] = r[i] - s[i] }
        multiply(m: rows, n: n, k: n, direction, .plain, lda: n, h, .plain, ldb: n, into: product, ldc: n)
        residual.update(repeating: 0, count: rows * n)
        for row in 0..<rows {
            let own = s + row * n
            places.append((0..<Int32(n)).filter { own[Int($0)] != 0 })
            errors.append(inner(direction + row * n, product + row * n))
            for place in places[row] { residual[row * n + Int(place)] = product[row * n + Int(place)] }
        }
        direction.update(from: residual, count: rows * n)
        active = Array(0..<rows)
    }

    /// S ← S + residual · (H[Q, Q])⁻¹, which finishes the row where H[Q, Q] is positive definite.
    mutating func solveExactly(_ row: Int) {
        let (q, own) = (places[row], residual + row * n)
        let isSolved = withUnsafeTemporaryAllocation(of: Float.self, capacity: q.count * (q.count + 1)) { scratch -> Bool in
            guard let system = scratch.baseAddress else { return true }
            let right = system + q.count * q.count
            for (i, place) in q.enumerated() {
                right[i] = own[Int(place)]
                // The lower triangle in column-major order.
                let (column, row) = (system + i * q.count, h + Int(place) * n)
                for j in i..<q.count { column[j] = row[Int(q[j])] }
            }
            guard solvePositiveDefinite(system, order: q.count, right, count: 1) else { return false }
            for (i, place) in q.enumerated() { s[row * n + Int(place)] += right[i] }
            return true
        }
        if isSolved { active.removeAll { $0 == row } }
    }

    /// Conjugate gradients for the rows that are left. Rows of `residual` and `direction` are moved together as others finish.
    mutating func descend(_ settings: SolverSettings.Values, _ cancellation: Cancellation) throws {
        for (slot, row) in active.enumerated() { move(row, to: slot) }
        var squares = active.indices.map { inner(residual + $0 * n, residual + $0 * n) }
        for _ in 0..<settings.mostSteps where !active.isEmpty {
            try cancellation.check()
            multiply(m: active.count, n: n, k: n, direction, .plain, lda: n, h, .plain, ldb: n, into: product, ldc: n)
            var left: [Int] = []
            for slot in active.indices {
                let row = active[slot]
                let saved = step(slot, row, &squares[slot])
                errors[row] -= saved
                if saved > Double(settings.leastSaving) * errors[row] { left.append(slot) }
            }
            for (slot, old) in left.enumerated() { move(old, to: slot) }
            squares = left.map { squares[$0] }
            active = left.map { active[$0] }
        }
    }

    private func move(_ old: Int, to slot: Int) {
        if old == slot { return }
        (residual + slot * n).update(from: residual + old * n, count: n)
        (direction + slot * n).update(from: direction + old * n, count: n)
    }

    /// One step of a row, to the least error along its direction, and what it saves.
    ///
    /// - Parameter square: ‖residual‖², before and after.
    private func step(_ slot: Int, _ row: Int, _ square: inout Double) -> Double {
        let (residual, direction, product) = (residual + slot * n, direction + slot * n, product + slot * n)
        let curvature = inner(direction, product)
        guard curvature > 0, square > 0 else { return 0 }
        let (length, own) = (square / curvature, s + row * n)
        let scale = Float(length)
        for i in 0..<n { own[i] += scale * direction[i] }
        for place in places[row] { residual[Int(place)] -= scale * product[Int(place)] }
        let before = square
        square = inner(residual, residual)
        let turn = Float(square / before)
        for i in 0..<n { direction[i] = residual[i] + turn * direction[i] }
        return length * before
    }

    /// Summed in eight parts and these in double, so that the sum can be made several products at a time.
    private func inner(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Double {
        var sum = 0.0
        for first in stride(from: 0, to: n, by: 512) {
            let count = min(512, n - first)
            var part = SIMD16<Float>(repeating: 0)
            var i = first
            while i + 16 <= first + count {
                part +=
                    UnsafeRawPointer(a + i).loadUnaligned(as: SIMD16<Float>.self)
                    * UnsafeRawPointer(b + i).loadUnaligned(as: SIMD16<Float>.self)
                i += 16
            }
            sum += Double(part.sum())
            while i < first + count {
                sum += Double(a[i]) * Double(b[i])
                i += 1
            }
        }
        return sum
    }
}
