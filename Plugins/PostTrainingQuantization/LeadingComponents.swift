import CLibrary
import Execution
import LinearAlgebra
import ModelGraph

/// The leading components of a matrix whose going makes the codes of what is left cheaper by more than they cost themselves.
///
/// In units of its steps a matrix [m, n] of mean square s² needs about ½ log₂(1 + 2πe·s²) bits a code. Without its r largest components
/// σ₁ … σᵣ, in the same units, s² is less by Σσᵢ² / mn, for r·(m + n) numbers that are stored beside the codes. Where that looks worth it both ways are
/// rounded, and what counts is the bits of their codes at equal error. n³ + m·n² operations for the components of an m ≥ n matrix, and some rounds of
/// a sample of its rows.
struct LeadingComponents {
    /// U [m, r] · V [r, n] as they are stored.
    let factors: LowRankTensor
    /// Two bits of mantissa: what rounding of factors leaves is coded with the rest, a half per cent of the components' energy.
    static let dtype = DType.f8E5M2
    /// Of a stored factor beside its numbers: the table of their coder, a frame, and what the manifest says of it.
    static let storageBits = 8 * 115.0
    /// Bits of one of their numbers, mostly.
    private static let usualBits = 5.5
    /// More of the rank than this is no small part.
    private static let greatestShare = 8

    /// - Parameters:
    ///   - matrix: what is to be coded.
    ///   - round: what it is rounded with; lengths of codes are found here.
    /// - Returns: nil where no component is worth its bytes.
    /// - Throws: `LinearAlgebraError`.
    init?(of matrix: CodedMatrix, _ round: CodedMatrix.Round, _ execution: ExecutionContext) throws {
        let (m, n) = (matrix.values.rows, matrix.values.columns)
        let rank = min(m, n) / LeadingComponents.greatestShare
        guard rank > 0, let columns = matrix.columnScales, matrix.rowScales.count == m else { return nil }
        let rows = matrix.rowScales.map { $0 * Float(round.step) }
        let inSteps = LeadingComponents.scaled(try matrix.values.matrix(execution), rows, columns) { $0 / $1 }
        let triplets = try inSteps.leadingSingularTriplets(rank, execution)
        let most = LeadingComponents.bestRank(triplets.singularValues, energy: inSteps.squaredFrobeniusNorm, m, n)
        guard most > 0 else { return nil }
        let settled = try matrix.settled(matrix.settled(round, execution), execution)
        let whole = try matrix.coded(settled, execution)
        var best: (factors: LowRankTensor, bits: Double)?
        for rank in sequence(first: 1, next: { $0 < most ? min(2 * $0, most) : nil }) {
            let factors = try LeadingComponents.factors(triplets.prefix(rank), rows, columns)
            let rest = try matrix.without(factors, execution)
            let codes = try rest.bits(rest.settled(settled, execution), leaving: whole.error, execution)
            let bits = codes + rest.values.leadingBits
            guard bits < best?.bits ?? whole.bits else { break }
            best = (factors, bits)
        }
        guard let best else { return nil }
        factors = best.factors
    }

    /// Components of a matrix in steps as factors of the matrix itself, the largest elements of each two as large as each other, but for a power of
    /// two: both are within the reach of their dtype.
    private static func factors(_ triplets: SingularTriplets, _ rows: [Float], _ columns: [Float]) throws -> LowRankTensor {
        let balanced = try LowRankTensor(triplets, dtype: .f32)
        let ones = [Float](repeating: 1, count: balanced.rank)
        var u = scaled(try balanced.u.densifiedMatrix(), rows, ones, *)
        var v = scaled(try balanced.v.densifiedMatrix(), ones, columns, *)
        for component in 0..<balanced.rank {
            let left = (0..<u.rows).reduce(Float.leastNormalMagnitude) { max($0, abs(u[$1, component])) }
            let right = (0..<v.columns).reduce(Float.leastNormalMagnitude) { max($0, abs(v[component, $1])) }
            let gain = exp2((0.5 * log2(right / left)).rounded())
            for row in 0..<u.rows { u[row, component] *= gain }
            for column in 0..<v.columns { v[component, column] /= gain }
        }
        return try LowRankTensor(u: .dense(DenseTensor(u, dtype: dtype)), v: .dense(DenseTensor(v, dtype: dtype)))
    }

    /// Bits of factors at order 0, and of storing them.
    static func bits(of factors: LowRankTensor) throws -> Double {
        try [factors.u, factors.v].reduce(0) { sum, factor in
            guard case .dense(let dense) = factor else { return sum }
            return sum + storageBits + (try dense.bytes.withUnsafeBytes { CodeHistogram($0.map { Int8(bitPattern: $0) }).entropy })
        }
    }

    /// The number of components that saves most, by their energy alone.
    private static func bestRank(_ singularValues: [Float], energy: Double, _ m: Int, _ n: Int) -> Int {
        let count = Double(m * n)
        func bits(_ energy: Double) -> Double { count / 2 * log2(1 + 2 * Double.pi * M_E * max(energy, 0) / count) }
        var (left, best) = (energy, (rank: 0, bits: bits(energy)))
        for (index, sigma) in singularValues.enumerated() {
            left -= Double(sigma) * Double(sigma)
            let all = bits(left) + usualBits * Double((index + 1) * (m + n))
            if all < best.bits { best = (index + 1, all) }
        }
        return best.rank
    }

    /// Each element combined with its row's scale times its column's.
    private static func scaled(_ matrix: Matrix, _ rows: [Float], _ columns: [Float], _ combine: (Float, Float) -> Float) -> Matrix {
        var made = matrix
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns { made[row, column] = combine(matrix[row, column], rows[row] * columns[column]) }
        }
        return made
    }
}
