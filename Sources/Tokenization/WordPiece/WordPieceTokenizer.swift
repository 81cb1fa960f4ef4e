/// BERT's tokenizer: words by white space and punctuation, each cut from the left into the longest pieces that the vocabulary has.
///
/// A value without mutable state: the same text always gives the same ids, from any thread.
public struct WordPieceTokenizer: SentenceTokenizer, Sendable {
    /// The pieces in order of their ids.
    public let pieces: [String]
    public let normalizer: BertNormalizer
    /// [CLS] and [SEP], around a text.
    public let firstID: Int32?
    public let lastID: Int32?
    public internal(set) var layout: SentenceLayout
    public let unknownID: Int32
    public let maskID: Int32?
    /// By the bytes of the piece: what Unicode calls equal can be two pieces.
    private let ids: [[UInt8]: Int32]
    /// What the pieces inside a word begin with.
    private let continuation: String
    /// A word of more characters is unknown as a whole.
    private let longestWord: Int

    /// - Throws: `TokenizationError.inconsistent` for a piece that is there twice or an unknown token that is not.
    public init(
        pieces: [String], normalizer: BertNormalizer = BertNormalizer(), unknown: String = "[UNK]", first: String? = "[CLS]",
        last: String? = "[SEP]", continuation: String = "##", longestWord: Int = 100
    ) throws {
        var ids: [[UInt8]: Int32] = [:]
        for (id, piece) in pieces.enumerated() {
            guard ids.updateValue(Int32(id), forKey: Array(piece.utf8)) == nil else {
                throw TokenizationError.inconsistent(location: "vocabulary: piece \(id)", reason: "\"\(piece)\" is there already")
            }
        }
        func id(_ token: String) throws -> Int32 {
            guard let id = ids[Array(token.utf8)] else {
                throw TokenizationError.inconsistent(location: "vocabulary", reason: "\"\(token)\" is not in it")
            }
            return id
        }
        self.pieces = pieces
        self.normalizer = normalizer
        self.ids = ids
        self.continuation = continuation
        self.longestWord = longestWord
        unknownID = try id(unknown)
        firstID = try first.map(id)
        lastID = try last.map(id)
        maskID = ids[Array("[MASK]".utf8)]
        layout = SentenceLayout(first: firstID, last: lastID)
    }

    public var count: Int { pieces.count }

    func id(_ piece: String) -> Int32? { ids[Array(piece.utf8)] }

    public func piece(_ id: Int32) -> String? { pieces.indices.contains(Int(id)) ? pieces[Int(id)] : nil }

    public func encode(sentence: String) -> [Int32] { encode(sentence, addSpecial: false) }

    /// - Parameter addSpecial: put [CLS] before and [SEP] after the text, as far as there are such.
    public func encode(_ text: String, addSpecial: Bool = true) -> [Int32] {
        var found: [Int32] = []
        if addSpecial, let firstID { found.append(firstID) }
        for word in WordPieceTokenizer.words(normalizer(text)) { append(word, to: &found) }
        if addSpecial, let lastID { found.append(lastID) }
        return found
    }

    /// What white space separates, and each punctuation sign by itself.
    private static func words(_ scalars: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var start = scalars.startIndex
        for (index, scalar) in scalars.enumerated() {
            let isSign = BertNormalizer.isPunctuation(scalar)
            guard isSign || BertNormalizer.isSpace(scalar) else { continue }
            if start < index { words.append(scalars[start..<index]) }
            if isSign { words.append(scalars[index...index]) }
            start = index + 1
        }
        if start < scalars.endIndex { words.append(scalars[start...]) }
        return words
    }

    private func append(_ word: ArraySlice<Unicode.Scalar>, to found: inout [Int32]) {
        guard word.count <= longestWord else { return found.append(unknownID) }
        var parts: [Int32] = []
        var start = word.startIndex
        while start < word.endIndex {
            var end = word.endIndex
            var id: Int32?
            while end > start, id == nil {
                id = ids[spelling(word[start..<end], isInside: start > word.startIndex)]
                if id == nil { end -= 1 }
            }
            guard let id else { return found.append(unknownID) }
            parts.append(id)
            start = end
        }
        found += parts
    }

    private func spelling(_ part: ArraySlice<Unicode.Scalar>, isInside: Bool) -> [UInt8] {
        var view = String.UnicodeScalarView()
        if isInside { view.append(contentsOf: continuation.unicodeScalars) }
        view.append(contentsOf: part)
        return Array(String(view).utf8)
    }
}
