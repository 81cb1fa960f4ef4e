import CKernels
import ModelGraph

/// Codes packed to the few bits that most of them need, with the rare others apart; see `caplet_packed_matrix`.
final class PackedTerm: RowTerm {
    /// Where the matrix's words and scales lie.
    private let arena: WeightArena
    private let matrix: UnsafeMutablePointer<caplet_packed_matrix>
    /// [columns], where columns have scales.
    private let columnScales: [Float]?
    /// Whether sums of the inputs of each group are needed.
    private let needsGroupSums: Bool
    private let columns: Int
    private let groups: Int
    private let level: caplet_vector_level

    /// - Throws: `GraphError.inconsistent` for codes and zero points that their bits do not hold, `.notFinite` for scales; what the
    ///   storage throws.
    init(_ tensor: QuantizedTensor, name: String, _ arena: WeightArena, level: caplet_vector_level = caplet_packed_level()) throws {
        let object = "tensor '\(name)'"
        self.arena = arena
        columns = tensor.shape.columns
        groups = tensor.groupsPerRow
        self.level = level
        columnScales = try tensor.columnScales.map { scales in
            let floats = try scales.floats()
            guard floats.allSatisfy(\.isFinite) else { throw GraphError.notFinite(object) }
            return floats
        }
        var packing = try CodePacker(tensor, object)
        let words = try packing.packWords(into: arena)
        let scales = try BlockedScales(tensor, object)
        let zeros = try packing.blockedZeros()
        needsGroupSums = zeros != nil || packing.centers.contains { $0 != 0 }
        let packed = caplet_packed_matrix(
            rows: tensor.shape.rows, columns: tensor.shape.columns, group_size: min(tensor.groupSize, max(tensor.shape.columns, 1)),
            groups: tensor.groupsPerRow, widths: try arena.copy(packing.widths), centers: try arena.copy(packing.centers),
            starts: try arena.copy(packing.starts), words: words, escape_starts: try arena.copy(packing.escapeStarts),
            escapes: try arena.copy(packing.escapes), scales: try scales.copy(to: arena), scale_kind: scales.kind,
            zeros: try zeros.map(arena.copy))
        matrix = .allocate(capacity: 1)
        matrix.initialize(to: packed)
    }

    deinit { matrix.deallocate() }

    private var isPrepared: Bool { columnScales != nil || needsGroupSums }

    func preparedCount(tokens: Int) -> Int {
        let isTiled = StoredRows.areTiled(tokens: tokens)
        guard isTiled || isPrepared else { return 0 }
        return inputCount(tokens: tokens) + (needsGroupSums ? tokens * groups : 0)
    }

    /// Floats of the inputs alone.
    private func inputCount(tokens: Int) -> Int {
        StoredRows.areTiled(tokens: tokens) ? caplet_packed_tiles_count(tokens, columns) : tokens * columns
    }

    /// Inputs, times the columns' scales where there are any, [tokens, columns] or in tiles; then the sums of each group of them [tokens,
    /// groups], if they are needed.
    func prepare(_ input: UnsafePointer<Float>, tokens: Int, into prepared: UnsafeMutablePointer<Float>) {
        let isTiled = StoredRows.areTiled(tokens: tokens)
        if isTiled {
            columnScales.withOptionalPointer { caplet_packed_tile_inputs(input, tokens, columns, $0, prepared) }
        } else {
            prepared.update(from: input, count: tokens * columns)
            columnScales?.withUnsafeBufferPointer { scales in
                for token in 0..<tokens {
                    for i in 0..<columns { prepared[token * columns + i] *= scales[i] }
                }
            }
        }
        guard needsGroupSums else { return }
        let sums = prepared + inputCount(tokens: tokens)
        if isTiled { return sumTiledGroups(prepared, tokens: tokens, into: sums) }
        sumGroups(prepared, tokens: tokens, into: sums)
    }

    private func columns(of group: Int) -> Range<Int> {
        let size = Int(matrix.pointee.group_size)
        return group * size..<min((group + 1) * size, columns)
    }

    private func sumGroups(_ inputs: UnsafePointer<Float>, tokens: Int, into sums: UnsafeMutablePointer<Float>) {
        for token in 0..<tokens {
            for group in 0..<groups {
                var sum: Float = 0
                for i in columns(of: group) { sum += inputs[token * columns + i] }
                sums[token * groups + group] = sum
            }
        }
    }

    private func sumTiledGroups(_ tiles: UnsafePointer<Float>, tokens: Int, into sums: UnsafeMutablePointer<Float>) {
        let width = Int(CAPLET_PACKED_TILE)
        for first in Swift.stride(from: 0, to: tokens, by: width) {
            for group in 0..<groups {
                var sum = SIMD16<Float>.zero
                for i in columns(of: group) {
                    sum += UnsafeRawPointer(tiles + first * columns + i * width).loadUnaligned(as: SIMD16<Float>.self)
                }
                for token in first..<min(first + width, tokens) { sums[token * groups + group] = sum[token - first] }
            }
        }
    }

    func add(_ rows: Range<Int>, of input: UnsafePointer<Float>, tokens: Int, to output: UnsafeMutablePointer<Float>, stride: Int) {
        guard columns > 0 else { return }
        let blocks = RowBlock.blocks(rows)
        let sums = needsGroupSums ? input + inputCount(tokens: tokens) : nil
        guard StoredRows.areTiled(tokens: tokens) else {
            return caplet_packed_product(
                level, matrix, blocks.lowerBound, blocks.upperBound, input, columns, sums, tokens, output, stride)
        }
        withVectorRoom(caplet_packed_tiles_room(tokens)) { room in
            caplet_packed_tiles_product(matrix, blocks.lowerBound, blocks.upperBound, input, sums, tokens, output, stride, room)
        }
    }

    func addRow(_ row: Int, to out: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { room in
            guard let values = room.baseAddress, columns > 0 else { return }
            caplet_packed_row(matrix, row, values)
            for i in 0..<columns { out[i] += columnScales.map { $0[i] * values[i] } ?? values[i] }
        }
    }
}

extension Optional where Wrapped == [Float] {
    /// Calls `body` with the first element's address; with nil where there is no array.
    fileprivate func withOptionalPointer(_ body: (UnsafePointer<Float>?) -> Void) {
        guard let array = self else { return body(nil) }
        array.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
