import ModelGraph

/// Which tensors a pass works on: an option of every pass, with one meaning.
public struct TensorSelection: Sendable {
    /// Tensors by their role, or every matrix.
    public enum Layers: String, CaseIterable, Sendable {
        case linear, embedding, head, vision, matrices
    }

    private let layers: Set<Layers>
    /// Whether several matrices in one tensor, as experts are kept, are worked on as one that has all their rows.
    private let takesStacks: Bool

    /// The option `layers`.
    public static let option = SetOption<Layers>(
        "layers", default: .linear,
        "the tensors to work on: linear layers of the blocks, embedding, head, the vision tower and projector beside a language model, or every matrix whatever its role"
    )

    public init(_ options: PassOptions, takesStacks: Bool = false) {
        layers = options[Self.option]
        self.takesStacks = takesStacks
    }

    /// The names to work on, in file order, and the others with the reason.
    ///
    /// - Throws: `PassError` when nothing is left to work on.
    public func split(_ graph: TensorGraph, pass: String) throws -> (selected: [Tensor], leftAlone: [LeftAlone]) {
        var selected: [Tensor] = []
        var leftAlone: [LeftAlone] = []
        for tensor in graph.tensors {
            if let reason = reasonToLeave(tensor) {
                leftAlone.append(LeftAlone(name: tensor.name, reason: reason))
            } else {
                selected.append(tensor)
            }
        }
        guard !selected.isEmpty else {
            let known = graph.structure.architecture.map { "'\($0)'" } ?? "unknown"
            throw PassError(
                .unsupported, pass: pass,
                "no tensor is selected by layers=\(layers.text) (architecture \(known)); "
                    + "layers=matrices takes every matrix")
        }
        return (selected, leftAlone)
    }

    private func reasonToLeave(_ tensor: Tensor) -> String? {
        if tensor.role == .stateSpace { return "state-space: carried as it is" }
        // Those of heads have two sides.
        if tensor.role == .norm { return "norm, not a matrix" }
        let isStack = tensor.shape.rank == 3 && tensor.shape.dimensions[0] > 1
        guard tensor.shape.rank == 2 || takesStacks && isStack, tensor.shape.elementCount > 0 else {
            return isStack ? "\(tensor.shape.dimensions[0]) matrices in one tensor" : "\(tensor.role.rawValue), not a matrix"
        }
        guard tensor.dtype.isFloat, tensor.dtype.isComputable else { return "\(tensor.dtype.rawValue), no weights to compute with" }
        if layers.contains(.matrices) || Layers(rawValue: tensor.role.rawValue).map(layers.contains) == true { return nil }
        switch tensor.role {
        case .embedding, .head, .vision: return "\(tensor.role.rawValue): left alone unless layers= names it"
        default: return "role \(tensor.role.rawValue) is not among layers=\(layers.text)"
        }
    }
}
