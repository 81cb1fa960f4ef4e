import FormatKit
import ModelGraph
import Tokenization

/// A tokenizer between its files and `tokenizer.ggml.*`.
enum GGUFVocabulary {
    private static let prefix = "tokenizer.ggml."

    /// The vocabulary of the model's tokenizer files, as llama.cpp's converter looks for them; nil without any.
    ///
    /// - Throws: `TokenizationError`.
    static func vocabulary(of graph: TensorGraph) throws -> Vocabulary? {
        let files = graph.attachments
        return try Vocabulary.ofDecoder(
            Vocabulary.Files { name in files.first { $0.name == name }?.bytes }, preferring: .sentencePiece)
    }

    /// The keys that llama.cpp's converter writes for a vocabulary.
    ///
    /// - Parameter rows: of the embedding: llama.cpp wants a piece for each, and unused ones stand for those that have none.
    /// - Throws: `TokenizationError` for one that its tokenizers cannot do, and for pieces that the embedding has no rows for.
    static func metadata(_ vocabulary: Vocabulary, rows: Int) throws -> [(key: String, value: MetadataValue)] {
        let isByteLevel = vocabulary.kind == .byteLevelBPE
        guard !isByteLevel || vocabulary.spacePrefix == .never else {
            throw TokenizationError.notRepresentable(
                form: "GGUF", reason: "it is byte-level BPE with a space before the text (add_prefix_space)")
        }
        if case .steps = vocabulary.normalization {
            throw TokenizationError.notRepresentable(form: "GGUF", reason: "its tokenizer changes text by normalizers other than NFC")
        }
        if let piece = vocabulary.pieces.first(where: { $0.matching.contains(.wholeWord) }) {
            throw TokenizationError.notRepresentable(form: "GGUF", reason: "its token \"\(piece.text)\" is matched as a whole word alone")
        }
        var source = isByteLevel ? vocabulary : try vocabulary.scoredByMerges()
        let count = source.pieces.count
        guard count <= rows else {
            throw TokenizationError.notRepresentable(
                form: "GGUF", reason: "it has \(count) pieces, the embedding \(rows) rows; llama.cpp wants a piece for each row")
        }
        if rows > count, rows <= Vocabulary.maximumCount {
            source.pieces += (count..<rows).map { Piece("[PAD\($0)]", score: -1000, role: .unused) }
        }
        var entries: [(key: String, value: MetadataValue)] = [
            ("model", .string(isByteLevel ? "gpt2" : "llama")),
            ("pre", .string(isByteLevel ? try name(of: source) : "default")),
            ("tokens", .array(.string, source.pieces.map { .string($0.text) })),
        ]
        if !isByteLevel { entries.append(("scores", .array(.float32, source.pieces.map { .float32($0.score) }))) }
        entries.append(("token_type", .array(.int32, source.pieces.map { .int32($0.role.rawValue) })))
        if isByteLevel { entries.append(("merges", .array(.string, source.mergeLines.map(MetadataValue.string)))) }
        let ids = [("bos", source.bosID), ("eos", source.eosID), ("unknown", source.unknownID), ("padding", source.padID)]
        for (name, id) in ids {
            if let id, let number = UInt32(exactly: id) { entries.append(("\(name)_token_id", .uint32(number))) }
        }
        entries.append(("add_bos_token", .bool(source.addsBOS)))
        entries.append(("add_eos_token", .bool(source.addsEOS)))
        if !isByteLevel { entries.append(("add_space_prefix", .bool(source.spacePrefix != .never))) }
        return entries.map { (prefix + $0.key, $0.value) }
    }

    /// What llama.cpp calls the vocabulary's pre-tokenizer.
    private static func name(of vocabulary: Vocabulary) throws -> String {
        guard let name = vocabulary.ggufPreTokenizerName else {
            throw TokenizationError.notRepresentable(
                form: "GGUF", reason: "llama.cpp has no name for how its tokenizer cuts text into words")
        }
        return name
    }

    /// The vocabulary that a file's keys describe.
    ///
    /// - Throws: `TokenizationError`, also for models and pre-tokenizers that are not known.
    static func vocabulary(_ metadata: Metadata) throws -> Vocabulary {
        func id(_ name: String) -> Int32? { metadata["\(prefix)\(name)_token_id"]?.integer.flatMap(Int32.init(exactly:)) }
        func strings(_ name: String) -> [String] { metadata[prefix + name]?.array?.compactMap(\.string) ?? [] }
        let scores = metadata["\(prefix)scores"]?.array?.compactMap { $0.number.map(Float.init) } ?? []
        let roles = metadata["\(prefix)token_type"]?.array?.compactMap { $0.integer.flatMap(Int32.init(exactly:)) } ?? []
        let pieces = try Vocabulary.pieces(texts: strings("tokens"), scores: scores, roles: roles)
        let model = metadata["\(prefix)model"]?.string ?? ""
        let name = metadata["\(prefix)pre"]?.string ?? "gpt-2"
        var vocabulary: Vocabulary
        switch model {
        case "llama":
            vocabulary = Vocabulary(
                kind: .sentencePieceBPE, pieces: pieces, bosID: id("bos"), eosID: id("eos"), unknownID: id("unknown"), padID: id("padding"))
            if metadata["\(prefix)add_space_prefix"]?.bool == false { vocabulary.spacePrefix = .never }
        case "gpt2":
            guard let pre = PreTokenizer(ggufName: name) else {
                throw TokenizationError.unsupported(location: "\(prefix)pre", feature: "the pre-tokenizer '\(name)'")
            }
            vocabulary = Vocabulary(
                kind: .byteLevelBPE, pieces: pieces, merges: try Vocabulary.merges(parsing: strings("merges"), pieces: pieces),
                bosID: id("bos"), eosID: id("eos"), unknownID: id("unknown"), padID: id("padding"),
                addsBOS: PreTokenizer.addsBOS(ggufName: name) && id("bos") != nil, preTokenizer: pre)
            vocabulary.ignoresMerges = PreTokenizer.ignoresMerges(ggufName: name)
        default: throw TokenizationError.unsupported(location: "\(prefix)model", feature: "the tokenizer '\(model)'")
        }
        if let adds = metadata["\(prefix)add_bos_token"]?.bool { vocabulary.addsBOS = adds && vocabulary.bosID != nil }
        if let adds = metadata["\(prefix)add_eos_token"]?.bool { vocabulary.addsEOS = adds && vocabulary.eosID != nil }
        try vocabulary.checkInvariants()
        return vocabulary
    }
}
