import Architectures
import FormatKit
import ModelGraph
import StrictJSON
import Tokenization

/// The files of a model's folder inside a GGUF file: kept under keys of their own, or made from the metadata that says the same.
enum GGUFAttachments {
    /// Followed by the file's name; the value is a string, or an array of UINT8 for bytes that are no UTF-8.
    static let prefix = "caplet.file."

    /// The files kept under keys; those keys.
    ///
    /// - Throws: `FormatError.malformed` for a name or value that is no file.
    static func kept(_ metadata: Metadata, path: String) throws -> [Attachment] {
        try metadata.entries.compactMap { key, value in
            guard key.hasPrefix(prefix) else { return nil }
            let name = String(key.dropFirst(prefix.count))
            guard FileName.isPlainOrInFolder(name), let bytes = bytes(value) else {
                throw FormatError.malformed(path, "key '\(key)'", "is no file with a plain name")
            }
            return Attachment(name: name, bytes: bytes)
        }
    }

    private static func bytes(_ value: MetadataValue) -> [UInt8]? {
        if let text = value.string { return Array(text.utf8) }
        guard case .array(.uint8, let values) = value else { return nil }
        return values.compactMap { value in
            if case .uint8(let byte) = value { return byte }
            return nil
        }
    }

    /// A key and value for a file; nil for one that is too large or has no plain name.
    static func entry(_ attachment: Attachment) -> (key: String, value: MetadataValue)? {
        guard FileName.isPlainOrInFolder(attachment.name) else { return nil }
        let key = prefix + attachment.name
        if let text = String(validating: attachment.bytes, as: UTF8.self) {
            return text.utf8.count <= GGUFMetadataCoding.maximumStringBytes ? (key, .string(text)) : nil
        }
        guard attachment.bytes.count <= GGUFMetadataCoding.maximumArrayCount else { return nil }
        return (key, .array(.uint8, attachment.bytes.map(MetadataValue.uint8)))
    }

    /// generation_config.json where answers may end with the end of a turn, too; nil where the end of a sequence is all there is.
    private static func generationConfiguration(_ metadata: Metadata) -> Attachment? {
        guard let turn = metadata["tokenizer.ggml.eot_token_id"]?.integer else { return nil }
        let eos = metadata["tokenizer.ggml.eos_token_id"]?.integer
        guard turn != eos else { return nil }
        let ids = [eos, turn].compactMap { $0 }.map(JSONValue.integer)
        return Attachment(name: "generation_config.json", bytes: JSONValue.object(JSONObject([("eos_token_id", .array(ids))])).serialized())
    }

    /// config.json and the tokenizer's files as the metadata gives them, for a file that other tools made.
    ///
    /// - Parameter warn: told what cannot be made, and why.
    static func made(
        _ metadata: Metadata, _ configuration: ModelConfiguration, dtype: DType, warn: (String) -> Void
    ) -> [Attachment] {
        var made: [Attachment] = []
        if configuration.unsupportedFeatures.isEmpty {
            let bos = metadata["tokenizer.ggml.bos_token_id"]?.integer, eos = metadata["tokenizer.ggml.eos_token_id"]?.integer
            let name = [DType.bf16: "bfloat16", .f16: "float16", .f64: "float64"][dtype] ?? "float32"
            let pad = metadata["tokenizer.ggml.padding_token_id"]?.integer
            let bytes = configuration.configJSON(dtype: name, bosTokenID: bos, eosTokenID: eos, padTokenID: pad)
            made.append(Attachment(name: "config.json", bytes: bytes))
        } else {
            warn("no config.json can be made: it would have to say \(configuration.unsupportedFeatures.joined(separator: ", "))")
        }
        if let ends = generationConfiguration(metadata) { made.append(ends) }
        guard metadata["tokenizer.ggml.model"] != nil else { return made }
        do {
            if metadata["tokenizer.ggml.model"]?.string == GGUFWordPiece.model {
                return made + [Attachment(name: "vocab.txt", bytes: try GGUFWordPiece.vocabularyText(metadata))]
            }
            let vocabulary = try GGUFVocabulary.vocabulary(metadata)
            if vocabulary.kind == .sentencePieceBPE {
                made.append(Attachment(name: "tokenizer.model", bytes: try vocabulary.sentencePieceModel()))
            }
            made.append(Attachment(name: "tokenizer.json", bytes: try vocabulary.tokenizerJSON()))
            made.append(Attachment(name: "tokenizer_config.json", bytes: vocabulary.tokenizerConfigurationJSON()))
            if let template = GGUFChatTemplate.file(metadata) { made.append(template) }
        } catch {
            warn("the tokenizer cannot be made into files: \(error)")
        }
        return made
    }
}
