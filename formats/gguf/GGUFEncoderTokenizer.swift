import Architectures
import FormatKit
import ModelGraph
import Tokenization

/// The tokenizer of an encoder in `tokenizer.ggml.*`: WordPiece as `bert`, BPE over bytes as `gpt2`, SentencePiece's unigram model as `t5`.
enum GGUFEncoderTokenizer {
    private static let prefix = "tokenizer.ggml."

    /// The keys that llama.cpp's converter writes; none but the number of token types for a model without a tokenizer.
    ///
    /// - Throws: `TokenizationError`, also for a tokenizer that llama.cpp's cannot do.
    static func metadata(of graph: TensorGraph, _ configuration: ModelConfiguration) throws -> [(key: String, value: MetadataValue)] {
        func file(_ name: String) -> [UInt8]? { graph.attachment(name)?.bytes }
        if let json = file("tokenizer.json") {
            if UnigramTokenizer.isModel(ofTokenizerJSON: json) {
                return try types(configuration) + metadata(UnigramTokenizer(tokenizerJSON: json), rows: configuration.vocabularySize)
            }
            if BytePairSentenceTokenizer.isModel(ofTokenizerJSON: json) {
                return try types(configuration)
                    + metadata(BytePairSentenceTokenizer(tokenizerJSON: json), rows: configuration.vocabularySize)
            }
        } else if let pieces = file("vocab.json"), let merges = file("merges.txt") {
            let tokenizer = try BytePairSentenceTokenizer(
                vocabularyJSON: pieces, mergesText: merges, configuration: file("tokenizer_config.json"))
            return try types(configuration) + metadata(tokenizer, rows: configuration.vocabularySize)
        }
        return try GGUFWordPiece.metadata(of: graph, configuration)
    }

    private static func types(_ configuration: ModelConfiguration) -> [(key: String, value: MetadataValue)] {
        [("\(prefix)token_type_count", .uint32(UInt32(clamping: max(configuration.tokenTypeCount, 1))))]
    }

    private static func metadata(_ tokenizer: BytePairSentenceTokenizer, rows: Int) throws -> [(key: String, value: MetadataValue)] {
        try GGUFVocabulary.metadata(tokenizer.vocabulary, rows: rows) + around(tokenizer)
    }

    private static func metadata(_ tokenizer: UnigramTokenizer, rows: Int) throws -> [(key: String, value: MetadataValue)] {
        let rules = try tokenizer.rules()
        var pieces = tokenizer.pieces
        guard pieces.count <= rows else {
            throw TokenizationError.notRepresentable(
                form: "GGUF", reason: "it has \(pieces.count) pieces, the embedding \(rows) rows; llama.cpp wants a piece for each row")
        }
        pieces[Int(tokenizer.unknownID)].role = .unknown
        for id in [tokenizer.firstID, tokenizer.lastID, tokenizer.maskID].compactMap({ $0 }) { pieces[Int(id)].role = .control }
        if rows <= Vocabulary.maximumCount {
            pieces += (pieces.count..<rows).map { Piece("[PAD\($0)]", score: -10000, role: .unused) }
        }
        var entries: [(key: String, value: MetadataValue)] = [
            ("model", .string("t5")), ("pre", .string("default")), ("tokens", .array(.string, pieces.map { .string($0.text) })),
            ("scores", .array(.float32, pieces.map { .float32($0.score) })),
            ("token_type", .array(.int32, pieces.map { .int32($0.role.rawValue) })),
            ("add_space_prefix", .bool(rules.addsSpacePrefix)), ("remove_extra_whitespaces", .bool(rules.removesExtraSpaces)),
        ]
        if let map = rules.characterMap { entries.append(("precompiled_charsmap", .array(.uint8, map.map(MetadataValue.uint8)))) }
        entries += [
            ("unknown_token_id", .uint32(UInt32(tokenizer.unknownID))), ("add_bos_token", .bool(tokenizer.firstID != nil)),
            ("add_eos_token", .bool(tokenizer.lastID != nil)),
        ]
        for (name, id) in [("bos", tokenizer.firstID), ("eos", tokenizer.lastID)] {
            if let id, let number = UInt32(exactly: id) { entries.append(("\(name)_token_id", .uint32(number))) }
        }
        return entries.map { (prefix + $0.key, $0.value) } + around(tokenizer)
    }

    /// The tokens that have names of their own in encoders.
    private static func around(_ tokenizer: any SentenceTokenizer) -> [(key: String, value: MetadataValue)] {
        let padding = (0..<Int32(clamping: tokenizer.count)).first { ["<pad>", "[PAD]"].contains(tokenizer.piece($0)) }
        let named = [("cls", tokenizer.firstID), ("seperator", tokenizer.lastID), ("mask", tokenizer.maskID), ("padding", padding)]
        return named.compactMap { name, id in
            id.flatMap { UInt32(exactly: $0) }.map { ("\(prefix)\(name)_token_id", .uint32($0)) }
        }
    }
}
