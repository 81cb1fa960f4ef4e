/// How far words are from each other.
enum EditDistance {
    /// Insertions, deletions, replacements and swaps of two neighbours that make one word of the other, none of them changing a place
    /// twice (optimal string alignment).
    static func between(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first.unicodeScalars), Array(second.unicodeScalars))
        var rows = [Array(0...b.count)]
        for i in 1..<(a.count + 1) {
            var row = [i]
            for j in 1..<(b.count + 1) {
                var least = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { least = min(least, rows[i - 2][j - 2] + 1) }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }

    /// The nearest of `candidates`, the first of equal ones; nil where all of them are more than two edits away.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        candidates.map { (name: $0, distance: between(word, $0)) }.filter { $0.distance <= 2 }.min { $0.distance < $1.distance }?.name
    }
}
