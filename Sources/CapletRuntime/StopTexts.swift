/// Ends a text, which comes in pieces, before the first of several texts that is whole in it, wherever the pieces end.
///
/// What may begin one of them is held back. Where two are whole at the same place, the longer one is taken.
struct StopTexts {
    private let stops: [[UInt8]]
    /// Bytes that were not given out.
    private var held: [UInt8] = []
    /// Whether one of them came; nothing follows.
    private(set) var isFound = false

    init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.sorted { $0.count > $1.count } }

    /// The text that is certain with this piece of it.
    mutating func add(_ text: String) -> String {
        guard !isFound else { return "" }
        guard !stops.isEmpty else { return text }
        for byte in text.utf8 {
            held.append(byte)
            if let stop = stops.first(where: { held.count >= $0.count && held.suffix($0.count).elementsEqual($0) }) {
                isFound = true
                held.removeLast(stop.count)
                return take(held.count)
            }
        }
        return take(held.count - beginningCount())
    }

    /// What is left at the end.
    mutating func finish() -> String { isFound ? "" : take(held.count) }

    private mutating func take(_ count: Int) -> String {
        defer { held.removeFirst(count) }
        return String(decoding: held[..<count], as: UTF8.self)
    }

    /// Bytes at the end that begin one of the texts, the most there are. They begin with a character's first byte, as the texts do.
    private func beginningCount() -> Int {
        let most = min(held.count, (stops.first?.count ?? 0) - 1)
        return stride(from: most, to: 0, by: -1).first { count in stops.contains { $0.starts(with: held.suffix(count)) } } ?? 0
    }
}
