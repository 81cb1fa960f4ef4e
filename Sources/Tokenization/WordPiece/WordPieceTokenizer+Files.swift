import StrictJSON

extension WordPieceTokenizer {
    /// Reads a tokenizer.json whose model is WordPiece.
    ///
    /// - Throws: `TokenizationError` for a file that is malformed, or does to text what this tokenizer does not do.
    public init(tokenizerJSON bytes: [UInt8]) throws {
        let reader = try TokenizerJSONReader(bytes)
        guard reader.model["type"]?.string == "WordPiece" else {
            throw TokenizerJSONReader.unsupported("model.type", reader.model["type"]?.string ?? "a model without type")
        }
        if let type = reader.root["pre_tokenizer"]?["type"]?.string, type != "BertPreTokenizer" {
            throw TokenizerJSONReader.unsupported("pre_tokenizer", type)
        }
        let around = try WordPieceTokenizer.special(reader.root["post_processor"])
        try self.init(
            pieces: try reader.pieces(true).map(\.text), normalizer: try WordPieceTokenizer.normalizer(reader.root["normalizer"]),
            unknown: reader.model["unk_token"]?.string ?? "[UNK]", first: around.first, last: around.last,
            continuation: reader.model["continuing_subword_prefix"]?.string ?? "##",
            longestWord: reader.model["max_input_chars_per_word"]?.integer ?? 100)
        let known = self
        if let found = try SentenceLayout(postProcessor: reader.root["post_processor"], known.id) { layout = found }
    }

    private static func normalizer(_ json: JSONValue?) throws -> BertNormalizer {
        var normalizer = BertNormalizer()
        guard let json else {
            (normalizer.cleansText, normalizer.separatesIdeographs, normalizer.stripsAccents, normalizer.lowercases) = (
                false, false, false, false
            )
            return normalizer
        }
        guard json["type"]?.string == "BertNormalizer" else {
            throw TokenizerJSONReader.unsupported("normalizer", json["type"]?.string ?? "a normalizer without type")
        }
        normalizer.lowercases = json["lowercase"]?.bool ?? true
        normalizer.cleansText = json["clean_text"]?.bool ?? true
        normalizer.separatesIdeographs = json["handle_chinese_chars"]?.bool ?? true
        // Accents go with capitals unless the file says otherwise.
        normalizer.stripsAccents = json["strip_accents"]?.bool ?? normalizer.lowercases
        return normalizer
    }

    /// The tokens that a post-processor puts around one text.
    static func special(_ json: JSONValue?) throws -> (first: String?, last: String?) {
        guard let json else { return (nil, nil) }
        switch json["type"]?.string {
        case "BertProcessing": return (json["cls"]?.array?.first?.string, json["sep"]?.array?.first?.string)
        case "TemplateProcessing":
            let items = json["single"]?.array ?? []
            guard let text = items.firstIndex(where: { $0["Sequence"] != nil }), text <= 1, items.count - text <= 2 else {
                throw TokenizerJSONReader.unsupported("post_processor.single", "more than one token on a side of the text")
            }
            let token = { (item: JSONValue) in item["SpecialToken"]?["id"]?.string }
            return (text == 1 ? token(items[0]) : nil, items.count > text + 1 ? token(items[text + 1]) : nil)
        case let type: throw TokenizerJSONReader.unsupported("post_processor", type ?? "a post-processor without type")
        }
    }

    /// Reads a vocab.txt, one piece a line, as BERT came with; accents and capitals by `do_lower_case` and `strip_accents` of
    /// tokenizer_config.json.
    public init(vocabularyText bytes: [UInt8], configuration: [UInt8]?) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TokenizationError.malformed(location: "vocab.txt", reason: "it is not UTF-8 text")
        }
        var lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map(String.init)
        if lines.last == "" { lines.removeLast() }
        guard lines.count <= Vocabulary.maximumCount else {
            throw TokenizationError.malformed(
                location: "vocab.txt", reason: "it has \(lines.count) pieces, at most \(Vocabulary.maximumCount) are allowed")
        }
        var normalizer = BertNormalizer()
        if let configuration {
            let json: JSONValue
            do { json = try JSONValue(strict: configuration) } catch {
                throw TokenizationError.malformed(location: "tokenizer_config.json", reason: "\(error)")
            }
            normalizer.lowercases = json["do_lower_case"]?.bool ?? true
            normalizer.separatesIdeographs = json["tokenize_chinese_chars"]?.bool ?? true
            normalizer.stripsAccents = json["strip_accents"]?.bool ?? normalizer.lowercases
        }
        try self.init(pieces: lines, normalizer: normalizer)
    }
}
