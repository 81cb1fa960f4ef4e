import Architectures
import ModelGraph

/// What the tensors of a checkpoint are called in GGUF.
public struct GGUFNames {
    private let naming: GGUFNaming

    /// Nil for a model of no architecture that llama.cpp knows.
    ///
    /// - Throws: `ConfigurationError` for a configuration that is broken.
    public init?(_ graph: TensorGraph) throws {
        guard let naming = try GGUFModel.configuration(of: graph).flatMap({ GGUFNaming($0, prefix: $0.family?.prefix(graph.contains)) })
        else { return nil }
        self.naming = naming
    }

    /// The name in a file, which experts share.
    public func name(of tensor: String) -> String { naming.storedName(of: tensor) }

    /// The number of the expert that a tensor is of; nil for others.
    public func expert(of tensor: String) -> Int? { naming.expert(of: tensor) }
}
