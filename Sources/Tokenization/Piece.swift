/// One entry of a vocabulary: its text as the files spell it, its score and what it is for.
///
/// SentencePiece vocabularies spell a space `▁` and a raw byte `<0x0A>`; byte-level vocabularies spell every byte
/// as one character of GPT-2's alphabet, except in control and user-defined pieces, which are plain text.
public struct Piece: Sendable, Equatable {
    /// What a piece is for, numbered as in `tokenizer.ggml.token_type` and in SentencePiece's `Type`.
    public enum Role: Int32, Sendable, CaseIterable {
        case normal = 1, unknown, control, userDefined, unused, byte
    }

    /// White space beside a special token that the token swallows (`lstrip`, `rstrip` in `tokenizer.json`).
    public struct Stripping: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let before = Stripping(rawValue: 1)
        public static let after = Stripping(rawValue: 2)
    }

    /// How an added token is found in text (`single_word`, `normalized` in `tokenizer.json`).
    public struct Matching: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Only where no character of a word is beside it.
        public static let wholeWord = Matching(rawValue: 1)
        /// In the text that normalizers have changed, after all other tokens.
        public static let normalized = Matching(rawValue: 2)
    }

    public var text: String
    public var score: Float
    public var role: Role
    public var stripping: Stripping
    public var matching: Matching

    public init(_ text: String, score: Float = 0, role: Role = .normal, stripping: Stripping = [], matching: Matching = []) {
        self.text = text
        self.score = score
        self.role = role
        self.stripping = stripping
        self.matching = matching
    }

    /// The byte that a piece spelled `<0xHH>` stands for.
    public var byteValue: UInt8? { Piece.byteValue(of: text) }

    static func byteValue(of text: String) -> UInt8? {
        guard text.utf8.count == 6, text.hasPrefix("<0x"), text.hasSuffix(">") else { return nil }
        let digits = text.dropFirst(3).dropLast()
        return digits.utf8.contains(UInt8(ascii: "+")) ? nil : UInt8(digits, radix: 16)
    }

    /// The spelling of a byte piece: `<0x0A>` for 10.
    static func text(ofByte byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x" + (digits.utf8.count == 1 ? "0" : "") + digits + ">"
    }

    /// Equal by code units: Swift's `String` calls composed and decomposed spellings equal, a vocabulary does not.
    public static func == (left: Piece, right: Piece) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8) && left.score == right.score && left.role == right.role
            && left.stripping == right.stripping && left.matching == right.matching
    }
}
