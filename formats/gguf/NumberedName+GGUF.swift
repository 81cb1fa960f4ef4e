import FormatKit

/// The names of a model's files when it is split: NAME-00002-of-00003.gguf.
extension NumberedName {
    /// UINT16 in `split.count`.
    static let maximumPartCount = 65535
    private static let ending = ".gguf"

    /// Nil for a path that is none of a part's.
    init?(ggufPath path: String) { self.init(path, ending: NumberedName.ending) }

    var ggufPath: String { text(ending: NumberedName.ending) }

    /// The names of all parts of an output at `path`.
    static func parts(ofGGUF path: String, count: Int) -> [NumberedName] {
        let stem = path.lowercased().hasSuffix(ending) ? String(path.dropLast(ending.count)) : path
        return (1...max(count, 1)).map { NumberedName(stem: stem, number: $0, count: count) }
    }
}
