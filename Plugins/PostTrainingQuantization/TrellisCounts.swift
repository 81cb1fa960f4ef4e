import CKernels
import CLibrary

/// How often each index of the two quantisers of a trellis occurs, by what its magnitude was expected to be: [quantiser][class][|k|].
struct TrellisCounts {
    private static let classes = CAPLET_TRELLIS_CLASSES
    private static let indices = CAPLET_TRELLIS_INDICES
    static let count = 2 * classes * indices

    private(set) var counts = [UInt32](repeating: 0, count: count)

    init() {}

    /// Of counts that were kept; nil for another number of them.
    init?(counts: [Double]?) {
        guard let counts, counts.count == Self.count else { return nil }
        self.counts = counts.map { UInt32(exactly: $0) ?? 0 }
    }

    /// Adds rows of codes, with the class of each.
    mutating func add(_ codes: UnsafePointer<Int8>, _ classes: UnsafePointer<UInt8>, rows: Int, columns: Int) {
        caplet_count_indices(codes, classes, rows * columns, columns, &counts)
    }

    /// Adds those of another.
    mutating func add(_ other: TrellisCounts) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
    }

    /// Bits of the codes, signs and all: what a coder needs that knows quantiser and class.
    var entropy: Double {
        rows.reduce(0.0) { sum, row in
            let total = Double(row.reduce(0) { $0 + Int($1) })
            return row.enumerated().reduce(sum) { sum, item in
                guard item.element > 0 else { return sum }
                return sum + Double(item.element) * ((item.offset > 0 ? 1 : 0) - log2(Double(item.element) / total))
            }
        }
    }

    /// Codes of a quantiser, whatever their class, that those of each class are mixed with.
    private static let commonCodes = 8.0

    /// Bits that such a coder gives each index; one that its quantiser does not have counts as half an occurrence.
    var lengths: [Float] {
        (0..<2).flatMap { quantiser -> [Float] in
            let own = rows[quantiser * Self.classes..<(quantiser + 1) * Self.classes]
            var common = [Double](repeating: 0.5, count: Self.indices)
            for row in own { for (index, count) in row.enumerated() { common[index] += Double(count) } }
            let all = common.reduce(0, +)
            return own.flatMap { row -> [Float] in
                let total = Double(row.reduce(0) { $0 + Int($1) }) + Self.commonCodes
                return row.enumerated().map { index, count in
                    let share = (Double(count) + Self.commonCodes * common[index] / all) / total
                    return Float((index > 0 ? 1 : 0) - log2(share))
                }
            }
        }
    }

    private var rows: [ArraySlice<UInt32>] {
        stride(from: 0, to: counts.count, by: Self.indices).map { counts[$0..<$0 + Self.indices] }
    }
}
