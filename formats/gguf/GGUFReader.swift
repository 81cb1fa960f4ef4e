import Architectures
import FormatKit
import ModelGraph

/// Reads a file or the parts of one: first the container as it is, then the names, rows, dtypes and attachments of the model in it.
struct GGUFReader {
    private let path: String
    private let context: ReadContext

    init(_ path: String, _ context: ReadContext) {
        self.path = path
        self.context = context
    }

    func graph() throws -> TensorGraph {
        let files = try GGUFParts(path, context)
        let stored = try files.tensors()
        var graph = TensorGraph()
        graph.sources = files.parts.map(\.file.identity)
        graph.metadata = files.metadata(context)
        graph.attachments = try GGUFAttachments.kept(graph.metadata, path: path)
        let dtypes = try GGUFOriginalDTypes(graph.metadata[GGUFOriginalDTypes.key], path: path)
        for key in graph.metadata.keys where key.hasPrefix(GGUFAttachments.prefix) || key == GGUFOriginalDTypes.key {
            graph.metadata[key] = nil
        }
        let naming = naming(graph, stored)
        for tensor in stored {
            let restored = try naming?.restored(tensor, path: path) ?? tensor
            guard !graph.contains(restored.name) else {
                throw FormatError.malformed(path, "tensor '\(tensor.name)'", "is '\(restored.name)', which is there already")
            }
            try graph.append(dtypes.tensor(restored, path: path))
        }
        if let naming { attachMadeFiles(naming, to: &graph) }
        return graph
    }

    /// What the file's keys say about its tensors; nil, and a warning, when that is not known.
    private func naming(_ graph: TensorGraph, _ stored: [GGUFTensor]) -> GGUFNaming? {
        guard let architecture = graph.metadata["general.architecture"]?.string else { return nil }
        guard let family = ArchitectureFamily.named(architecture) else {
            context.warn("\(path): architecture '\(architecture)' is not known; tensors keep the names and layout of GGUF")
            return nil
        }
        func find(_ name: String) -> GGUFTensor? {
            let ggufName = family.rule(forName: name)?.rule.gguf(block: nil)
            return stored.first { $0.name == ggufName }
        }
        do {
            return try ModelConfiguration(
                metadata: graph.metadata, vocabularySize: find(family.embedding)?.shape.rows,
                tiesEmbeddings: family.head.map { find($0) == nil } ?? false
            ).flatMap(GGUFNaming.init)
        } catch {
            context.warn("\(path): \(error); tensors keep the names and layout of GGUF")
            return nil
        }
    }

    private func attachMadeFiles(_ naming: GGUFNaming, to graph: inout TensorGraph) {
        let hasTokenizer = graph.attachment("tokenizer.model") != nil || graph.attachment("tokenizer.json") != nil
        if hasTokenizer && graph.attachment("config.json") != nil { return }
        let dtype = graph[naming.family.embedding]?.dtype ?? .f32
        let made = GGUFAttachments.made(graph.metadata, naming.configuration, dtype: dtype) { context.warn("\(path): \($0)") }
        for attachment in made where graph.attachment(attachment.name) == nil {
            if !hasTokenizer || attachment.name == "config.json" { graph.attach(attachment) }
        }
    }
}
