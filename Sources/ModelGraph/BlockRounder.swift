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
    private let rowCapacity: Int
    private let values: UnsafeMutablePointer<Float>
    private let weights: UnsafeMutablePointer<Float>
    /// Of each element the distance of levels, and where they begin.
    private let steps: UnsafeMutablePointer<Float>
    private let offsets: UnsafeMutablePointer<Float>
    private let codes: UnsafeMutablePointer<UInt8>
    private let blocks: UnsafeMutablePointer<UInt8>

    /// - Parameter rows: that are rounded at a time, at most.
    /// - Precondition: the codec has a `rounding`.
    public init(_ codec: BlockCodec, rows: Int) {
        guard let rounding = codec.rounding else { preconditionFailure("blocks of \(codec.name) are not made") }
        (self.codec, self.rounding, rowCapacity) = (codec, rounding, rows)
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
        precondition(column.rows <= rowCapacity)
        let isFinite: Bool
        switch rounding {
        case .levels(let levels): isFinite = round(column, levels, errors, costs)
        case .points(let rounding): isFinite = round(column, rounding, errors, costs)
        }
        guard isFinite, let out else { return isFinite }
        let bytes = codec.bytesPerBlock
        for row in 0..<column.rows { (out + row * outStride).update(from: blocks + row * bytes, count: bytes) }
        return true
    }

    private func round(
        _ column: Column, _ rounding: BlockRounding.PointRounding, _ errors: UnsafeMutablePointer<Float>,
        _ costs: UnsafeMutablePointer<Double>
    ) -> Bool {
        for row in 0..<column.rows {
            costs[row] += rounding(
                column.values + row * column.stride, column.weights, column.factor, column.factorStride, blocks + row * codec.bytesPerBlock,
                errors + row * codec.elementsPerBlock)
        }
        return codec.halvesAreFinite(blocks, blockCount: column.rows)
    }

    private func round(
        _ column: Column, _ levels: BlockRounding.Levels, _ errors: UnsafeMutablePointer<Float>, _ costs: UnsafeMutablePointer<Double>
    ) -> Bool {
        let size = codec.elementsPerBlock
        for row in 0..<column.rows {
            (values + row * size).update(from: column.values + row * column.stride, count: size)
            (weights + row * size).update(from: column.weights, count: size)
        }
        levels.encode(values, weights, blocks, column.rows * size)
        guard codec.halvesAreFinite(blocks, blockCount: column.rows) else { return false }
        findLevels(levels, column.rows * size)
        for row in 0..<column.rows {
            costs[row] += withTable(levels.table) { table in
                caplet_round_to_levels(
                    column.values + row * column.stride, steps + row * size, offsets + row * size, table, Int32(levels.top), size,
                    column.factor, column.factorStride, codes + row * size, errors + row * size)
            }
        }
        levels.put(codes, blocks, column.rows * size)
        return true
    }

    /// What levels begin at, and how far they are apart, by decoding the smallest and the largest code.
    private func findLevels(_ levels: BlockRounding.Levels, _ count: Int) {
        for (code, floats) in [(0, offsets), (levels.top, steps)] {
            codes.update(repeating: UInt8(code), count: count)
            levels.put(codes, blocks, count)
            codec.decode(blocks, floats, count)
        }
        let first = levels.table?.first ?? 0, span = (levels.table?.last ?? Float(levels.top)) - first
        for i in 0..<count {
            steps[i] = (steps[i] - offsets[i]) / span
            offsets[i] -= steps[i] * first
        }
    }

    private func withTable<Result>(_ table: [Float]?, _ body: (UnsafePointer<Float>?) -> Result) -> Result {
        guard let table else { return body(nil) }
        return table.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
