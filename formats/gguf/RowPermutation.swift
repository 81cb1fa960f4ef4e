import FormatKit
import ModelGraph

/// An order of a matrix's rows: row i of the result is row `sources[i]` of the matrix. Rows are bytes of any encoding.
struct RowPermutation: Equatable {
    let sources: [Int]

    /// What llama.cpp's converter does to query and key weights, `w.reshape(heads, 2, size/2, …).swapaxes(1, 2)`: the two
    /// halves of each head's rows are interleaved. Nil unless `rows` is heads of an even number of rows.
    init?(interleavingHalvesOf heads: Int, rows: Int) {
        guard heads > 0, rows > 0, rows % heads == 0, (rows / heads) % 2 == 0 else { return nil }
        let size = rows / heads
        sources = (0..<rows).map { row in
            let (head, place) = (row / size, row % size)
            return head * size + place % 2 * (size / 2) + place / 2
        }
    }

    /// From rows with each key head's queries, key and value together to all queries, all keys, all values. Nil for sizes that no tensor
    /// has.
    init?(ungroupingHeads heads: Int, keyHeads: Int, size: Int) {
        guard keyHeads > 0, size > 0, heads > 0, heads % keyHeads == 0, heads <= 1 << 16, size <= 1 << 16 else { return nil }
        let share = heads / keyHeads
        /// Rows of a head: in each group the queries come first, the key is `share`, the value `share` + 1.
        func rows(group: Int, place: Int) -> Range<Int> {
            let first = (group * (share + 2) + place) * size
            return first..<first + size
        }
        let queries = (0..<heads).flatMap { rows(group: $0 / share, place: $0 % share) }
        let keys = (0..<keyHeads).flatMap { rows(group: $0, place: share) }
        let values = (0..<keyHeads).flatMap { rows(group: $0, place: share + 1) }
        sources = queries + keys + values
    }

    private init(sources: [Int]) { self.sources = sources }

    /// The permutation that undoes this one.
    var inverse: RowPermutation {
        var inverse = [Int](repeating: 0, count: sources.count)
        for (row, source) in sources.enumerated() { inverse[source] = row }
        return RowPermutation(sources: inverse)
    }

    /// The same rows in the new order, made when they are asked for.
    ///
    /// - Throws: `GraphError.inconsistent` when the bytes are no whole number of rows.
    func apply(to bytes: any ByteSource) throws -> any ByteSource {
        guard !sources.isEmpty, bytes.byteCount % sources.count == 0 else {
            throw GraphError.inconsistent("row permutation", "\(bytes.byteCount) bytes are not \(sources.count) rows")
        }
        let sources = sources
        let width = bytes.byteCount / sources.count
        return RowSource(rowCount: sources.count, bytesPerRow: width, isEncoder: bytes.rows?.isEncoder ?? false) {
            let reader = try bytes.openRows(of: width)
            return { run, out in
                for (place, row) in run.enumerated() {
                    let target = UnsafeMutableRawBufferPointer(rebasing: out[place * width..<(place + 1) * width])
                    try reader.read(sources[row]..<sources[row] + 1, into: target)
                }
            }
        }
    }
}
