import Architectures
import FormatKit
import ModelGraph
import Tokenization

/// A WordPiece tokenizer in `tokenizer.ggml.*`: pieces that begin a word have a ▁ there, and those inside one no ##.
enum GGUFWordPiece {
    static let model = "bert"
    private static let prefix = "tokenizer.ggml."
    private static let inside = "##"
    private static let boundary = "\u{2581}"

    /// The keys that llama.cpp's converter writes for the tokenizer of an encoder; none for a model without.
    ///
    /// - Throws: `TokenizationError`.
    static func metadata(of graph: TensorGraph, _ configuration: ModelConfiguration) throws -> [(key: String, value: MetadataValue)] {
        let found: WordPieceTokenizer?
        if let json = graph.attachment("tokenizer.json") {
            found = try WordPieceTokenizer(tokenizerJSON: json.bytes)
        } else {
            found = try graph.attachment("vocab.txt").map {
                try WordPieceTokenizer(vocabularyText: $0.bytes, configuration: graph.attachment("tokenizer_config.json")?.bytes)
            }
        }
        // llama.cpp wants one where there is no table of them.
        var entries: [(key: String, value: MetadataValue)] = [
            ("token_type_count", .uint32(UInt32(clamping: max(configuration.tokenTypeCount, 1))))
        ]
        if let found {
            guard found.pieces.count <= configuration.vocabularySize else {
                throw TokenizationError.notRepresentable(
                    form: "GGUF", reason: "it has \(found.pieces.count) pieces, the embedding \(configuration.vocabularySize) rows")
            }
            entries += metadata(found, rows: configuration.vocabularySize)
        }
        return entries.map { (prefix + $0.key, $0.value) }
    }

    private static func metadata(_ tokenizer: WordPieceTokenizer, rows: Int) -> [(key: String, value: MetadataValue)] {
        func id(_ piece: String) -> Int32? { tokenizer.pieces.firstIndex(of: piece).map(Int32.init) }
        let named: [(key: String, id: Int32?)] = [
            ("bos", tokenizer.firstID), ("eos", tokenizer.lastID), ("unknown", tokenizer.unknownID),
            ("seperator", tokenizer.lastID), ("padding", id("[PAD]")), ("cls", tokenizer.firstID), ("mask", tokenizer.maskID),
        ]
        let special = Set(named.compactMap(\.id))
        var tokens: [MetadataValue] = []
        var roles: [MetadataValue] = []
        for (id, piece) in tokenizer.pieces.enumerated() {
            let isSpecial = special.contains(Int32(id))
            let role: Piece.Role = Int32(id) == tokenizer.unknownID ? .unknown : isSpecial ? .control : .normal
            let rest = without(inside, piece).flatMap { $0.isEmpty ? nil : $0 }
            tokens.append(.string(isSpecial ? piece : rest ?? boundary + piece))
            roles.append(.int32(role.rawValue))
        }
        if rows > tokens.count, rows <= Vocabulary.maximumCount {
            for id in tokens.count..<rows {
                tokens.append(.string("[PAD\(id)]"))
                roles.append(.int32(Piece.Role.unused.rawValue))
            }
        }
        var entries: [(key: String, value: MetadataValue)] = [
            ("model", .string(model)), ("pre", .string("default")), ("tokens", .array(.string, tokens)),
            ("token_type", .array(.int32, roles)),
        ]
        for (key, id) in named {
            if let id { entries.append(("\(key)_token_id", .uint32(UInt32(id)))) }
        }
        return entries
    }

    /// What follows a beginning, by bytes: characters may join with what comes after them. Nil where the text begins otherwise.
    private static func without(_ beginning: String, _ text: String) -> String? {
        text.utf8.starts(with: beginning.utf8) ? String(decoding: text.utf8.dropFirst(beginning.utf8.count), as: UTF8.self) : nil
    }

    /// A vocab.txt with the pieces of a file's keys.
    ///
    /// - Throws: `TokenizationError.notRepresentable` for a piece with a line end.
    static func vocabularyText(_ metadata: Metadata) throws -> [UInt8] {
        let tokens = metadata["\(prefix)tokens"]?.array?.compactMap(\.string) ?? []
        let roles = metadata["\(prefix)token_type"]?.array?.compactMap(\.integer) ?? []
        var text: [UInt8] = []
        for (id, token) in tokens.enumerated() {
            let isNormal = id >= roles.count || roles[id] == Int(Piece.Role.normal.rawValue)
            let piece = isNormal ? without(boundary, token) ?? inside + token : token
            guard !piece.utf8.contains(UInt8(ascii: "\n")) else {
                throw TokenizationError.notRepresentable(form: "vocab.txt", reason: "piece \(id) has a line end")
            }
            text += Array(piece.utf8) + [UInt8(ascii: "\n")]
        }
        return text
    }
}
