import CKernels

/// Rounds a column of blocks, one in each of some rows: finds scales for what errors of earlier columns left, then codes one by one, with errors
/// fed forward (GPTQ, Frantar et al. 2022, arXiv 2210.17323).
public final class BlockRounder {
    /// What to round.
    public struct Column {
        /// The first element of the column of blocks in the first row, rows `stride` apart; errors that are fed forward change them.
        let values: UnsafeMutablePointer<Float>
        let stride: Int
        let rows: Int
        /// What an error of each element of a block counts while scales are looked for, above 0.
        let weights: UnsafePointer<Float>
        /// The square of an upper triangular matrix that belongs to the column, rows `factorStride` apart.
        let factor: UnsafePointer<Float>
        let factorStride: Int

        public init(
            values: UnsafeMutablePointer<Float>, stride: Int, rows: Int, weights: UnsafePointer<Float>, factor: UnsafePointer<Float>,
            factorStride: Int
        ) {
            (self.values, self.stride, self.rows) = (values, stride, rows)
            (self.weights, self.factor, self.factorStride) = (weights, factor, factorStride)
        }
    }

    private let codec: BlockCodec
    private let rounding: BlockRounding
    private let rows: Int
    private let values: UnsafeMutablePointer<Float>
    private let weights: UnsafeMutablePointer<Float>
    /// Of each element the distance of levels, and where they begin.
    private let steps: UnsafeMutablePointer<Float>
    private let offsets: UnsafeMutablePointer<Float>
    private let codes: UnsafeMutablePointer<UInt8>
    private let blocks: UnsafeMutablePointer<UInt8>

    /// - Parameter rows: that are rounded at a time, at most.
    /// - Precondition: codes of the codec are chosen one by one: it has a `rounding`.
    public init(_ codec: BlockCodec, rows: Int) {
        guard let rounding = codec.rounding else { preconditionFailure("\(codec.name) is not rounded code by code") }
        (self.codec, self.rounding, self.rows) = (codec, rounding, rows)
        let count = max(rows * codec.elementsPerBlock, 1)
        func floats() -> UnsafeMutablePointer<Float> {
            let floats = UnsafeMutablePointer<Float>.allocate(capacity: count)
            floats.initialize(repeating: 0, count: count)
            return floats
        }
        (values, weights, steps, offsets) = (floats(), floats(), floats(), floats())
        codes = .allocate(capacity: count)
        codes.initialize(repeating: 0, count: count)
        blocks = .allocate(capacity: max(rows * codec.bytesPerBlock, 1))
        blocks.initialize(repeating: 0, count: max(rows * codec.bytesPerBlock, 1))
    }

    deinit {
        for floats in [values, weights, steps, offsets] { floats.deallocate() }
        codes.deallocate()
        blocks.deallocate()
    }

    /// - Parameters:
    ///   - out: room for the first row's block, rows `outStride` bytes apart; nil where the error is all that is wanted.
    ///   - errors: become the errors over the factor's diagonal, [rows, elements of a block].
    ///   - costs: the sum of the squares of a row's errors is added for each row.
    /// - Returns: whether all scales are finite halves; nothing is rounded where they are not.
    public func round(
        _ column: Column, into out: UnsafeMutablePointer<UInt8>?, outStride: Int, errors: UnsafeMutablePointer<Float>,
        addingTo costs: UnsafeMutablePointer<Double>
    ) -> Bool {
        precondition(column.rows <= rows)
        let (size, bytes) = (codec.elementsPerBlock, codec.bytesPerBlock)
        for row in 0..<column.rows {
            (values + row * size).update(from: column.values + row * column.stride, count: size)
            (weights + row * size).update(from: column.weights, count: size)
        }
        rounding.encode(values, weights, blocks, column.rows * size)
        guard codec.halvesAreFinite(blocks, blockCount: column.rows) else { return false }
        findLevels(column.rows * size)
        for row in 0..<column.rows {
            costs[row] += withTable { table in
                caplet_round_to_levels(
                    column.values + row * column.stride, steps + row * size, offsets + row * size, table, Int32(rounding.top), size,
                    column.factor, column.factorStride, codes + row * size, errors + row * size)
            }
        }
        guard let out else { return true }
        rounding.put(codes, blocks, column.rows * size)
        for row in 0..<column.rows { (out + row * outStride).update(from: blocks + row * bytes, count: bytes) }
        return true
    }

    /// What levels begin at, and how far they are apart, by decoding the smallest and the largest code.
    private func findLevels(_ count: Int) {
        for (code, floats) in [(0, offsets), (rounding.top, steps)] {
            codes.update(repeating: UInt8(code), count: count)
            rounding.put(codes, blocks, count)
            codec.decode(blocks, floats, count)
        }
        let first = rounding.table?.first ?? 0, span = (rounding.table?.last ?? Float(rounding.top)) - first
        for i in 0..<count {
            steps[i] = (steps[i] - offsets[i]) / span
            offsets[i] -= steps[i] * first
        }
    }

    private func withTable<Result>(_ body: (UnsafePointer<Float>?) -> Result) -> Result {
        guard let table = rounding.table else { return body(nil) }
        return table.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
