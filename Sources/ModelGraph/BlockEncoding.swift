import CKernels

/// What errors of a matrix's columns count, [matrices × columns]: one matrix, or several in one tensor, one after the other.
public struct ColumnWeights: Sendable {
    let values: [Float]
    let columns: Int

    /// - Returns: nil unless the values are those of whole matrices and above or equal to 0.
    public init?(_ values: [Float], columns: Int) {
        guard columns > 0, !values.isEmpty, values.count % columns == 0, values.allSatisfy({ $0 >= 0 && $0.isFinite }) else { return nil }
        self.values = values
        self.columns = columns
    }

    /// As llama.cpp has it: each value's weight is its column's, times √(the row's mean square + its own square).
    ///
    /// - Parameters:
    ///   - row: of the tensor, of `rows` in all.
    ///   - floats: of the row; `weights` room for as many.
    func weigh(row: Int, of rows: Int, _ floats: UnsafePointer<Float>, into weights: UnsafeMutablePointer<Float>) {
        let matrix = row * (values.count / columns) / max(rows, 1)
        let square = caplet_sum_squares(floats, columns) / Double(columns)
        for column in 0..<columns {
            let value = Float((square + Double(floats[column]) * Double(floats[column])).squareRoot())
            // Codecs want weights above 0.
            weights[column] = max(values[matrix * columns + column] * value, Float.leastNormalMagnitude * 0x1p20)
        }
    }
}

/// Floats that are encoded by rows when they are asked for.
struct BlockEncoding: Sendable {
    let payload: Payload
    /// For errors.
    let name: String

    /// Floats that are encoded at a time, a whole number of rows: they stay in the processor's second cache.
    private static let partElements = 1 << 16

    /// Rows of `bytesPerRow` bytes that `encode` makes of finite floats.
    ///
    /// - Throws, when rows are asked for: `GraphError.notFinite` for NaN and infinities; what `encode` throws.
    func rows(
        bytesPerRow: Int,
        _ encode: @escaping @Sendable (_ rows: Range<Int>, UnsafeBufferPointer<Float>, UnsafeMutablePointer<UInt8>) throws -> Void
    ) -> RowSource {
        let (payload, name) = (payload, name)
        let columns = payload.shape.columns
        return RowSource(
            rowCount: payload.shape.rows, bytesPerRow: bytesPerRow, isEncoder: true, makerByteCount: payload.openByteCount
        ) {
            let read = try payload.floatRows()
            let length = max(1, BlockEncoding.partElements / max(columns, 1))
            return { run, out in
                guard let out = out.baseAddress?.assumingMemoryBound(to: UInt8.self), !run.isEmpty else { return }
                let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(length, run.count) * columns)
                defer { values.deallocate() }
                guard let base = values.baseAddress else { return }
                for first in stride(from: run.lowerBound, to: run.upperBound, by: length) {
                    let part = first..<min(first + length, run.upperBound)
                    let count = part.count * columns
                    try read(part, base)
                    guard caplet_has_nonfinite(base, count) == 0 else { throw GraphError.notFinite("tensor '\(name)'") }
                    try encode(part, UnsafeBufferPointer(start: base, count: count), out + (first - run.lowerBound) * bytesPerRow)
                }
            }
        }
    }

    /// The rows as blocks of a codec.
    ///
    /// - Parameter weights: what errors of columns count; nil where all count alike.
    /// - Precondition: the codec encodes, and rows are whole blocks.
    /// - Throws, when rows are asked for, also `GraphError.notComputable` for values that overflow F16 scales.
    func rows(of codec: BlockCodec, weights: ColumnWeights? = nil) -> RowSource {
        guard let encode = codec.encode, payload.shape.columns % codec.elementsPerBlock == 0 else {
            preconditionFailure("\(payload.shape) cannot be encoded as \(codec.name)")
        }
        let (name, shape) = (name, payload.shape)
        return rows(bytesPerRow: shape.columns / codec.elementsPerBlock * codec.bytesPerBlock) { rows, values, out in
            guard let base = values.baseAddress else { return }
            if let weights, codec.rounding != nil, weights.columns == shape.columns {
                codec.encode(base, rows, of: shape.rows, weights, into: out)
            } else {
                encode(base, out, values.count)
            }
            guard codec.halvesAreFinite(out, blockCount: values.count / codec.elementsPerBlock) else {
                throw GraphError.notComputable("tensor '\(name)'", "values are too large for \(codec.name), whose scales are F16")
            }
        }
    }
}

extension BlockCodec {
    /// Blocks of whole rows of least weighted error.
    ///
    /// - Precondition: `rounding` is there.
    fileprivate func encode(
        _ values: UnsafePointer<Float>, _ rows: Range<Int>, of rowCount: Int, _ weights: ColumnWeights,
        into out: UnsafeMutablePointer<UInt8>
    ) {
        let columns = weights.columns, bytesPerRow = columns / elementsPerBlock * bytesPerBlock
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * columns) { room in
            guard let base = room.baseAddress else { return }
            for (index, row) in rows.enumerated() {
                let (floats, blocks) = (values + index * columns, out + index * bytesPerRow)
                weights.weigh(row: row, of: rowCount, floats, into: base)
                switch rounding {
                case .levels(let levels): levels.encode(floats, base, blocks, columns)
                case .points(let round):
                    (base + columns).update(from: floats, count: columns)
                    for at in stride(from: 0, to: columns, by: elementsPerBlock) {
                        let block = blocks + at / elementsPerBlock * bytesPerBlock
                        _ = round(base + columns + at, base + at, nil, 0, block, base + 2 * columns + at)
                    }
                case nil: return
                }
            }
        }
    }

    /// Whether the scales and minima of blocks are finite.
    func halvesAreFinite(_ blocks: UnsafePointer<UInt8>, blockCount: Int) -> Bool {
        for block in 0..<blockCount {
            // The high byte of a half has the sign, the exponent's five bits and two of the mantissa's.
            for half in halves where blocks[block * bytesPerBlock + half + 1] & 0x7C == 0x7C { return false }
        }
        return true
    }
}
