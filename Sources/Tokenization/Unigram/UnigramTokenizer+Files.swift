import StrictJSON

extension UnigramTokenizer {
    /// Whether a tokenizer.json has a unigram model.
    public static func isModel(ofTokenizerJSON bytes: [UInt8]) -> Bool {
        (try? TokenizerJSONReader(bytes))?.model["type"]?.string == "Unigram"
    }

    /// Whether a SentencePiece model is a unigram model.
    public static func isModel(sentencePieceModel bytes: [UInt8]) -> Bool { (try? SentencePieceModel(bytes))?.modelType == 1 }

    /// Reads a tokenizer.json whose model is Unigram.
    ///
    /// - Throws: `TokenizationError` for a file that is malformed, or does to text what is not known here.
    public init(tokenizerJSON bytes: [UInt8]) throws {
        let reader = try TokenizerJSONReader(bytes)
        let type = reader.model["type"]?.string
        guard type == "Unigram" else { throw TokenizerJSONReader.unsupported("model.type", type ?? "a model without type") }
        let pieces = try UnigramTokenizer.pieces(reader)
        guard let unknown = reader.model["unk_id"]?.int32, pieces.indices.contains(Int(unknown)) else {
            throw TokenizerJSONReader.malformed("model.unk_id", "it is missing, or no id of a piece")
        }
        let around = try WordPieceTokenizer.special(reader.root["post_processor"])
        func id(_ name: String?) throws -> Int32? {
            guard let name else { return nil }
            guard let id = pieces.firstIndex(where: { $0.text.utf8.elementsEqual(name.utf8) }) else {
                throw TokenizerJSONReader.malformed("post_processor", "\"\(name)\" is not in the vocabulary")
            }
            return Int32(id)
        }
        try self.init(
            pieces: pieces, unknownID: unknown, around: (try id(around.first), try id(around.last)),
            steps: try TextStep.steps(reader.root["normalizer"]), spaces: try UnigramTokenizer.spaces(reader.root["pre_tokenizer"]),
            byteFallback: reader.model["byte_fallback"]?.bool ?? false, isSentencePiece: false)
        if let found = try SentenceLayout(postProcessor: reader.root["post_processor"], { try? id($0) }) { layout = found }
    }

    /// model.vocab, pairs of a piece and its score, with added tokens over it and behind it.
    private static func pieces(_ reader: TokenizerJSONReader) throws -> [Piece] {
        guard let entries = reader.model["vocab"]?.array, entries.count <= Vocabulary.maximumCount else {
            throw TokenizerJSONReader.malformed("model.vocab", "it is missing, no array or too long")
        }
        var pieces = try entries.enumerated().map { index, entry in
            guard let pair = entry.array, pair.count == 2, let text = pair[0].string, let score = pair[1].number else {
                throw TokenizerJSONReader.malformed("model.vocab[\(index)]", "it is no pair of a piece and its score")
            }
            return Piece(text, score: Float(score))
        }
        for token in try reader.addedTokens() {
            guard token.id >= 0, Int(token.id) <= pieces.count else {
                throw TokenizerJSONReader.malformed("added_tokens", "id \(token.id) leaves a gap after \(pieces.count) pieces")
            }
            if Int(token.id) == pieces.count {
                pieces.append(token.piece)
            } else {
                pieces[Int(token.id)].role = token.piece.role
                pieces[Int(token.id)].stripping = token.piece.stripping
                pieces[Int(token.id)].matching = token.piece.matching
            }
        }
        return pieces
    }

    private static func spaces(_ preTokenizer: JSONValue?) throws -> Spaces {
        var spaces = Spaces()
        var hasMetaspace = false
        for step in TextSplitting.steps(preTokenizer, "pretokenizers") {
            let type = step["type"]?.string ?? "a pre-tokenizer without type"
            switch type {
            case "WhitespaceSplit" where !hasMetaspace: spaces.dropsWhiteSpace = true
            case "Metaspace" where !hasMetaspace && step["replacement"]?.string == "▁":
                hasMetaspace = true
                spaces.cutsWords = step["split"]?.bool ?? true
                switch step["prepend_scheme"]?.string ?? (step["add_prefix_space"]?.bool == false ? "never" : "always") {
                case "always": spaces.prefix = .everySegment
                case "first": spaces.prefix = .firstSegment
                case "never": spaces.prefix = .never
                case let scheme: throw TokenizerJSONReader.unsupported("pre_tokenizer.prepend_scheme", scheme)
                }
            default: throw TokenizerJSONReader.unsupported("pre_tokenizer", type)
            }
        }
        guard hasMetaspace else { throw TokenizerJSONReader.unsupported("pre_tokenizer", "a unigram model without Metaspace") }
        return spaces
    }

    /// Reads a SentencePiece model of the unigram kind (spm.model, spiece.model, tokenizer.model).
    ///
    /// - Parameters:
    ///   - around: the tokens that go around a sentence, where the model has such pieces.
    ///   - added: tokens behind the model's own pieces.
    /// - Throws: `TokenizationError`.
    public init(sentencePieceModel bytes: [UInt8], around: (first: String, last: String), added: [String] = []) throws {
        let model = try SentencePieceModel(bytes)
        guard model.modelType == 1 else {
            throw TokenizationError.unsupported(location: SentencePieceModel.location, feature: "model type \(model.modelType)")
        }
        guard !model.treatsSpaceAsSuffix, model.escapesSpaces else {
            throw TokenizationError.unsupported(location: SentencePieceModel.location, feature: "a space that is no ▁ before its word")
        }
        let missing = added.filter { text in !model.pieces.contains { $0.text == text } }
        let pieces = model.pieces + missing.map { Piece($0, role: .control) }
        guard let unknown = pieces.firstIndex(where: { $0.role == .unknown }) else {
            throw TokenizationError.malformed(location: SentencePieceModel.location, reason: "it has no unknown piece")
        }
        func id(_ text: String) -> Int32? { pieces.firstIndex { $0.text == text }.map(Int32.init) }
        var steps: [TextStep] = []
        if let map = model.characterMap { steps.append(.map(map)) }
        if model.removesExtraSpaces { steps.append(.dropExtraSpaces) }
        try self.init(
            pieces: pieces, unknownID: Int32(unknown), around: (id(around.first), id(around.last)), steps: steps,
            spaces: Spaces(prefix: model.addsDummyPrefix ? .text : .never, prefixesSpace: true, cutsWords: false),
            byteFallback: model.byteFallback, isSentencePiece: true)
    }
}
