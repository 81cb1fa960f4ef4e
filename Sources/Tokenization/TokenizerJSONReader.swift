import StrictJSON

/// Reads the parts of a Hugging Face `tokenizer.json` into a vocabulary.
struct TokenizerJSONReader {
    static let location = "tokenizer.json"

    let root: JSONValue
    let model: JSONValue

    init(_ bytes: [UInt8]) throws {
        root = try JSONValue(bytes, location: TokenizerJSONReader.location)
        guard root.object != nil else { throw TokenizerJSONReader.malformed("", "it is no object") }
        guard let model = root["model"], model.object != nil else {
            throw TokenizerJSONReader.malformed("model", "it is missing")
        }
        self.model = model
    }

    static func malformed(_ place: String, _ reason: String) -> TokenizationError {
        .malformed(location: place.isEmpty ? location : "\(location): \(place)", reason: reason)
    }

    static func unsupported(_ place: String, _ feature: String) -> TokenizationError {
        .unsupported(location: "\(location): \(place)", feature: feature)
    }

    func vocabulary() throws -> Vocabulary {
        try checkModel()
        let splitting = try TextSplitting(normalizer: root["normalizer"], preTokenizer: root["pre_tokenizer"])
        let isByteLevel = splitting.preTokenizer != nil
        let hasByteFallback = model["byte_fallback"]?.bool ?? false
        guard isByteLevel || hasByteFallback else {
            throw TokenizerJSONReader.unsupported("model", "BPE with neither byte fallback nor a ByteLevel pre-tokenizer")
        }
        guard isByteLevel || splitting.replacesSpaces else {
            throw TokenizerJSONReader.unsupported("normalizer", "BPE over characters without ▁ for spaces")
        }
        var result = Vocabulary(kind: isByteLevel ? .byteLevelBPE : .mergesBPE, pieces: try pieces(isByteLevel))
        let table = PieceTable(result.pieces) { _ in true }
        result.merges = try merges(table)
        result.unknownID = try model["unk_token"]?.string.map { name in
            guard let id = table.id(of: name) else {
                throw TokenizerJSONReader.malformed("model.unk_token", "\"\(name)\" is not in the vocabulary")
            }
            return id
        }
        if !isByteLevel, let id = result.unknownID { result.pieces[Int(id)].role = .unknown }
        result.byteFallback = hasByteFallback
        result.ignoresMerges = model["ignore_merges"]?.bool ?? false
        result.preTokenizer = splitting.preTokenizer
        result.spacePrefix = splitting.spacePrefix
        result.prefixesSpace = splitting.prefixesSpace
        result.normalization = splitting.normalization
        if splitting.splitsAtSpaces, result.pieces.contains(where: { $0.role == .normal && $0.text.dropFirst().contains("▁") }) {
            throw TokenizerJSONReader.unsupported("pre_tokenizer.split", "Metaspace that cuts words, with pieces that join them,")
        }
        try addSpecialTokens(to: &result, table)
        return result
    }

    private func checkModel() throws {
        let type = model["type"]?.string ?? "BPE"
        guard type == "BPE" else { throw TokenizerJSONReader.unsupported("model.type", type) }
        if let dropout = model["dropout"]?.number, dropout > 0 {
            throw TokenizerJSONReader.unsupported("model.dropout", "dropout of merges")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let text = model[key]?.string, !text.isEmpty {
                throw TokenizerJSONReader.unsupported("model.\(key)", "\"\(text)\"")
            }
        }
    }

    /// BOS and EOS from the template of the post-processor, which puts them around the text.
    private func addSpecialTokens(to vocabulary: inout Vocabulary, _ table: PieceTable) throws {
        guard let template = try postProcessorTemplate() else { return }
        var beforeText = true
        for item in template {
            if item["Sequence"] != nil {
                beforeText = false
                continue
            }
            guard let name = item["SpecialToken"]?["id"]?.string, let id = table.id(of: name) else {
                throw TokenizerJSONReader.malformed("post_processor.single", "an item is neither the text nor a known token")
            }
            guard !(beforeText ? vocabulary.addsBOS : vocabulary.addsEOS) else {
                throw TokenizerJSONReader.unsupported("post_processor.single", "more than one token on a side of the text")
            }
            if beforeText {
                (vocabulary.bosID, vocabulary.addsBOS) = (id, true)
            } else {
                (vocabulary.eosID, vocabulary.addsEOS) = (id, true)
            }
        }
    }

    private func postProcessorTemplate() throws -> [JSONValue]? {
        guard let processor = root["post_processor"] else { return nil }
        let steps = processor["type"]?.string == "Sequence" ? processor["processors"]?.array ?? [] : [processor]
        var template: [JSONValue]?
        for step in steps {
            switch step["type"]?.string {
            case "ByteLevel": break
            case "TemplateProcessing" where template == nil: template = step["single"]?.array
            case "RobertaProcessing" where template == nil, "BertProcessing" where template == nil:
                guard let first = step["cls"]?.array?.first, let last = step["sep"]?.array?.first else {
                    throw TokenizerJSONReader.malformed("post_processor", "cls or sep is missing")
                }
                template = [["SpecialToken": ["id": first]], ["Sequence": ["id": "A"]], ["SpecialToken": ["id": last]]]
            case let type: throw TokenizerJSONReader.unsupported("post_processor", type ?? "a post-processor without type")
            }
        }
        return template
    }
}
