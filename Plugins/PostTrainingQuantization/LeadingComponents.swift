import CLibrary
import Execution
import LinearAlgebra
import ModelGraph

/// The leading components of a matrix whose going makes the codes of what is left cheaper by more than they cost themselves.
///
/// In units of its steps a matrix [m, n] of mean square s² needs about ½ log₂(1 + 2πe·s²) bits a code. Without its r largest components
/// σ₁ … σᵣ, in the same units, s² is less by Σσᵢ² / mn, for r·(m + n) numbers that are stored beside the codes. n³ + m·n² operations for
/// the components of an m ≥ n matrix.
struct LeadingComponents {
    /// U [m, r] · V [r, n] as they are stored.
    let factors: LowRankTensor
    static let dtype = DType.bf16
    /// Bits of one of their numbers in the container, whose planes code them.
    private static let bitsPerNumber = 11.0
    /// More of the rank than this is no small part.
    private static let greatestShare = 8

    /// - Parameters:
    ///   - matrix: what is to be coded.
    ///   - step: what its relative scales are multiplied by.
    /// - Returns: nil where no component is worth its bytes, by the entropy of codes rounded to nearest.
    /// - Throws: `LinearAlgebraError`.
    init?(of matrix: CodedMatrix, step: Double, _ execution: ExecutionContext) throws {
        let (m, n) = (matrix.values.rows, matrix.values.columns)
        let rank = min(m, n) / LeadingComponents.greatestShare
        guard rank > 0, let columns = matrix.columnScales, matrix.rowScales.count == m else { return nil }
        let rows = matrix.rowScales.map { $0 * Float(step) }
        let values = try matrix.values.matrix(execution)
        let inSteps = LeadingComponents.scaled(values, rows, columns) { $0 / $1 }
        let triplets = try inSteps.leadingSingularTriplets(rank, execution)
        let best = LeadingComponents.bestRank(triplets.singularValues, energy: inSteps.squaredFrobeniusNorm, m, n)
        guard best > 0 else { return nil }
        let balanced = try LowRankTensor(triplets.prefix(best), dtype: .f32)
        let u = LeadingComponents.scaled(try balanced.u.densifiedMatrix(), rows, [Float](repeating: 1, count: best), *)
        let v = LeadingComponents.scaled(try balanced.v.densifiedMatrix(), [Float](repeating: 1, count: best), columns, *)
        factors = try LowRankTensor(
            u: .dense(DenseTensor(u, dtype: LeadingComponents.dtype)), v: .dense(DenseTensor(v, dtype: LeadingComponents.dtype)))
        let rest = values - (try factors.u.densifiedMatrix().times(factors.v.densifiedMatrix(), on: execution))
        let left = LeadingComponents.entropy(LeadingComponents.scaled(rest, rows, columns) { $0 / $1 })
        guard left + LeadingComponents.bits(of: factors) < LeadingComponents.entropy(inSteps) else { return nil }
    }

    /// Bits that factors take.
    static func bits(of factors: LowRankTensor) -> Double {
        bitsPerNumber * Double(factors.rank * (factors.shape.rows + factors.shape.columns))
    }

    /// The number of components that saves most.
    private static func bestRank(_ singularValues: [Float], energy: Double, _ m: Int, _ n: Int) -> Int {
        let count = Double(m * n)
        func bits(_ energy: Double) -> Double { count / 2 * log2(1 + 2 * Double.pi * M_E * max(energy, 0) / count) }
        var (left, best) = (energy, (rank: 0, bits: bits(energy)))
        for (index, sigma) in singularValues.enumerated() {
            left -= Double(sigma) * Double(sigma)
            let all = bits(left) + bitsPerNumber * Double((index + 1) * (m + n))
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

    private static func entropy(_ inSteps: Matrix) -> Double {
        CodeHistogram(inSteps.elements.map { Int8(max(-127, min(127, $0.rounded()))) }).entropy
    }
}
