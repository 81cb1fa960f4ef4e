/// Splits W [m, n] into U·V of a rank and the largest entries of W − U·V, with column j weighed by the scale sⱼ of input j.
struct SpectralSplit {
    private let weight: [Float]
    private let rows: Int
    private let columns: Int
    private let scales: [Float]
    /// Orthonormal rows [r, n] that approach the leading right singular vectors of W·diag(s).
    private var basis: [[Float]] = []

    init(_ weight: [Float], rows: Int, columns: Int, scales: [Float]) {
        self.weight = weight
        self.rows = rows
        self.columns = columns
        self.scales = scales
    }

    /// One step of subspace iteration: B ← orthonormal rows of B·AᵀA with A = W·diag(s).
    mutating func iterate(rank: Int, seed: UInt64) {
        if basis.isEmpty { basis = orthonormal((0..<rank).map { start($0, seed) }) }
        basis = orthonormal(
            basis.map { row in
                var next = [Float](repeating: 0, count: columns)
                for (i, y) in product(row).enumerated() {
                    for j in 0..<columns { next[j] += y * weight[i * columns + j] * scales[j] }
                }
                return next
            })
    }

    /// U = A·Bᵀ [m, r] and V = B·diag(1/s) [r, n], so that U·V is A projected on the basis, scales taken out again.
    var factors: (u: [Float], v: [Float]) {
        let rank = basis.count
        var u = [Float](repeating: 0, count: rows * rank)
        for (k, row) in basis.enumerated() {
            for (i, y) in product(row).enumerated() { u[i * rank + k] = y }
        }
        return (u, basis.flatMap { row in zip(row, scales).map { $0 / $1 } })
    }

    /// W − U·V with all but the `count` entries of largest |entry|·sⱼ set to zero; of equal ones the first are kept.
    func largestRest(_ count: Int) -> [Float] {
        let (u, v) = factors
        let rank = basis.count
        var rest = weight
        for i in 0..<rows {
            for k in 0..<rank {
                let y = u[i * rank + k]
                for j in 0..<columns { rest[i * columns + j] -= y * v[k * columns + j] }
            }
        }
        let weighed = rest.indices.map { abs(rest[$0]) * scales[$0 % columns] }
        let order = weighed.indices.sorted { (weighed[$0], $1) > (weighed[$1], $0) }
        for index in order.dropFirst(count) { rest[index] = 0 }
        return rest
    }

    /// A·x [m].
    private func product(_ x: [Float]) -> [Float] {
        let scaled = zip(x, scales).map { $0 * $1 }
        return (0..<rows).map { i in
            var sum: Float = 0
            for j in 0..<columns { sum += weight[i * columns + j] * scaled[j] }
            return sum
        }
    }

    /// Rows made orthonormal one after the other; what is left of a dependent row is a unit vector.
    private func orthonormal(_ rows: [[Float]]) -> [[Float]] {
        var made: [[Float]] = []
        for (index, row) in rows.enumerated() {
            var rest = row
            // Twice is enough (Kahan): the first leaves rounding behind where rows were nearly dependent.
            for _ in 0..<2 {
                for other in made {
                    let along = zip(rest, other).reduce(Float(0)) { $0 + $1.0 * $1.1 }
                    for j in rest.indices { rest[j] -= along * other[j] }
                }
            }
            let length = rest.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
            made.append(length > 1e-20 ? rest.map { $0 / length } : rest.indices.map { $0 == index % columns ? 1 : 0 })
        }
        return made
    }

    /// Numbers in −1 … 1 that a row's index and the seed decide (splitmix64).
    private func start(_ row: Int, _ seed: UInt64) -> [Float] {
        (0..<columns).map { column in
            var x = seed &+ UInt64(row * columns + column + 1) &* 0x9E37_79B9_7F4A_7C15
            x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
            x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
            return Float((x ^ (x >> 31)) >> 40) / Float(1 << 23) - 1
        }
    }
}
