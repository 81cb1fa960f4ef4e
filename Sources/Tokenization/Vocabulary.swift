/// The pieces of a tokenizer and the rules for using them: what every file form of a tokenizer carries.
///
/// A value can be filled from `tokenizer.model`, `tokenizer.json` or GGUF's `tokenizer.ggml.*` keys, and written as
/// the first two. The position of a piece is its id. `Tokenizer(_:)` checks the whole; see `checkInvariants()`.
public struct Vocabulary: Sendable, Equatable {
    /// How text becomes pieces.
    public enum Kind: String, Sendable {
        /// SentencePiece BPE: the adjacent pair whose joint piece has the best score merges first; GGUF's `llama`.
        case sentencePieceBPE
        /// BPE over characters with ranked merges and byte fallback, as `tokenizer.json` spells SentencePiece.
        case mergesBPE
        /// BPE over bytes with ranked merges, word by word after a pre-tokenizer; GGUF's `gpt2`.
        case byteLevelBPE
    }

    /// Two pieces that join, by id; the position among `merges` is the rank.
    public struct Merge: Sendable, Hashable {
        public var left: Int32
        public var right: Int32

        public init(_ left: Int32, _ right: Int32) {
            self.left = left
            self.right = right
        }
    }

    /// Where a space is put that the text does not have; a segment is what lies between special tokens.
    public enum SpacePrefix: String, Sendable {
        case never
        /// Before the text, ahead of the search for user-defined pieces: SentencePiece's dummy prefix.
        case text
        /// Before the first segment, unless a special token comes first: `Metaspace` with `first`.
        case firstSegment
        /// Before each segment: llama.cpp, `Metaspace` with `always`, and the `Prepend` normalizer.
        case everySegment
    }

    /// What is done to text before all else.
    public enum Normalization: Sendable, Equatable {
        case none
        /// Unicode canonical composition.
        case nfc
        /// Several things, or others, in this order.
        case steps([TextStep])

        init(_ steps: [TextStep]) {
            self = steps.isEmpty ? .none : steps == [.compose] ? .nfc : .steps(steps)
        }

        /// What is more than NFC.
        var isSteps: Bool { if case .steps = self { true } else { false } }

        var steps: [TextStep] {
            switch self {
            case .none: []
            case .nfc: [.compose]
            case .steps(let steps): steps
            }
        }
    }

    public var kind: Kind
    /// The pieces in order of their ids.
    public var pieces: [Piece]
    /// Ranked merges, best first; empty in `.sentencePieceBPE`, where scores decide.
    public var merges: [Merge]
    public var bosID: Int32?
    public var eosID: Int32?
    public var unknownID: Int32?
    public var padID: Int32?
    /// Whether `Tokenizer.encode` with special tokens begins with BOS, ends with EOS.
    public var addsBOS: Bool
    public var addsEOS: Bool
    public var spacePrefix: SpacePrefix
    /// Whether the space prefix is put before a space too: SentencePiece does, `Metaspace` and `ByteLevel` do not.
    public var prefixesSpace: Bool
    /// Whether leading, trailing and repeated spaces are dropped (SentencePiece's `remove_extra_whitespaces`).
    public var removesExtraSpaces: Bool
    public var normalization: Normalization
    /// Whether a character that is no piece becomes its bytes' pieces; of no meaning in `.byteLevelBPE`.
    public var byteFallback: Bool
    /// How `.byteLevelBPE` cuts text into words; nil in the other kinds.
    public var preTokenizer: PreTokenizer?
    /// Whether a word that is a piece as a whole is taken without merging (`ignore_merges`).
    public var ignoresMerges: Bool

    /// Makes a vocabulary with the rules that are usual for its kind; every rule can be changed afterwards.
    public init(
        kind: Kind, pieces: [Piece], merges: [Merge] = [], bosID: Int32? = nil, eosID: Int32? = nil,
        unknownID: Int32? = nil, padID: Int32? = nil, addsBOS: Bool? = nil, addsEOS: Bool = false,
        spacePrefix: SpacePrefix? = nil, preTokenizer: PreTokenizer? = nil
    ) {
        self.kind = kind
        self.pieces = pieces
        self.merges = merges
        self.bosID = bosID
        self.eosID = eosID
        self.unknownID = unknownID
        self.padID = padID
        self.addsBOS = addsBOS ?? (kind != .byteLevelBPE && bosID != nil)
        self.addsEOS = addsEOS
        self.spacePrefix = spacePrefix ?? (kind == .byteLevelBPE ? .never : .everySegment)
        self.prefixesSpace = kind != .byteLevelBPE
        self.removesExtraSpaces = false
        self.normalization = .none
        self.byteFallback = kind != .byteLevelBPE
        self.preTokenizer = preTokenizer ?? (kind == .byteLevelBPE ? .gpt2 : nil)
        self.ignoresMerges = preTokenizer == .llama3
    }

    /// The number of pieces, unused ones included.
    public var count: Int { pieces.count }
}
