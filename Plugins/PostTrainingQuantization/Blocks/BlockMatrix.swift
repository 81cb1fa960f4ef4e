import CLibrary
import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// A matrix that is rounded to blocks of a codec, a column of blocks at a time: scales are found for what errors of earlier columns left, with
/// the weights that errors have, and errors are fed forward.
///
/// As in `CodedMatrix`, an error of eᵣⱼ costs ½ rows[r]·(eᵣⱼ/Uⱼⱼ)² when it is fed forward, with H⁻¹ = UᵀU. m·n² operations.
struct BlockMatrix {
    private let values: CodedValues
    private let shape: Shape
    /// What the rows' errors cost, each a factor.
    private let rowPrices: [Double]
    /// 1/Uⱼⱼ², their mean 1, [columns].
    private let columnWeights: [Float]
    /// U [columns, columns].
    private let factor: FloatBuffer
    private let name: String

    /// Rows from which on a sample of the tiles tells what a codec costs.
    private static let rowsToSample = 1024

    /// - Throws: `LinearAlgebraError` when the damped H is not positive definite; `GraphError.notFinite`; `ScratchError`.
    init(_ tensor: Tensor, curvature: WeightCurvature, _ execution: ExecutionContext) throws {
        name = tensor.name
        shape = tensor.shape
        values = try CodedValues(tensor.payload, name: tensor.name)
        // Looks for values that are no numbers.
        _ = try values.measure(groupSize: max(values.columns, 1), nil, execution)
        let settings = SolverSettings.single
        let made = try curvature.inputs.damped(settings.damping).upperCholeskyOfInverse(execution)
        let weights = (0..<values.columns).map { 1 / (Double(made[$0, $0]) * Double(made[$0, $0])) }
        let mean = weights.reduce(0, +) / Double(max(weights.count, 1))
        columnWeights = weights.map { max(CodedMatrix.finite($0 / mean), .leastNormalMagnitude) }
        rowPrices = curvature.rows
        factor = try FloatBuffer(copying: made.elements, execution.memory)
        factor.letGo()
    }

    /// Bytes in blocks of a codec; nil where rows are no whole blocks.
    func byteCount(_ codec: BlockCodec) -> Int? { codec.byteCount(shape) }

    /// What errors of blocks of a codec cost, in nats a token where that is what prices are in: of some of the rows for all where there are many.
    /// Infinite where scales are no finite halves.
    func cost(of codec: BlockCodec, _ execution: ExecutionContext) throws -> Double {
        let count = values.rows / Self.rowsToSample
        let stride = max(1, min(count, values.tiles.count))
        let found = try values.mapTiles(execution, every: stride) { rows, floats in
            (rows.count, try round(rows, floats, codec, execution, into: nil))
        }
        let seen = found.reduce(0) { $0 + $1.0 }
        return seen == 0 ? 0 : found.reduce(0.0) { $0 + $1.1 } * Double(values.rows) / Double(seen)
    }

    /// The tensor's values in blocks.
    ///
    /// - Throws: `GraphError.notComputable` for values that F16 scales do not reach; `ScratchError`.
    func blocks(_ codec: BlockCodec, _ execution: ExecutionContext) throws -> Payload {
        guard let byteCount = codec.byteCount(shape), values.rows > 0 else { preconditionFailure("\(name) has no blocks of \(codec.name)") }
        let bytesPerRow = byteCount / values.rows
        let bytes = try WorkingBytes(byteCount: byteCount, execution.memory)
        _ = try values.mapTiles(execution) { rows, floats in
            let out = bytes.base.assumingMemoryBound(to: UInt8.self) + rows.lowerBound * bytesPerRow
            guard try round(rows, floats, codec, execution, into: out).isFinite else {
                throw GraphError.notComputable("tensor '\(name)'", "values are too large for \(codec.name), whose scales are F16")
            }
        }
        bytes.letGo()
        factor.letGo()
        if codec == .q8_0 { return .quantized(try Q8_0Blocks.quantized(shape, blocks: bytes)) }
        return .blocks(try BlockTensor(codec, shape: shape, bytes: bytes))
    }

    /// Rounds some rows [rows, columns], which are changed. Returns the price of the errors.
    private func round(
        _ rows: Range<Int>, _ floats: UnsafeMutablePointer<Float>, _ codec: BlockCodec, _ execution: ExecutionContext,
        into out: UnsafeMutablePointer<UInt8>?
    ) throws -> Double {
        let (m, n, width) = (rows.count, values.columns, codec.elementsPerBlock)
        guard let u = factor.floats.baseAddress.map({ UnsafePointer($0) }) else { return 0 }
        let rounder = BlockRounder(codec, rows: m)
        var errors = [Float](repeating: 0, count: m * width)
        var costs = [Double](repeating: 0, count: m)
        let isFinite = try errors.withUnsafeMutableBufferPointer { errors in
            try costs.withUnsafeMutableBufferPointer { costs in
                try columnWeights.withUnsafeBufferPointer { weights in
                    guard let errors = errors.baseAddress, let costs = costs.baseAddress, let weights = weights.baseAddress else {
                        return true
                    }
                    for start in stride(from: 0, to: n, by: width) {
                        try execution.cancellation.check()
                        let column = BlockRounder.Column(
                            values: floats + start, stride: n, rows: m, weights: weights + start, factor: u + start * (n + 1),
                            factorStride: n)
                        let block = out.map { $0 + start / width * codec.bytesPerBlock }
                        guard
                            rounder.round(
                                column, into: block, outStride: n / width * codec.bytesPerBlock, errors: errors, addingTo: costs)
                        else { return false }
                        let rest = start + width
                        guard rest < n else { continue }
                        multiply(
                            m: m, n: n - rest, k: width, alpha: -1, errors, .plain, lda: width, u + start * n + rest, .plain, ldb: n,
                            beta: 1,
                            into: floats + rest, ldc: n)
                    }
                    return true
                }
            }
        }
        guard isFinite else { return .infinity }
        return rows.enumerated().reduce(0.0) { $0 + 0.5 * rowPrices[$1.element] * costs[$1.offset] }
    }
}
