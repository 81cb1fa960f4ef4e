/// Finds the word that a misspelt one was meant to be.
public enum Spelling {
    /// The nearest candidate: one that begins with or contains the word, or within a third of its length in edits.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        if word.count >= 3, let longer = candidates.first(where: { $0.hasPrefix(word) || $0.contains(word) }) { return longer }
        let measured = candidates.map { (candidate: $0, distance: distance(word, $0)) }
        guard let best = measured.min(by: { $0.distance < $1.distance }), best.distance <= max(1, word.count / 3) else { return nil }
        return best.candidate
    }

    /// "; did you mean 'x'?" or nothing.
    public static func question(_ candidate: String?) -> String { candidate.map { "; did you mean '\($0)'?" } ?? "" }

    /// Levenshtein distance.
    static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first), Array(second))
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let substitution = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
