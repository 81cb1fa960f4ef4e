/// The tokenizer of encoders whose pieces are merged from bytes: RoBERTa's, ModernBERT's.
public struct BytePairSentenceTokenizer: SentenceTokenizer, Sendable {
    private let tokenizer: Tokenizer
    public let layout: SentenceLayout
    public let firstID: Int32?
    public let lastID: Int32?
    public let maskID: Int32?

    private init(_ vocabulary: Vocabulary, _ layout: SentenceLayout?) throws {
        tokenizer = try Tokenizer(vocabulary)
        self.layout = layout ?? SentenceLayout(first: nil, last: nil)
        firstID = vocabulary.addsBOS ? vocabulary.bosID : nil
        lastID = vocabulary.addsEOS ? vocabulary.eosID : nil
        maskID = vocabulary.pieces.firstIndex { $0.text == "<mask>" || $0.text == "[MASK]" }.map(Int32.init)
    }

    /// Whether a tokenizer.json has a model of merges.
    public static func isModel(ofTokenizerJSON bytes: [UInt8]) -> Bool {
        (try? TokenizerJSONReader(bytes))?.model["type"]?.string == "BPE"
    }

    /// Reads a tokenizer.json whose model is BPE over bytes.
    ///
    /// - Throws: `TokenizationError` for a file that is malformed, or does to text what is not known here.
    public init(tokenizerJSON bytes: [UInt8]) throws {
        let reader = try TokenizerJSONReader(bytes)
        let vocabulary = try reader.vocabulary()
        let table = PieceTable(vocabulary.pieces) { _ in true }
        try self.init(vocabulary, try SentenceLayout(postProcessor: reader.root["post_processor"]) { table.id(of: $0) })
    }

    /// Reads RoBERTa's vocab.json and merges.txt.
    ///
    /// - Throws: `TokenizationError`, also for a vocabulary without `<s>` and `</s>`.
    public init(vocabularyJSON: [UInt8], mergesText: [UInt8], configuration: [UInt8]?) throws {
        var vocabulary = try Vocabulary(vocabularyJSON: vocabularyJSON, mergesText: mergesText, configuration: configuration)
        let table = PieceTable(vocabulary.pieces) { _ in true }
        guard let first = table.id(of: "<s>"), let last = table.id(of: "</s>") else {
            throw TokenizationError.inconsistent(location: "vocab.json", reason: "\"<s>\" or \"</s>\" is not in it")
        }
        (vocabulary.bosID, vocabulary.eosID, vocabulary.addsBOS, vocabulary.addsEOS) = (first, last, true, true)
        try self.init(vocabulary, SentenceLayout(likeRobertaFirst: first, last: last))
    }

    /// Pieces and merges, and what is done to text before them.
    public var vocabulary: Vocabulary { tokenizer.vocabulary }

    public var count: Int { tokenizer.vocabulary.pieces.count }

    public func piece(_ id: Int32) -> String? {
        let pieces = tokenizer.vocabulary.pieces
        return pieces.indices.contains(Int(id)) ? pieces[Int(id)].text : nil
    }

    public func encode(sentence: String) -> [Int32] { tokenizer.encode(sentence, addSpecial: false, parseSpecial: true) }
}
