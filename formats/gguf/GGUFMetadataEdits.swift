import Architectures
import FormatKit
import ModelGraph

/// Changes of a user to a file's metadata, with what they must leave alone for the file to stay valid.
struct GGUFMetadataEdits {
    /// Nil for a model whose architecture is not known.
    let naming: GGUFNaming?
    let path: String

    /// Hyperparameters that follow from the tensors' shapes.
    private static let derivedHyperparameters = [
        "block_count", "embedding_length", "feed_forward_length", "attention.head_count", "attention.head_count_kv",
        "attention.key_length", "attention.value_length", "rope.dimension_count", "vocab_size",
    ]
    private static let tokenArrays = ["tokens", "scores", "token_type"].map { "tokenizer.ggml.\($0)" }

    /// - Throws: `FormatError.refused` for an edit that makes no sense, or an invalid file.
    func apply(_ edits: [MetadataEdit], to metadata: inout Metadata) throws {
        let before = metadata
        for edit in edits {
            let value: MetadataValue?
            do {
                value = try edit.value(replacing: metadata[edit.key])
            } catch let failure as MetadataEdit.Failure {
                throw refused(failure.description)
            }
            if value != metadata[edit.key] { try check(edit.key, value, before[edit.key]) }
            metadata[edit.key] = value
        }
        if !edits.isEmpty { try checkWhole(metadata, before) }
    }

    private func refused(_ message: String) -> FormatError { .refused(path, "metadata: \(message)") }

    private func check(_ key: String, _ value: MetadataValue?, _ before: MetadataValue?) throws {
        guard key.utf8.count <= GGUFMetadataCoding.maximumKeyBytes else { throw refused("'\(key.prefix(40))…' is too long for a key") }
        if GGUFParts.keys.contains(key) || key.hasPrefix("split.") { throw refused("'\(key)' follows from how the file is split") }
        if [GGUFOriginalDTypes.key, GGUFKeptTensors.listKey, GGUFNaming.prefixKey].contains(key) || key.hasPrefix(GGUFKeptTensors.prefix)
            || key.hasPrefix(GGUFAttachments.prefix)
        {
            throw refused("'\(key)' is Caplet's own")
        }
        if key == "general.architecture" { try checkArchitecture(value) }
        if let naming, GGUFMetadataEdits.derivedHyperparameters.contains(where: { key == "\(naming.ggufName).\($0)" }) {
            throw refused("'\(key)' follows from the tensors")
        }
        if GGUFMetadataEdits.tokenArrays.contains(key), let before, value?.array?.count != before.array?.count {
            throw refused("'\(key)' has an entry for each of \(before.array?.count ?? 0) tokens")
        }
    }

    private func checkArchitecture(_ value: MetadataValue?) throws {
        if let naming { throw refused("'general.architecture' is \(naming.ggufName), which the tensors' names and rows follow") }
        guard let name = value?.string else { throw refused("'general.architecture' is a string, and no file goes without") }
        if ArchitectureFamily.ofGGUF(name) != nil { throw refused("'general.architecture': the tensors are not named as those of \(name)") }
    }

    private func checkWhole(_ metadata: Metadata, _ before: Metadata) throws {
        do {
            _ = try GGUFHeader.alignment(metadata, path)
        } catch let error as FormatError {
            throw refused("\(error.object) \(error.message)")
        }
        for key in ["general.file_type", "general.quantization_version"] {
            if let value = metadata[key], value.type != .uint32 { throw refused("'\(key)' is of type u32") }
        }
        guard let naming else { return }
        func configuration(_ metadata: Metadata) throws -> ModelConfiguration? {
            try ModelConfiguration(metadata: metadata, vocabularySize: naming.configuration.vocabularySize, tiesEmbeddings: false)
        }
        // What was broken before is not the edits' fault.
        guard (try? configuration(before)) != nil else { return }
        do {
            _ = try configuration(metadata)
        } catch {
            throw refused("\(error)")
        }
    }
}
