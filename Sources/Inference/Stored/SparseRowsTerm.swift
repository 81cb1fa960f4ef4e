import CKernels
import ModelGraph

/// Positions as bits, and the values at them as they are stored or packed.
final class SparseRowsTerm: RowTerm {
    private enum Values {
        case stored(UnsafeRawPointer, DType)
        case packed(CodeStream)
    }

    /// Where positions and values lie.
    private let arena: WeightArena
    private let words: UnsafePointer<UInt64>
    private let wordsPerRow: Int
    private let product: StoredRows
    private var columns: Int { product.columns }
    private let values: Values
    /// The first value of each block of rows, and the number of all.
    private let starts: UnsafePointer<Int>
    private let largestCount: Int
    private let level: caplet_vector_level

    /// Floats that a row's product may read beyond the last of its values.
    private static let slack = 16

    /// - Throws: `GraphError.inconsistent` for positions beyond the columns or of another number; for values as `CodeStream`; what the
    ///   storage throws.
    init(_ tensor: SparseTensor, name: String, _ arena: WeightArena, level: caplet_vector_level = caplet_packed_level()) throws {
        let pattern = tensor.pattern
        self.arena = arena
        self.level = level
        product = StoredRows(dtype: .f32, columns: pattern.columns)
        wordsPerRow = pattern.wordsPerRow
        words = try arena.copy(pattern.words).assumingMemoryBound(to: UInt64.self)
        var starts = [0]
        for first in stride(from: 0, to: pattern.rows, by: RowBlock.rows) {
            let rows = first..<min(first + RowBlock.rows, pattern.rows)
            try SparseRowsTerm.checkTails(words, rows, pattern)
            starts.append(starts[starts.count - 1] + caplet_set_bits(words + first * wordsPerRow, rows.count * wordsPerRow))
        }
        guard starts.last == pattern.nonZeroCount else {
            throw GraphError.inconsistent(
                "tensor '\(name)'", "\(starts.last ?? 0) positions are set, \(pattern.nonZeroCount) were declared")
        }
        largestCount = zip(starts.dropFirst(), starts).map { $0 - $1 }.max() ?? 0
        self.starts = try arena.copy(starts)
        values = try SparseRowsTerm.values(tensor.values, name: name, arena)
    }

    private static func checkTails(_ words: UnsafePointer<UInt64>, _ rows: Range<Int>, _ pattern: SparsePattern) throws {
        guard pattern.columns % 64 != 0 else { return }
        for row in rows where words[(row + 1) * pattern.wordsPerRow - 1] >> UInt64(pattern.columns % 64) != 0 {
            throw GraphError.inconsistent("sparse pattern", "row \(row) has bits beyond column \(pattern.columns)")
        }
    }

    private static func values(_ payload: Payload, name: String, _ arena: WeightArena) throws -> Values {
        if case .dense(let dense) = payload, [.f32, .f16, .bf16].contains(dense.dtype) {
            return .stored(try arena.copy(dense.bytes), dense.dtype)
        }
        if case .quantized(let tensor) = payload, let stream = try CodeStream(tensor, name: name, arena) { return .packed(stream) }
        return .stored(UnsafeRawPointer(try arena.copy(try payload.densifiedFloats())), .f32)
    }

    /// Floats of room for the values of a run of rows.
    private func roomCount(_ count: Int) -> Int {
        if case .packed(let stream) = values { return count + stream.slack + SparseRowsTerm.slack }
        return count + SparseRowsTerm.slack
    }

    func preparedCount(tokens: Int) -> Int { product.preparedCount(tokens: tokens) }

    func prepare(_ input: UnsafePointer<Float>, tokens: Int, into prepared: UnsafeMutablePointer<Float>) {
        product.prepare(input, tokens: tokens, into: prepared)
    }

    func add(_ rows: Range<Int>, of input: UnsafePointer<Float>, tokens: Int, to output: UnsafeMutablePointer<Float>, stride: Int) {
        if StoredRows.areTiled(tokens: tokens) { return addSpread(rows, of: input, tokens: tokens, to: output, stride: stride) }
        let size = roomCount(largestCount)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { room in
            guard let room = room.baseAddress else { return }
            room.update(repeating: 0, count: size)
            for block in RowBlock.blocks(rows) {
                let first = block * RowBlock.rows
                let kept = read(starts[block]..<starts[block + 1], into: room)
                _ = caplet_sparse_rows_product(
                    level, words + first * wordsPerRow, wordsPerRow, kept, min(RowBlock.rows, rows.upperBound - first), columns, input,
                    columns, tokens, output + first, stride)
            }
        }
    }

    /// The same of many tokens: values are spread to their places once for all of them.
    private func addSpread(
        _ rows: Range<Int>, of input: UnsafePointer<Float>, tokens: Int, to output: UnsafeMutablePointer<Float>, stride: Int
    ) {
        let size = roomCount(largestCount)
        withVectorRoom(RowBlock.rows * columns + size) { lines in
            let room = lines + RowBlock.rows * columns
            room.update(repeating: 0, count: size)
            for block in RowBlock.blocks(rows) {
                let first = block * RowBlock.rows
                let count = min(RowBlock.rows, rows.upperBound - first)
                var kept = UnsafePointer(read(starts[block]..<starts[block + 1], into: room))
                for row in 0..<count {
                    kept += caplet_sparse_expand_row(words + (first + row) * wordsPerRow, kept, lines + row * columns, columns)
                }
                product.add(lines, count: count, of: input, tokens: tokens, to: output + first, stride: stride)
            }
        }
    }

    func addRow(_ row: Int, to out: UnsafeMutablePointer<Float>) {
        let block = row / RowBlock.rows
        let bits = words + row * wordsPerRow
        let before = caplet_set_bits(words + block * RowBlock.rows * wordsPerRow, row % RowBlock.rows * wordsPerRow)
        let count = caplet_set_bits(bits, wordsPerRow)
        let start = starts[block] + before
        withUnsafeTemporaryAllocation(of: Float.self, capacity: columns + roomCount(count)) { room in
            guard let line = room.baseAddress else { return }
            _ = caplet_sparse_expand_row(bits, read(start..<start + count, into: line + columns), line, columns)
            for i in 0..<columns { out[i] += line[i] }
        }
    }

    /// Writes values as floats into room for them; returns where in it the first is.
    private func read(_ range: Range<Int>, into room: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        switch values {
        case .packed(let stream): return stream.read(range, into: room)
        case .stored(let base, .f16): caplet_f32_from_f16(base.assumingMemoryBound(to: UInt16.self) + range.lowerBound, room, range.count)
        case .stored(let base, .bf16): caplet_f32_from_bf16(base.assumingMemoryBound(to: UInt16.self) + range.lowerBound, room, range.count)
        case .stored(let base, _): room.update(from: base.assumingMemoryBound(to: Float.self) + range.lowerBound, count: range.count)
        }
        return room
    }
}
