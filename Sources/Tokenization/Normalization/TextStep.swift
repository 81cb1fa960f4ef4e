@_spi(_Unicode) import Swift

/// One of the things that are done to text before it is cut into pieces.
public enum TextStep: Sendable, Equatable {
    case compose, decompose
    /// NFKC and NFKD.
    case composeCompatibly, decomposeCompatibly
    case lowercase
    /// Marks are dropped.
    case stripMarks
    /// Text that is not empty begins with this.
    case prepend(String)
    case strip(left: Bool, right: Bool)
    /// The map of a tokenizer.json.
    case mapGraphemes(CharacterMap)
    /// The map of a SentencePiece model.
    case map(CharacterMap)
    case replace(String, with: String)
    case replaceMatches(Pattern, with: String)
    /// Runs of two and more spaces.
    case replaceSpaces(with: String)
    /// Runs of two and more white space characters, and each line end and tab, by a space.
    case joinWhiteSpace
    /// Leading, trailing and repeated spaces are dropped.
    case dropExtraSpaces

    /// The map, where this is the step of a SentencePiece model.
    var sentencePieceMap: CharacterMap? { if case .map(let map) = self { map } else { nil } }

    func apply(to text: [UInt8]) -> [UInt8] {
        switch self {
        case .compose: return composed(text)
        case .decompose: return decomposed(text)
        case .composeCompatibly: return composed(CompatibilityMappings.applied(to: decomposed(text)))
        case .decomposeCompatibly: return decomposed(CompatibilityMappings.applied(to: decomposed(text)))
        case .stripMarks: return TextStep.bytes(TextStep.scalars(text).filter { !TextStep.isMark($0) })
        case .prepend(let prefix): return text.isEmpty ? text : Array(prefix.utf8) + text
        case .lowercase: return TextStep.bytes(TextStep.scalars(text).flatMap { Array($0.properties.lowercaseMapping.unicodeScalars) })
        case .strip(let left, let right):
            var scalars = TextStep.scalars(text)[...]
            if left { scalars = scalars.drop { $0.properties.isWhitespace } }
            while right, let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
            return TextStep.bytes(scalars)
        case .mapGraphemes(let map): return map.graphemeMatches(text)
        case .map(let map): return map.longestMatches(text)
        case .replace(let pattern, let replacement): return text.replacing(Array(pattern.utf8), with: Array(replacement.utf8))
        case .replaceMatches(let pattern, let replacement): return TextStep.replacing(pattern, in: text, with: Array(replacement.utf8))
        case .replaceSpaces(let replacement):
            return TextStep.replacingRuns(text, by: Array(replacement.utf8)) {
                $0 == " "
            } isRun: {
                $0.count > 1
            }
        case .joinWhiteSpace:
            return TextStep.replacingRuns(text, by: [0x20]) {
                $0.properties.isWhitespace
            } isRun: {
                $0.count > 1 || "\n\r\t".unicodeScalars.contains($0[$0.startIndex])
            }
        case .dropExtraSpaces:
            let words = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
            return Array(words.joined(separator: [UInt8(ascii: " ")]))
        }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        [.nonspacingMark, .spacingMark, .enclosingMark].contains(scalar.properties.generalCategory)
    }

    private static func replacing(_ pattern: Pattern, in text: [UInt8], with replacement: [UInt8]) -> [UInt8] {
        let scalars = scalars(text)
        guard !scalars.isEmpty else { return text }
        var result: [UInt8] = []
        pattern.cut(scalars, [0..<scalars.count]) { cuts in
            for cut in cuts { result += cut.isMatch ? replacement : bytes(scalars[cut.range]) }
        }
        return result
    }

    private static func scalars(_ text: [UInt8]) -> [Unicode.Scalar] { Array(String(decoding: text, as: UTF8.self).unicodeScalars) }

    private static func bytes(_ scalars: some Sequence<Unicode.Scalar>) -> [UInt8] {
        scalars.flatMap { Array(UTF8.encode($0) ?? .init()) }
    }

    /// Replaces runs of characters that belong, where the run as a whole is one to replace.
    private static func replacingRuns(
        _ text: [UInt8], by replacement: [UInt8], belongs: (Unicode.Scalar) -> Bool, isRun: (ArraySlice<Unicode.Scalar>) -> Bool
    ) -> [UInt8] {
        let scalars = scalars(text)
        var result: [UInt8] = []
        var position = 0
        while position < scalars.count {
            var end = position
            while end < scalars.count, belongs(scalars[end]) { end += 1 }
            if end > position {
                result += isRun(scalars[position..<end]) ? replacement : bytes(scalars[position..<end])
            } else {
                end += 1
                result += bytes(scalars[position..<end])
            }
            position = end
        }
        return result
    }
}
