import Architectures
import FormatKit
import ModelGraph
import QuantizedCheckpoints

/// What a file says about the model that a graph is: how its tensors are named and laid out, and all metadata.
struct GGUFModel {
    /// Nil when the architecture is not known: tensors keep their names and rows.
    let naming: GGUFNaming?
    private(set) var warnings: [String] = []
    private let graph: TensorGraph
    /// The attachments as keys of our own.
    private var files: [(key: String, value: MetadataValue)] = []
    static let architectureKey = "general.architecture"
    private static let fileTypeKey = "general.file_type"

    /// - Throws: `FormatError.unsupported` for a configuration that is broken or says what GGUF's keys would not.
    init(_ graph: TensorGraph, _ options: WriteOptions, path: String) throws {
        self.graph = graph
        let isFromGGUF = graph.metadata[GGUFModel.architectureKey] != nil
        let schemes = isFromGGUF ? [] : graph.quantizationSchemes
        guard schemes.isEmpty else {
            throw FormatError.unsupported(
                path, "", "the weights are quantised (\(schemes.joined(separator: ", "))), which GGUF does not have", remedy: .applyScales)
        }
        var configuration: ModelConfiguration?
        do {
            configuration = try GGUFModel.configuration(of: graph)
        } catch {
            // Keys that do not suffice were kept with the names of GGUF when they were read.
            if !isFromGGUF { throw FormatError.unsupported(path, "config.json", "\(error)") }
        }
        if let configuration, !isFromGGUF, !configuration.unsupportedFeatures.isEmpty {
            let features = configuration.unsupportedFeatures.joined(separator: ", ")
            throw FormatError.unsupported(path, "config.json", "has \(features), which the GGUF file would not have")
        }
        if let configuration, !isFromGGUF, let reason = configuration.refusalsInGGUF.first {
            throw FormatError.unsupported(path, "config.json", "has \(reason), which llama.cpp does not have there")
        }
        if let configuration, !isFromGGUF, !configuration.hasActivationOfGGUF {
            throw FormatError.unsupported(
                path, "config.json", "has the activation \(configuration.design.activation.rawValue), which llama.cpp does not have there")
        }
        naming = configuration.flatMap { GGUFNaming($0, prefix: $0.family?.prefix(graph.contains)) }
        if naming == nil, !isFromGGUF {
            warnings.append(
                "the model's architecture is not known, or not how llama.cpp names it: tensors keep their names, and llama.cpp will not load the file"
            )
        }
        if !isFromGGUF, naming?.configuration.design.isCausal == false, let kind = try SentencePooling(graph.attachments)?.unknown {
            warnings.append("llama.cpp does not pool embeddings by \(kind); the file says that it takes the mean over tokens")
        }
        if !isFromGGUF { warnings += (naming?.configuration.differencesInGGUF ?? []) + (naming?.unreadBiases(graph) ?? []) }
        if let naming {
            let reasons = GGUFCompleteness(naming, graph).reasons
            guard reasons.isEmpty || isFromGGUF || options.forcesNames else {
                throw FormatError.unsupported(path, "", reasons.joined(separator: "; "), remedy: .forceNames)
            }
            warnings += reasons.map { $0 + "; it will not load the file" }
        }
        let further = isFromGGUF ? [] : graph.tensors.map(\.name).filter(isOfPredictionBlock)
        if let first = further.first {
            warnings.append("\(further.count) tensors of blocks that predict further tokens are left out, '\(first)' the first")
        }
        let derived = graph.tensors.map(\.name).filter { naming?.family.isDerived($0) == true }
        if let first = derived.first {
            warnings.append("\(derived.count) tensors that follow from the configuration are left out, '\(first)' the first")
        }
        let known = naming.flatMap { naming in
            naming.family.name(of: .head, prefix: naming.prefix).map { Tie(name: $0, target: naming.embedding) }
        }
        for tie in graph.ties where tie != known { warnings.append("gguf cannot tie '\(tie.name)' to '\(tie.target)'; the tie is lost") }
        // What a GGUF file brought along stays; where nothing is known of the model its files are all that says what it is. Of families that
        // llama.cpp does not tell apart, config.json says which it is.
        let takesAll = options.embedsFiles || isFromGGUF || naming == nil
        let made = madeFiles
        for attachment in graph.attachments where made[attachment.name] != attachment.bytes {
            guard takesAll || attachment.name == ModelConfiguration.fileName else { continue }
            if let entry = GGUFAttachments.entry(attachment) {
                files.append(entry)
            } else {
                warnings.append("the file '\(attachment.name)' of \(attachment.bytes.count) bytes has no place in gguf and is left out")
            }
        }
    }

    /// Whether a checkpoint's tensor is of a block that predicts further tokens, which the file does not get.
    func isOfPredictionBlock(_ name: String) -> Bool {
        graph.metadata[GGUFModel.architectureKey] == nil && naming?.configuration.isOfPredictionBlock(name) == true
    }

    /// The hyperparameters of a graph, by its files or by the keys that came with it.
    static func configuration(of graph: TensorGraph) throws -> ModelConfiguration? {
        if let configuration = try ModelConfiguration(of: graph) { return configuration }
        guard graph.attachment(ModelConfiguration.fileName) == nil,
            let family = graph.metadata[architectureKey]?.string.flatMap(ArchitectureFamily.ofGGUF)
        else { return nil }
        return try ModelConfiguration(
            metadata: graph.metadata, vocabularySize: graph[family.embedding]?.shape.rows,
            tiesEmbeddings: family.head.map { !graph.contains($0) } ?? false)
    }

    /// All keys: those that the graph has, as they are, after those that are missing.
    func metadata(tensors: [GGUFTensor], dtypes: GGUFOriginalDTypes, kept: GGUFKeptTensors, _ options: WriteOptions, path: String) throws
        -> Metadata
    {
        var metadata = Metadata()
        if graph.metadata[GGUFModel.architectureKey] == nil, let naming {
            metadata[GGUFModel.architectureKey] = .string(naming.family.ggufName ?? naming.family.name)
            metadata["general.type"] = .string("model")
            metadata["general.name"] = GGUFModelName.title(graph, folderName: options.modelName).map(MetadataValue.string)
            for (key, value) in naming.configuration.ggufMetadata { metadata[key] = value }
            metadata[GGUFModel.fileTypeKey] = GGUFModel.fileType(tensors, before: nil)
            metadata["general.quantization_version"] = .uint32(2)
            do {
                if !naming.configuration.design.isCausal {
                    for (key, value) in try GGUFEncoderTokenizer.metadata(of: graph, naming.configuration) { metadata[key] = value }
                    if let pooling = try SentencePooling(graph.attachments) {
                        metadata["\(naming.ggufName).pooling_type"] = .uint32(pooling.ggufType)
                    }
                } else if let vocabulary = try GGUFVocabulary.vocabulary(of: graph) {
                    let rows = naming.configuration.vocabularySize
                    for (key, value) in try GGUFVocabulary.metadata(vocabulary, rows: rows) { metadata[key] = value }
                    for (key, value) in try GGUFChatTemplate.metadata(of: graph) { metadata[key] = value }
                }
            } catch {
                throw FormatError.unsupported(path, "tokenizer", "\(error)")
            }
        }
        for (key, value) in graph.metadata.entries { metadata[key] = value }
        if let before = metadata[GGUFModel.fileTypeKey] { metadata[GGUFModel.fileTypeKey] = GGUFModel.fileType(tensors, before: before) }
        for (key, value) in options.provenance { metadata[Provenance.keyPrefix + key] = .string(value) }
        metadata[GGUFOriginalDTypes.key] = dtypes.value
        for (key, value) in kept.entries { metadata[key] = value }
        if let naming, naming.prefix != naming.family.usualPrefix { metadata[GGUFNaming.prefixKey] = .string(naming.prefix.text) }
        for (key, value) in files { metadata[key] = value }
        return metadata
    }

    /// The files that a reader would make from the keys that came with the graph: they need no keys of their own.
    private var madeFiles: [String: [UInt8]] {
        guard let naming, graph.metadata[GGUFModel.architectureKey] != nil else { return [:] }
        let dtype = graph[naming.embedding]?.dtype ?? .f32
        let made = GGUFAttachments.made(graph.metadata, naming.configuration, dtype: dtype) { _ in }
        return Dictionary(made.map { ($0.name, $0.bytes) }) { first, _ in first }
    }

    /// llama.cpp's number for the type that most bytes of matrices have. Blocks that are not made here are a mixture that whoever
    /// made them has named already, such as Q4_K_M.
    private static func fileType(_ tensors: [GGUFTensor], before: MetadataValue?) -> MetadataValue {
        var bytes: [UInt32: Int] = [:]
        for tensor in tensors where tensor.shape.rank > 1 { bytes[tensor.type.number, default: 0] += tensor.bytes.byteCount }
        let most = bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
        guard let type = tensors.first(where: { $0.type.number == most && $0.shape.rank > 1 })?.type else { return .uint32(0) }
        let isMade = tensors.contains { $0.type == type && $0.bytes.rows?.isEncoder == true }
        if case .blocks = type, !isMade, let before { return before }
        return .uint32(type.fileType)
    }
}
