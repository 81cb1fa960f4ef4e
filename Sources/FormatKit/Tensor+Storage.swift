import ModelGraph

extension Tensor {
    /// The tensor's elements for a format that stores nothing but arrays: its `dtype`, F32 where that cannot be computed with.
    /// Dense bytes are taken as they are when they have that dtype; everything else is made when asked for. Rows and columns are those
    /// of the Hugging Face checkpoint.
    public func denseForStorage() throws -> DenseTensor {
        let dense = try denseInGraph()
        return isTransposedInCheckpoint ? try dense.transposed() : dense
    }

    /// The same with the rows and columns of the graph.
    public func denseInGraph() throws -> DenseTensor {
        if case .dense(let dense) = payload, dense.dtype == dtype || !dense.dtype.isComputable || !dtype.isComputable { return dense }
        return try payload.densified(as: dtype.isComputable ? dtype : .f32)
    }

    /// Whether writing the tensor as one array loses how it is made up.
    public var isStructured: Bool {
        if case .dense = payload { return false }
        return true
    }

    /// What a plain array is not: the kind of the payload, or the name of its blocks.
    public var structureName: String {
        if case .blocks(let blocks) = payload { return blocks.codec.name }
        return payload.kindName
    }
}

extension TensorGraph {
    /// The one warning of a format that writes low-rank, sparse, quantized and block-encoded tensors as plain arrays; nil without any.
    public func structureWarning(formatName: String, where isLost: (Tensor) -> Bool = { $0.isStructured }) -> String? {
        let lost = tensors.filter(isLost)
        guard let first = lost.first else { return nil }
        let kinds = Set(lost.map(\.structureName)).sorted().joined(separator: ", ")
        return "\(formatName) has no \(kinds) tensors: \(lost.count) are written as dense arrays, '\(first.name)' the first"
    }
}
