/// What patterns ask of a character: its general category as one bit of 30, and a bit each for white space and for letters of words.
struct CharacterTraits: OptionSet, Sendable {
    let rawValue: UInt32

    static let space = CharacterTraits(rawValue: 1 << 30)
    static let word = CharacterTraits(rawValue: 1 << 31)
    static let everyCategory = CharacterTraits(rawValue: 1 << 30 - 1)

    init(rawValue: UInt32) { self.rawValue = rawValue }

    init(_ category: Unicode.GeneralCategory) { rawValue = 1 << CharacterTraits.number(category) }

    init(of scalar: Unicode.Scalar) {
        let properties = scalar.properties
        var traits = CharacterTraits(properties.generalCategory)
        if properties.isWhitespace { traits.insert(.space) }
        let isWord = properties.isAlphabetic || !traits.isDisjoint(with: [.marks, .decimal, .connector])
        if isWord { traits.insert(.word) }
        self = traits
    }

    static let marks = CharacterTraits([.nonspacingMark, .spacingMark, .enclosingMark].map(CharacterTraits.init))
    static let decimal = CharacterTraits(.decimalNumber)
    static let connector = CharacterTraits(.connectorPunctuation)

    static let ascii: [CharacterTraits] = (0..<UInt8(128)).map { CharacterTraits(of: Unicode.Scalar($0)) }

    /// The traits of the characters up to U+FFFF, by their numbers; surrogates have none.
    static let table: [CharacterTraits] = (0...UInt32(0xFFFF)).map { value in
        Unicode.Scalar(value).map(CharacterTraits.init(of:)) ?? []
    }

    private static func number(_ category: Unicode.GeneralCategory) -> UInt32 {
        UInt32(order.firstIndex(of: category) ?? order.count - 1)
    }

    private static let order: [Unicode.GeneralCategory] = [
        .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
        .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber,
        .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
        .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol, .spaceSeparator, .lineSeparator,
        .paragraphSeparator, .control, .format, .surrogate, .privateUse, .unassigned,
    ]

    private static let names = [
        "lu", "ll", "lt", "lm", "lo", "mn", "mc", "me", "nd", "nl", "no", "pc", "pd", "ps", "pe", "pi", "pf", "po", "sm", "sc", "sk", "so",
        "zs", "zl", "zp", "cc", "cf", "cs", "co", "cn",
    ]

    private static let longNames = [
        "letter": "l", "mark": "m", "number": "n", "punctuation": "p", "symbol": "s", "separator": "z", "other": "c",
        "uppercaseletter": "lu", "lowercaseletter": "ll", "titlecaseletter": "lt", "modifierletter": "lm", "otherletter": "lo",
        "nonspacingmark": "mn", "spacingmark": "mc", "enclosingmark": "me", "decimalnumber": "nd", "letternumber": "nl",
        "othernumber": "no", "connectorpunctuation": "pc", "dashpunctuation": "pd", "control": "cc", "format": "cf",
    ]

    /// The traits that `\p{name}` asks for; nil where the name is no general category, nor one of the few others.
    init?(named name: String) {
        let plain = name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" }
        if plain == "whitespace" || plain == "space" { self = .space; return }
        if plain == "word" { self = .word; return }
        let short = CharacterTraits.longNames[plain] ?? plain
        guard (1...2).contains(short.utf8.count) else { return nil }
        let bits = CharacterTraits.names.enumerated().filter { $0.element.hasPrefix(short) }.map { UInt32(1) << UInt32($0.offset) }
        guard !bits.isEmpty else { return nil }
        rawValue = bits.reduce(0, |)
    }
}
