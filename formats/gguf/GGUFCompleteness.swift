import Architectures
import FormatKit
import ModelGraph

/// Whether llama.cpp would load a model: it has all tensors that llama.cpp wants for the architecture, and none that it does not know.
struct GGUFCompleteness {
    private let naming: GGUFNaming
    private let graph: TensorGraph

    init(_ naming: GGUFNaming, _ graph: TensorGraph) {
        self.naming = naming
        self.graph = graph
    }

    /// Why llama.cpp would refuse the file, one line each; none for a whole model.
    var reasons: [String] { [missing, foreign].compactMap { $0 } }

    /// Tensors that a block or the model must have and that are not there.
    private var missing: String? {
        let family = naming.family
        var names: [String] = []
        let blocks = min(naming.configuration.blockCount, graph.tensors.count + 1)
        for rule in family.tensors where !rule.isOptional && !rule.gguf.isEmpty {
            // llama.cpp takes the embedding for a head that is not there; that is right where they are tied.
            let head = family.name(of: rule, prefix: naming.prefix)
            if rule.module == .head, naming.configuration.tiesEmbeddings || graph.ties.contains(where: { $0.name == head }) {
                continue
            }
            let parts = rule.isOfPart ? min(naming.configuration.partCount(of: rule.module), graph.tensors.count + 1) : 0
            for block in rule.name.contains("{}") ? (0..<blocks).map(Optional.some) : [nil] {
                if let block, !naming.configuration.has(rule.module, inBlock: block) { continue }
                for expert in rule.isOfPart ? (0..<parts).map(Optional.some) : [nil] {
                    let name = family.name(of: rule, prefix: naming.prefix, block: block, expert: expert)
                    if !graph.contains(name) { names.append(name) }
                }
            }
        }
        guard let first = names.first else { return nil }
        let others = names.count > 1 ? " and \(names.count - 1) more" : ""
        return "the model has no tensor '\(first)'\(others), which llama.cpp wants for \(naming.ggufName)"
    }

    /// Tensors that the architecture does not have, or not in so many blocks.
    private var foreign: String? {
        let names = graph.tensors.map(\.name).filter { name in
            if naming.configuration.isOfPredictionBlock(name) { return false }
            let isKnown = naming.family.rule(forName: name) != nil
            return isKnown ? !naming.configuration.hasPlace(for: name, naming.family) : !naming.family.isDerived(name)
        }
        guard let first = names.first else { return nil }
        let others = names.count > 1 ? " and \(names.count - 1) more" : ""
        return "llama.cpp has no place in \(naming.ggufName) for tensor '\(first)'\(others)"
    }
}
