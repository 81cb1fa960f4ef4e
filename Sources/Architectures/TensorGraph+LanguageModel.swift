import FormatKit
import ModelGraph

extension TensorGraph {
    /// The language model of one that sees as well, as a model of its own: names as its family usually has them, and a config.json of it alone.
    ///
    /// - Returns: nil for any other model; the tensors that are left out beside it.
    /// - Throws: `GraphError` for two tensors of one name.
    package func languageModel(_ configuration: ModelConfiguration) throws -> (graph: TensorGraph, leftOut: [Tensor])? {
        guard let vision = configuration.vision, let family = configuration.family else { return nil }
        let prefix = family.prefix(contains)
        var leftOut: [Tensor] = []
        var graph = try flatMapTensors { tensor in
            guard let (rule, block, expert) = family.rule(forName: tensor.name) else {
                if !family.isDerived(tensor.name) { leftOut.append(tensor) }
                return []
            }
            let name = family.name(of: rule, prefix: family.usualPrefix, block: block, expert: expert)
            var renamed = Tensor(name: name, shape: tensor.shape, dtype: tensor.dtype, role: tensor.role, payload: tensor.payload)
            renamed.isTransposedInCheckpoint = tensor.isTransposedInCheckpoint
            return [renamed]
        }
        if let head = family.rule(of: .head) {
            let (old, new) = (family.name(of: head, prefix: prefix), family.name(of: head, prefix: family.usualPrefix))
            let target = family.usualPrefix.applied(to: family.embedding, isOfHead: false)
            graph.ties = ties.map { $0.name == old ? Tie(name: new, target: target) : $0 }
        }
        graph.fileHeaders = []
        graph.provenance = provenance
        graph.attach(Attachment(name: ModelConfiguration.fileName, bytes: vision.languageConfiguration.serialized()))
        return (graph, leftOut)
    }
}
