import LinearAlgebra

extension Matrix {
    /// Standard normal entries.
    public static func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
        let numbers = CounterGenerator(seed: seed, stream: 0x7E57)
        return Matrix(rows: rows, columns: columns, elements: (0..<rows * columns).map { Float(numbers.normal(UInt64($0))) })
    }

    public static func identity(_ n: Int) -> Matrix {
        var matrix = Matrix(zeros: n, n)
        for i in 0..<n { matrix[i, i] = 1 }
        return matrix
    }

    /// A product of random factors: rank `rank`.
    public static func randomLowRank(_ rows: Int, _ columns: Int, rank: Int, seed: UInt64) -> Matrix {
        random(rows, rank, seed: seed).times(random(rank, columns, seed: seed &+ 1))
    }
}
