/// Rows of cells in aligned columns; numbers right, words left.
struct TextTable {
    private var rows: [[String]]
    private let rightAligned: Set<Int>

    /// - Parameter rightAligned: columns to align to the right, counted from 0.
    init(header: [String], rightAligned: Set<Int>) {
        rows = [header]
        self.rightAligned = rightAligned
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// Columns are at most so wide; a longer cell pushes the rest of its own row to the right, and no other's.
    private static let maximumWidth = 200

    /// The lines, the header underlined.
    var lines: [String] {
        var widths = [Int](repeating: 0, count: rows.map(\.count).max() ?? 0)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], min(width(of: cell), TextTable.maximumWidth)) }
        }
        var lines = rows.map { line($0, widths) }
        lines.insert(String(repeating: "-", count: widths.reduce(0, +) + 2 * max(widths.count - 1, 0)), at: 1)
        return lines
    }

    private func line(_ row: [String], _ widths: [Int]) -> String {
        var line: [UInt8] = []
        // Spaces that wait for a cell to follow them: no line ends in any.
        var spaces = 0
        for (column, cell) in row.enumerated() {
            let padding = max(widths[column] - width(of: cell), 0)
            if rightAligned.contains(column) { spaces += padding }
            if !cell.isEmpty {
                line.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))
                line.append(contentsOf: cell.utf8)
                spaces = 0
            }
            spaces += (rightAligned.contains(column) ? 0 : padding) + 2
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Characters, which are bytes in ASCII.
    private func width(of cell: String) -> Int { cell.utf8.allSatisfy { $0 < 0x80 } ? cell.utf8.count : cell.count }
}
