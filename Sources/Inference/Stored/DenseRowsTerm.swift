import CKernels
import ModelGraph

/// Floats of 16 or 32 bits as they are stored, in a mapped file or in memory.
final class DenseRowsTerm: RowTerm {
    private enum Storage {
        /// Bytes that lie in a file or in memory of their own.
        case source(any ByteSource)
        case memory(UnsafeRawPointer, WeightArena)
    }

    private let storage: Storage
    private let product: StoredRows
    private var dtype: DType { product.dtype }
    private var columns: Int { product.columns }

    /// The term that keeps a tensor as it is stored, and the bytes that it keeps outside the arena.
    ///
    /// - Throws: `GraphError.notComputable` for dtypes that are only carried.
    static func term(_ tensor: DenseTensor, name: String, _ arena: WeightArena) throws -> (term: any RowTerm, bytesOutside: Int) {
        guard tensor.dtype.isComputable else {
            throw GraphError.notComputable("tensor '\(name)'", "\(tensor.dtype.rawValue) is carried as it is, not computed with")
        }
        if [.f32, .f16, .bf16].contains(tensor.dtype) {
            if tensor.bytes.isAddressable {
                return (DenseRowsTerm(.source(tensor.bytes), tensor.dtype, columns: tensor.shape.columns), tensor.byteCount)
            }
            return (DenseRowsTerm(.memory(try arena.copy(tensor.bytes), arena), tensor.dtype, columns: tensor.shape.columns), 0)
        }
        return (try DecodedRowsTerm(.dense(tensor.resident())), tensor.byteCount)
    }

    private init(_ storage: Storage, _ dtype: DType, columns: Int) {
        self.storage = storage
        product = StoredRows(dtype: dtype, columns: columns)
    }

    func preparedCount(tokens: Int) -> Int { product.preparedCount(tokens: tokens) }

    func prepare(_ input: UnsafePointer<Float>, tokens: Int, into prepared: UnsafeMutablePointer<Float>) {
        product.prepare(input, tokens: tokens, into: prepared)
    }

    func add(_ rows: Range<Int>, of input: UnsafePointer<Float>, tokens: Int, to output: UnsafeMutablePointer<Float>, stride: Int) {
        withRows(rows) { weights in
            product.add(weights, count: rows.count, of: input, tokens: tokens, to: output + rows.lowerBound, stride: stride)
        }
    }

    func addRow(_ row: Int, to out: UnsafeMutablePointer<Float>) {
        withRows(row..<row + 1) { stored in
            for i in 0..<columns {
                switch dtype {
                case .f16: out[i] += Float(stored.loadUnaligned(fromByteOffset: i * 2, as: Float16.self))
                case .bf16: out[i] += Float(bitPattern: UInt32(stored.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)) << 16)
                default: out[i] += stored.loadUnaligned(fromByteOffset: i * 4, as: Float.self)
                }
            }
        }
    }

    /// Calls `body` with the first byte of the rows.
    private func withRows(_ rows: Range<Int>, _ body: (UnsafeRawPointer) -> Void) {
        let offset = rows.lowerBound * columns * dtype.byteWidth
        switch storage {
        case .memory(let base, let arena): withExtendedLifetime(arena) { body(base + offset) }
        case .source(let source):
            // Bytes that lie in memory are there.
            try? source.withUnsafeBytes { bytes in
                if let base = bytes.baseAddress { body(base + offset) }
            }
        }
    }
}

/// Rows that become floats when they are asked for: blocks of GGUF's types, 8-bit floats, doubles.
final class DecodedRowsTerm: RowTerm {
    private let read: FloatRowReader
    private let product: StoredRows
    private var columns: Int { product.columns }
    /// Rows that are decoded at a time: whole tiles of them.
    private let rowsAtOnce: Int

    private static let floatsAtOnce = 1 << 14

    /// - Parameter payload: one whose bytes are resident.
    /// - Throws: what the payload's storage throws.
    init(_ payload: Payload) throws {
        read = try payload.floatRows()
        product = StoredRows(dtype: .f32, columns: payload.shape.columns)
        let rows = DecodedRowsTerm.floatsAtOnce / max(payload.shape.columns, 1)
        rowsAtOnce = max(1, rows / Int(CAPLET_TILE_ROWS)) * Int(CAPLET_TILE_ROWS)
    }

    func preparedCount(tokens: Int) -> Int { product.preparedCount(tokens: tokens) }

    func prepare(_ input: UnsafePointer<Float>, tokens: Int, into prepared: UnsafeMutablePointer<Float>) {
        product.prepare(input, tokens: tokens, into: prepared)
    }

    func add(_ rows: Range<Int>, of input: UnsafePointer<Float>, tokens: Int, to output: UnsafeMutablePointer<Float>, stride: Int) {
        withVectorRoom(min(rowsAtOnce, rows.count) * columns) { values in
            for first in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: rowsAtOnce) {
                let part = first..<min(first + rowsAtOnce, rows.upperBound)
                decode(part, into: values)
                product.add(values, count: part.count, of: input, tokens: tokens, to: output + first, stride: stride)
            }
        }
    }

    func addRow(_ row: Int, to out: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { room in
            guard let values = room.baseAddress else { return }
            decode(row..<row + 1, into: values)
            for i in 0..<columns { out[i] += values[i] }
        }
    }

    /// Rows that could not be had are no numbers, which whoever looks at the logits refuses.
    private func decode(_ rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
        do { try read(rows, values) } catch { values.update(repeating: .nan, count: rows.count * columns) }
    }
}
