import CKernels
import CLibrary
import Execution
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
    let values: CodedValues
    /// Σ of the squares of the values.
    let squaredNorm: Double
    /// Relative scales, [rows × groups].
    let rowScales: [Float]
    let groupSize: Int
    /// The smallest scales with which codes of a byte reach every value, [rows × groups].
    let leastScales: [Float]
    /// Relative scales, [columns]; nil where columns do not differ.
    let columnScales: [Float]?
    /// Whether those are stored with all bits of BF16, and not with three of mantissa.
    let columnsAreFine: Bool
    /// U [columns, columns]; nil where errors are not fed forward.
    let factor: FloatBuffer?
    /// H [columns, columns]; nil where columns are alike.
    let inputs: FloatBuffer?

    /// Columns whose errors are fed forward one by one; those of whole blocks go on as a matrix product.
    private static let blockSize = 128

    struct Rounded {
        /// Bytes −127 … 127, row by row; nil where they were only counted.
        let codes: (any ByteSource)?
        let scales: [Float]
        /// As they are stored.
        let columnScales: [Float]?
        let histogram: CodeHistogram
        /// Of codes of a trellis.
        let indices: TrellisCounts?
        /// As `CodedMatrix.error`; 0 where it was not measured.
        var error = 0.0
    }

    /// What a round is made with.
    struct Round {
        /// What the relative scales are multiplied by.
        var step: Double
        /// Bits a code, at index code + 128; nil to round to nearest.
        var lengths: [Float]?
        /// Codes are levels of a trellis where a byte holds them at this step; nil for those of one quantiser.
        var trellisStep: Double?
        /// Of its indices, as `TrellisCounts.lengths`.
        var indexLengths: [Float]?
        /// Squared steps that a bit is worth.
        var lambda: Float
        /// Whether codes are kept, or only counted.
        var keepsCodes = true
        /// 1 for all rows, else one tile of them in so many, whose codes are counted and scales not made anew.
        var stride = 1
        /// Whether the error that codes leave is measured, with scales made anew.
        var measuresError = false
    }

    /// What a round made of a tile of rows.
    private struct Tile {
        let histogram: CodeHistogram
        let indices: TrellisCounts?
        let scales: [Float]
        let error: Double
    }

    /// Rows are rounded by themselves, some at a time, side by side.
    func rounded(_ round: Round, _ execution: ExecutionContext) throws -> Rounded {
        let (m, n) = (values.rows, values.columns)
        let groups = QuantizedTensor.groupsPerRow(columns: n, groupSize: groupSize)
        let isTrellis = round.trellisStep.map { fitsTrellis(step: $0) } ?? false
        let step = isTrellis ? round.step * CodedMatrix.trellisDistance : round.step
        let scales = zip(rowScales, leastScales).map { CodedMatrix.bfloat16(max(CodedMatrix.finite(step * Double($0)), $1)) }
        let columns = storableColumns
        let codes = round.keepsCodes ? try WorkingBytes(byteCount: m * n, execution.memory) : nil
        let parts = try values.mapTiles(execution, every: round.stride) { rows, original -> Tile in
            try execution.cancellation.check()
            let count = rows.count * n
            var made = [Int8](repeating: 0, count: count)
            let classes = isTrellis ? expectedClasses(original, rows, scales, columns) : nil
            var indices: TrellisCounts?
            try made.withUnsafeMutableBufferPointer { made in
                guard let out = made.baseAddress else { return }
                try feed(original, rows, scales, columns, round, groups, classes, into: out)
                if let classes {
                    var counts = TrellisCounts()
                    counts.add(out, classes, rows: rows.count, columns: n)
                    indices = counts
                }
                if let codes { (codes.base + rows.lowerBound * n).copyMemory(from: out, byteCount: count) }
            }
            guard round.stride == 1 || round.measuresError else {
                return Tile(histogram: CodeHistogram(made), indices: indices, scales: [], error: 0)
            }
            let some = unbiased(
                Array(scales[rows.lowerBound * groups..<rows.upperBound * groups]), columns, made, original, rows.count)
            return Tile(
                histogram: CodeHistogram(made), indices: indices, scales: some,
                error: round.measuresError ? error(some, columns, made, original, rows) : 0)
        }
        codes?.letGo()
        return Rounded(
            codes: codes, scales: round.stride == 1 ? parts.flatMap(\.scales) : scales,
            columnScales: columns,
            histogram: parts.reduce(into: CodeHistogram([])) { $0.add($1.histogram) },
            indices: isTrellis ? parts.reduce(into: TrellisCounts()) { sum, part in part.indices.map { sum.add($0) } } : nil,
            error: parts.reduce(0) { $0 + $1.error })
    }

    /// Rounds some rows [rows, columns] to codes.
    private func feed(
        _ original: UnsafePointer<Float>, _ rows: Range<Int>, _ scales: [Float], _ columns: [Float]?, _ round: Round, _ groups: Int,
        _ classes: [UInt8]?, into codes: UnsafeMutablePointer<Int8>
    ) throws {
        let (m, n) = (rows.count, values.columns)
        var w = Array(UnsafeBufferPointer(start: original, count: m * n))
        var errors = [Float](repeating: 0, count: m * CodedMatrix.blockSize)
        var steps = [Float](repeating: 0, count: CodedMatrix.blockSize)
        // Of the trellis, after the columns so far.
        var states = [Int32](repeating: 0, count: m)
        let bits = round.lengths ?? [Float](repeating: 0, count: 256)
        let u = factor.flatMap { UnsafePointer($0.floats.baseAddress) }
        w.withUnsafeMutableBufferPointer { w in
            errors.withUnsafeMutableBufferPointer { errors in
                guard let w = w.baseAddress, let errors = errors.baseAddress else { return }
                for start in stride(from: 0, to: n, by: CodedMatrix.blockSize) {
                    let width = min(CodedMatrix.blockSize, n - start)
                    for row in 0..<m {
                        for j in 0..<width {
                            let scale = scales[(rows.lowerBound + row) * groups + (start + j) / groupSize]
                            steps[j] = scale * (columns?[start + j] ?? 1)
                        }
                        let u = u.map { $0 + start * (n + 1) }
                        if let classes {
                            states[row] = trellis(
                                w + row * n + start, steps, width, u, classes, row * n + start, round, states[row],
                                codes + row * n + start, errors + row * CodedMatrix.blockSize)
                            continue
                        }
                        caplet_quantize_feedback(
                            w + row * n + start, steps, width, u, n, bits,
                            round.lengths == nil ? 0 : round.lambda,
                            codes + row * n + start, errors + row * CodedMatrix.blockSize)
                    }
                    let rest = start + width
                    guard let u, rest < n else { continue }
                    multiply(
                        m: m, n: n - rest, k: width, alpha: -1, errors, .plain, lda: CodedMatrix.blockSize, u + start * n + rest, .plain,
                        ldb: n,
                        beta: 1, into: w + rest, ldc: n)
                }
            }
        }
    }

    /// The nearest float that BF16 holds, never 0 and never infinite.
    static func bfloat16(_ scale: Float) -> Float {
        let bounded = min(max(scale, Float.leastNormalMagnitude), CodedMatrix.greatestScale)
        return Float(bitPattern: (bounded.bitPattern + 0x8000) & 0xFFFF_0000)
    }

    /// Half the largest power of two: what it is rounded to is a float.
    private static let greatestScale = Float(sign: .plus, exponent: 126, significand: 1)

    /// A positive number as a float, where floats end at the end of them.
    static func finite(_ number: Double) -> Float { number.isNaN ? 0 : Float(min(number, Double(greatestScale))) }

    /// The scales of columns as they are stored.
    var storableColumns: [Float]? { columnScales?.map { CodedMatrix.storable($0, isFine: columnsAreFine) } }

    /// The nearest float with three bits of mantissa, 8 … 15 eighths of a power of two, which costs few bits: a step an eighth wider or narrower
    /// loses next to nothing. Fine: the nearest that BF16 holds.
    static func storable(_ scale: Float, isFine: Bool) -> Float {
        if isFine { return bfloat16(scale) }
        guard scale.isNormal else { return Float.leastNormalMagnitude }
        let unit = Float(sign: .plus, exponent: scale.exponent - 3, significand: 1)
        return max((scale / unit).rounded() * unit, Float.leastNormalMagnitude)
    }
}
