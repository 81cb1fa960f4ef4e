/// A table of at most 80 columns: names left, numbers right.
struct DemoTable {
    private var rows: [[String]]

    init(title: String, columns: [String]) { rows = [[title] + columns] }

    var isEmpty: Bool { rows.count == 1 }

    mutating func add(_ name: String, _ cells: [String]) { rows.append([name] + cells) }

    var lines: [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }
        return [lines[0], String(repeating: "-", count: lines[0].count)] + lines.dropFirst()
    }

    /// Thousands apart.
    static func grouped(_ value: Int) -> String {
        var digits = Array(String(value))
        var position = digits.count - 3
        while position > 0 {
            digits.insert(",", at: position)
            position -= 3
        }
        return String(digits)
    }
}
