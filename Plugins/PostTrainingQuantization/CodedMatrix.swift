import CKernels
import Execution
import Glibc
import LinearAlgebra
import ModelGraph
import PassKit

/// A matrix that is rounded to codes for an entropy coder: the spacing of levels is `step` times a scale of the row's group and a scale
/// of the column, and errors are fed forward column by column.
///
/// For an error δ that costs ½ Σᵣ rows[r]·δᵣ H δᵣᵀ, with U upper triangular and H⁻¹ = UᵀU, rounding column j of row r after feeding
/// forward (GPTQ, Frantar et al. 2022, arXiv 2210.17323) costs ½ rows[r]·(eᵣⱼ/Uⱼⱼ)². At a given rate the sum is least when all terms
/// are equal, so levels are apart by step · Uⱼⱼ/√rows[r]: the reverse water-filling of rate–distortion theory, at high rate.
/// m·n² operations for feeding forward, n³ for U.
struct CodedMatrix {
    let values: Matrix
    /// Relative scales, [rows × groups].
    let rowScales: [Float]
    let groupSize: Int
    /// The smallest scales with which codes of a byte reach every value, [rows × groups].
    let leastScales: [Float]
    /// Relative scales, [columns]; nil where columns do not differ.
    let columnScales: [Float]?
    /// U [columns, columns]; nil where errors are not fed forward.
    let factor: Matrix?
    /// H [columns, columns]; nil where columns are alike.
    let inputs: Matrix?

    /// Columns whose errors are fed forward one by one; those of whole blocks go on as a matrix product.
    private static let blockSize = 128

    struct Rounded {
        let codes: [Int8]
        let scales: [Float]
        /// As they are stored: 8 … 15 eighths of powers of two, so that they cost few bits.
        let columnScales: [Float]?
        let histogram: CodeHistogram
    }

    /// - Parameters:
    ///   - step: what the relative scales are multiplied by.
    ///   - lengths: bits a code, at index code + 128; nil to round to nearest.
    ///   - lambda: squared steps that a bit is worth.
    func rounded(step: Double, lengths: [Float]?, lambda: Float, _ cancellation: Cancellation) throws -> Rounded {
        let (m, n) = (values.rows, values.columns)
        let groups = QuantizedTensor.groupsPerRow(columns: n, groupSize: groupSize)
        let scales = zip(rowScales, leastScales).map { CodedMatrix.bfloat16(max(Float(step) * $0, $1)) }
        let columns = columnScales.map { $0.map(CodedMatrix.storable) }
        var w = values
        var codes = [Int8](repeating: 0, count: m * n)
        var errors = [Float](repeating: 0, count: m * CodedMatrix.blockSize)
        let bits = lengths ?? [Float](repeating: 0, count: 256)
        var steps = [Float](repeating: 0, count: CodedMatrix.blockSize)
        for start in stride(from: 0, to: n, by: CodedMatrix.blockSize) {
            try cancellation.check()
            let width = min(CodedMatrix.blockSize, n - start)
            w.elements.withUnsafeMutableBufferPointer { w in
                codes.withUnsafeMutableBufferPointer { codes in
                    errors.withUnsafeMutableBufferPointer { errors in
                        for row in 0..<m {
                            for j in 0..<width {
                                steps[j] = scales[row * groups + (start + j) / groupSize] * (columns?[start + j] ?? 1)
                            }
                            let place = row * n + start
                            factor.withFactor(at: start * (n + 1)) { factor in
                                caplet_quantize_feedback(
                                    w.baseAddress! + place, steps, width, factor, n, bits, lengths == nil ? 0 : lambda,
                                    codes.baseAddress! + place, errors.baseAddress! + row * CodedMatrix.blockSize)
                            }
                        }
                    }
                }
            }
            let rest = start + width
            guard let factor, rest < n else { continue }
            w.elements.withUnsafeMutableBufferPointer { w in
                factor.elements.withUnsafeBufferPointer { u in
                    multiply(
                        m: m, n: n - rest, k: width, alpha: -1, errors, .plain, lda: CodedMatrix.blockSize,
                        u.baseAddress! + start * n + rest, .plain, ldb: n, beta: 1, into: w.baseAddress! + rest, ldc: n)
                }
            }
        }
        return Rounded(
            codes: codes, scales: unbiased(scales, columns, codes), columnScales: columns, histogram: CodeHistogram(codes))
    }

    /// The nearest float that BF16 holds, never 0.
    static func bfloat16(_ scale: Float) -> Float {
        max(Float(bitPattern: (scale.bitPattern + 0x8000) & 0xFFFF_0000), Float.leastNormalMagnitude)
    }

    /// The nearest float with three bits of mantissa, which BF16 holds: a step an eighth wider or narrower loses next to nothing.
    static func storable(_ scale: Float) -> Float {
        guard scale.isNormal else { return Float.leastNormalMagnitude }
        let unit = Float(sign: .plus, exponent: scale.exponent - 3, significand: 1)
        return max((scale / unit).rounded() * unit, Float.leastNormalMagnitude)
    }
}

extension Optional where Wrapped == Matrix {
    fileprivate func withFactor(at offset: Int, _ body: (UnsafePointer<Float>?) -> Void) {
        guard let matrix = self else { return body(nil) }
        matrix.elements.withUnsafeBufferPointer { body($0.baseAddress! + offset) }
    }
}
