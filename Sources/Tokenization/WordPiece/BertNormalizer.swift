@_spi(_Unicode) import Swift

/// What BERT does to text before it cuts it into words.
public struct BertNormalizer: Sendable, Equatable {
    /// Drop control characters, and make every white space a plain one.
    public var cleansText = true
    /// Put spaces around CJK ideographs, which makes each a word.
    public var separatesIdeographs = true
    public var stripsAccents = true
    public var lowercases = true

    public init() {}

    /// The text with all of that done to it, in that order.
    func callAsFunction(_ text: String) -> [Unicode.Scalar] {
        var scalars = Array(text.unicodeScalars)
        if cleansText { scalars = scalars.compactMap(BertNormalizer.clean) }
        if separatesIdeographs {
            scalars = scalars.flatMap { BertNormalizer.isIdeograph($0) ? [" ", $0, " "] : [$0] }
        }
        if stripsAccents {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            scalars = String(view)._nfd.filter { $0.properties.generalCategory != .nonspacingMark }
        }
        if lowercases { scalars = scalars.flatMap { Array($0.properties.lowercaseMapping.unicodeScalars) } }
        return scalars
    }

    private static func clean(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        if scalar == "\t" || scalar == "\n" || scalar == "\r" || isSpace(scalar) { return " " }
        if scalar.value == 0 || scalar == "\u{FFFD}" { return nil }
        switch scalar.properties.generalCategory {
        case .control, .format, .unassigned, .privateUse, .surrogate: return nil
        default: return scalar
        }
    }

    static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

    /// ASCII signs, and all that Unicode calls punctuation.
    static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 33...47, 58...64, 91...96, 123...126: return true
        default: break
        }
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
            .otherPunctuation:
            return true
        default: return false
        }
    }

    /// The blocks of CJK ideographs; not kana or hangul, which are written with spaces or in words.
    private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
            0xF900...0xFAFF, 0x2F800...0x2FA1F:
            return true
        default: return false
        }
    }
}
