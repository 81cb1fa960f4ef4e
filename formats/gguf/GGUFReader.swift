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
        var graph = TensorGraph()
        graph.sources = files.parts.map(\.file.stamp)
        graph.metadata = files.metadata(context)
        if let warning = GGUFText.warning(graph.metadata) { context.warn("\(path): \(warning)") }
        let long = try GGUFLongNames(graph.metadata[GGUFLongNames.key], path: path)
        var stored = try files.tensors().map(long.restored)
        graph.attachments = try GGUFAttachments.kept(graph.metadata, path: path)
        let dtypes = try GGUFOriginalDTypes(graph.metadata[GGUFOriginalDTypes.key], path: path)
        let kept = try GGUFKeptTensors.tensors(graph.metadata, path: path)
        let prefix = graph.metadata[GGUFNaming.prefixKey]?.string
        graph.metadata.removeAll(where: GGUFReader.isOwn)
        let configuration = try configuration(graph, stored)
        let naming = configuration.flatMap { configuration in
            GGUFNaming(configuration, prefix: prefix.flatMap { text in configuration.family.flatMap { NamePrefix(text, of: $0) } })
        }
        if let parts = configuration.flatMap({ GGUFKeysAndValues($0, path: path) }) { stored = try parts.joined(stored) }
        var beside = Dictionary(kept.map { ($0.name, $0) }) { first, _ in first }
        for tensor in stored where naming?.isAdded(tensor) != true {
            for restored in try naming?.restored(tensor, path: path) ?? [tensor] {
                guard !graph.contains(restored.name) else {
                    throw FormatError.malformed(path, "tensor '\(tensor.name)'", "is '\(restored.name)', which is there already")
                }
                var result = try beside.removeValue(forKey: restored.name) ?? dtypes.tensor(restored, path: path)
                if let naming {
                    result = try GGUFPaddingRows.joined(result, naming, path: path) { beside.removeValue(forKey: $0) }
                }
                result.isTransposedInCheckpoint = naming?.rule(forName: restored.name)?.layout == .transposed
                try graph.append(result)
            }
        }
        for tensor in kept where beside[tensor.name] != nil { try graph.append(tensor) }
        if let naming { attachMadeFiles(naming, to: &graph) }
        graph.configuration = configuration
        graph.structure.architecture = graph.metadata[GGUFModel.architectureKey]?.string
        return graph
    }

    /// Whether a key is ours, with no meaning in a graph.
    private static func isOwn(_ key: String) -> Bool {
        key.hasPrefix(GGUFAttachments.prefix) || key.hasPrefix(GGUFKeptTensors.prefix)
            || [GGUFOriginalDTypes.key, GGUFKeptTensors.listKey, GGUFNaming.prefixKey, GGUFLongNames.key].contains(key)
    }

    /// What the file's keys say about the model; nil, and a warning, when that is not known.
    private func configuration(_ graph: TensorGraph, _ stored: [GGUFTensor]) throws -> ModelConfiguration? {
        guard let architecture = graph.metadata[GGUFModel.architectureKey]?.string else { return nil }
        if let type = graph.metadata["general.type"]?.string, type != "model" {
            context.warn("\(path): holds no model but a \(type); tensors keep the names of GGUF")
            return nil
        }
        let known = ArchitectureFamily.ofGGUF(architecture, tensors: stored.map(\.name)) { key in
            graph.metadata[key].map { $0.bool ?? (($0.integer ?? 0) > 0) } ?? false
        }
        guard let family = known else {
            context.warn("\(path): architecture '\(architecture)' is not known; tensors keep the names and layout of GGUF")
            return nil
        }
        func find(_ module: Module) -> GGUFTensor? {
            guard let name = family.rule(of: module)?.gguf, !name.isEmpty else { return nil }
            return stored.first { $0.name == name }
        }
        let divisors = try RopeDivisors(stored)
        do {
            // What the checkpoint's own file says comes first: families that llama.cpp does not tell apart differ in it.
            let kept = (try? ModelConfiguration(of: graph)) ?? nil
            let named = kept.flatMap { $0.family?.ggufName == architecture ? $0 : nil }
            if let named { return named }
            var made = try ModelConfiguration(
                metadata: graph.metadata, family: family, vocabularySize: find(.tokenEmbedding)?.shape.rows,
                tiesEmbeddings: family.head != nil && find(.head) == nil, ropeDivisors: divisors)
            let names = Set(stored.map(\.name))
            if let norm = family.rule(of: .queryNorm)?.gguf(block: 0), names.contains(norm) {
                if family.keys.headNorms != nil { made?.design.headNorm = .each }
                if family.keys.perHeadNorms != nil { made?.design.headNorm = .perHead }
            }
            // Of blocks that are not all alike any may have it.
            let blocks = 0..<(family.keys.blockKinds == nil ? 1 : min(made?.blockCount ?? 0, names.count))
            made?.biasedModules = family.biasedModules { rule in blocks.contains { names.contains(rule.gguf(block: $0)) } }
            // A norm that the family does not have here would change what is computed.
            let norm = stored.first {
                $0.name.hasPrefix("blk.") && $0.name.hasSuffix("norm.weight") && family.rule(forGGUF: $0.name) == nil
            }
            if let norm { made?.unsupportedFeatures.append("tensor '\(norm.name)'") }
            return made
        } catch {
            context.warn("\(path): \(error); tensors keep the names and layout of GGUF")
            return nil
        }
    }

    private func attachMadeFiles(_ naming: GGUFNaming, to graph: inout TensorGraph) {
        let hasTokenizer = ["tokenizer.model", "tokenizer.json", "vocab.txt", "vocab.json"].contains { graph.attachment($0) != nil }
        if hasTokenizer && graph.attachment("config.json") != nil { return }
        let dtype = graph[naming.embedding]?.dtype ?? .f32
        let made = GGUFAttachments.made(graph.metadata, naming.configuration, dtype: dtype) { context.warn("\(path): \($0)") }
        for attachment in made where graph.attachment(attachment.name) == nil {
            if !hasTokenizer || attachment.name == "config.json" { graph.attach(attachment) }
        }
    }
}
