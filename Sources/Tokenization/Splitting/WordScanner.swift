/// The classes of characters that the patterns tell apart.
enum CharacterClass: UInt8 {
    case letter, number, space, lineEnd, other

    init(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x0A, 0x0D: self = .lineEnd
        case 0x41...0x5A, 0x61...0x7A: self = .letter
        case 0x30...0x39: self = .number
        case 0x09...0x0D, 0x20: self = .space
        case 0..<0x80: self = .other
        default:
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
            case .decimalNumber, .letterNumber, .otherNumber: self = .number
            default: self = scalar.properties.isWhitespace ? .space : .other
            }
        }
    }

    var isSpace: Bool { self == .space || self == .lineEnd }
}

extension PreTokenizer {
    /// Cuts text into words with a scanner: the ends of all words in order, as positions in `scalars`.
    static func wordEnds(_ scalars: ArraySlice<Unicode.Scalar>, _ scanner: Scanner) -> [Int] {
        var ends: [Int] = []
        guard scanner == .smollm else {
            appendWordEnds(WordScanner(scalars), scanner, to: &ends)
            return ends
        }
        var start = scalars.startIndex
        for i in scalars.indices where CharacterClass(scalars[i]) == .number {
            appendWordEnds(WordScanner(scalars[start..<i]), scanner, to: &ends)
            ends.append(i + 1)
            start = i + 1
        }
        appendWordEnds(WordScanner(scalars[start...]), scanner, to: &ends)
        return ends
    }

    private static func appendWordEnds(_ words: WordScanner, _ scanner: Scanner, to ends: inout [Int]) {
        var position = words.start
        while position < words.end {
            switch scanner {
            case .gpt2, .smollm: position = words.gpt2WordEnd(at: position)
            case .llama3: position = words.modernWordEnd(at: position, digits: 3)
            case .qwen2: position = words.modernWordEnd(at: position, digits: 1)
            }
            ends.append(position)
        }
    }
}

/// Matches the patterns of the pre-tokenizers by hand, one alternative after the other.
struct WordScanner {
    private let scalars: ArraySlice<Unicode.Scalar>
    private let classes: [CharacterClass]
    var start: Int { scalars.startIndex }
    var end: Int { scalars.endIndex }

    init(_ scalars: ArraySlice<Unicode.Scalar>) {
        self.scalars = scalars
        classes = scalars.map(CharacterClass.init)
    }

    private func kind(_ i: Int) -> CharacterClass? { i < end ? classes[i - start] : nil }

    private func run(from i: Int, atMost limit: Int = .max, while belongs: (CharacterClass) -> Bool) -> Int {
        var j = i
        while j - i < limit, let kind = kind(j), belongs(kind) { j += 1 }
        return j
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    func gpt2WordEnd(at i: Int) -> Int {
        if let end = contractionEnd(at: i, anyCase: false) { return end }
        let first = scalars[i] == " " ? i + 1 : i
        switch kind(first) {
        case .letter: return run(from: first) { $0 == .letter }
        case .number: return run(from: first) { $0 == .number }
        case .other: return run(from: first) { $0 == .other }
        default: return spacesEnd(at: i)
        }
    }

    /// The pattern of Llama 3 and Qwen 2, which differ in how many digits go together.
    func modernWordEnd(at i: Int, digits: Int) -> Int {
        if let end = contractionEnd(at: i, anyCase: true) { return end }
        // [^\r\n\p{L}\p{N}]?\p{L}+
        if kind(i) == .letter { return run(from: i) { $0 == .letter } }
        if kind(i) == .space || kind(i) == .other, kind(i + 1) == .letter { return run(from: i + 1) { $0 == .letter } }
        if kind(i) == .number { return run(from: i, atMost: digits) { $0 == .number } }
        // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
        let first = scalars[i] == " " ? i + 1 : i
        if kind(first) == .other {
            return run(from: run(from: first) { $0 == .other }) { $0 == .lineEnd }
        }
        // \s*[\r\n]+ : up to and with the last line end of the white space
        let end = run(from: i) { $0.isSpace }
        if let last = (i..<end).last(where: { kind($0) == .lineEnd }) { return last + 1 }
        return spacesEnd(at: i)
    }

    /// `\s+(?!\S)|\s+`: all of the white space, less its last character where a word follows.
    private func spacesEnd(at i: Int) -> Int {
        let after = run(from: i) { $0.isSpace }
        return after < end && after - i > 1 ? after - 1 : after
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d`
    private func contractionEnd(at i: Int, anyCase: Bool) -> Int? {
        guard scalars[i] == "'", let first = letter(i + 1, anyCase) else { return nil }
        if "stmd".unicodeScalars.contains(first) { return i + 2 }
        guard let second = letter(i + 2, anyCase) else { return nil }
        switch (first, second) {
        case ("r", "e"), ("v", "e"), ("l", "l"): return i + 3
        default: return nil
        }
    }

    private func letter(_ i: Int, _ anyCase: Bool) -> Unicode.Scalar? {
        guard i < end else { return nil }
        let scalar = scalars[i]
        guard anyCase else { return scalar }
        if scalar == "\u{17F}" { return "s" }  // long s folds to s
        return (0x41...0x5A).contains(scalar.value) ? Unicode.Scalar(scalar.value + 32) : scalar
    }
}
