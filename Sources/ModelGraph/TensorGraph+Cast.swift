/// What the float tensors of a graph are to be stored as.
public enum FloatStorage: Equatable, Sendable {
    /// A computable dtype.
    case plain(DType)
    /// ggml's Q8_0 for matrices, F32 for everything else.
    case q8_0
    /// Blocks of a codec that encodes for matrices, F32 for everything else.
    case blocks(BlockCodec)

    public static let names = [
        "f32", "f16", "bf16", "f64", "f8_e4m3", "f8_e5m2", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k",
        "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s", "iq4_nl", "iq4_xs",
    ]

    /// Elements that rows have to be a multiple of.
    var blockElements: Int {
        switch self {
        case .plain: return 1
        case .q8_0: return QuantizedTensor.q8_0GroupSize
        case .blocks(let codec): return codec.elementsPerBlock
        }
    }

    /// As ggml writes it: F32, Q4_K.
    public var displayName: String {
        switch self {
        case .plain(let dtype): return dtype.rawValue
        case .q8_0: return "Q8_0"
        case .blocks(let codec): return codec.name
        }
    }

    /// What `name` spells in any case; nil for other words.
    public init?(name: String) {
        guard FloatStorage.names.contains(name.lowercased()) else { return nil }
        if let dtype = DType(name: name) {
            self = .plain(dtype)
        } else if let codec = BlockCodec.made.first(where: { $0.name == name.uppercased() }) {
            self = .blocks(codec)
        } else {
            self = .q8_0
        }
    }
}

/// How one tensor is to be stored.
public struct TensorStorage: Sendable {
    public let storage: FloatStorage
    /// What it is stored as if its rows are no whole blocks of that.
    public let fallback: FloatStorage?
    /// What errors of its columns count; nil where all count alike.
    public let weights: ColumnWeights?

    public init(_ storage: FloatStorage, orElse fallback: FloatStorage? = nil, weights: ColumnWeights? = nil) {
        (self.storage, self.fallback, self.weights) = (storage, fallback, weights)
    }
}

/// A graph with its float tensors stored another way.
public struct GraphCast: Sendable {
    public internal(set) var graph = TensorGraph()
    /// Tensors that could not be stored so and stay as they are, each with the reason.
    public internal(set) var leftAlone: [(name: String, reason: String)] = []
    /// Tensors that are stored in other blocks than those asked for, each with those blocks and the reason.
    public internal(set) var substituted: [(name: String, storage: FloatStorage, reason: String)] = []
}

extension TensorGraph {
    /// The graph with its float tensors stored another way, each converted when its bytes are asked for; integers stay.
    ///
    /// Values that are not dense are made dense, or encoded as blocks from what they densify to.
    /// - Parameter fallback: what matrices are stored as whose rows are no whole blocks of `storage`.
    /// - Throws, when bytes are asked for: `GraphError.notComputable` for a finite value that the dtype cannot hold, and for
    ///   blocks `GraphError.notFinite` for NaN and infinities.
    public func cast(to storage: FloatStorage, orElse fallback: FloatStorage? = nil) throws -> GraphCast {
        try self.cast { _ in TensorStorage(storage, orElse: fallback) }
    }

    /// The same, where each tensor has a storage of its own.
    ///
    /// - Parameter storage: nil for a tensor that stays as it is.
    public func cast(_ storage: (Tensor) throws -> TensorStorage?) throws -> GraphCast {
        var cast = GraphCast()
        cast.graph = try mapTensors { tensor in
            try storage(tensor).map { try tensor.cast(to: $0, noting: &cast) } ?? tensor
        }
        return cast
    }

    /// The graph with every tensor replaced by one of the same name and shape.
    public func mapTensors(_ transform: (Tensor) throws -> Tensor) throws -> TensorGraph {
        try flatMapTensors { [try transform($0)] }
    }

    /// The same with any number of tensors in the place of each.
    public func flatMapTensors(_ transform: (Tensor) throws -> [Tensor]) throws -> TensorGraph {
        var graph = TensorGraph()
        for tensor in tensors { for made in try transform(tensor) { try graph.append(made) } }
        graph.metadata = metadata
        graph.attachments = attachments
        graph.ties = ties
        graph.structure = structure
        graph.sources = sources
        graph.fileHeaders = fileHeaders
        return graph
    }
}

extension Tensor {
    /// Whether floats can be had from the payload.
    var isComputable: Bool {
        if case .dense(let dense) = payload { return dense.dtype.isComputable }
        return true
    }

    /// Weights of linear layers, embeddings and heads, and matrices of which nothing is known; several matrices in one tensor are experts.
    public var isMatrixForBlocks: Bool {
        (shape.rank == 2 || shape.rank == 3) && [.linear, .embedding, .head, .vision, .unknown].contains(role) && shape.elementCount > 0
    }

    fileprivate func cast(to wanted: TensorStorage, noting cast: inout GraphCast) throws -> Tensor {
        let storage = wanted.storage, candidates = [storage, wanted.fallback].compactMap { $0 }
        guard dtype.isFloat else { return self }
        guard isComputable else {
            cast.leftAlone.append((name, "\(dtype.rawValue) values are not computed with"))
            return self
        }
        if case .plain(let dtype) = storage { return try self.cast(to: dtype) }
        guard isMatrixForBlocks else { return try self.cast(to: .f32) }
        guard let possible = candidates.first(where: { shape.columns % $0.blockElements == 0 }) else {
            let least = candidates.map(\.blockElements).min() ?? 1
            cast.leftAlone.append((name, "rows of \(shape.columns) are no multiple of \(least)"))
            return self
        }
        if possible != storage {
            cast.substituted.append((name, possible, "rows of \(shape.columns) are no multiple of \(storage.blockElements)"))
        }
        switch possible {
        case .blocks(let codec): return try encoded(codec, wanted.weights)
        case .plain(let dtype): return try self.cast(to: dtype)
        case .q8_0: return try q8_0()
        }
    }

    func cast(to dtype: DType) throws -> Tensor {
        if case .dense(let dense) = payload, dense.dtype == dtype {
            return with(.dense(dense), dtype: dense.dtype)
        }
        return with(.dense(try payload.densified(as: dtype, keepingFinite: name)), dtype: dtype)
    }

    func q8_0() throws -> Tensor {
        if case .quantized(let quantized) = payload, quantized.isQ8_0 { return self }
        let encoded = try QuantizedTensor(q8_0: payload, name: name)
        return with(.quantized(encoded), dtype: dtype)
    }
}

extension Tensor {
    /// The values as blocks of `codec`; blocks that are so already stay.
    func encoded(_ codec: BlockCodec, _ weights: ColumnWeights? = nil) throws -> Tensor {
        if case .blocks(let blocks) = payload, blocks.codec == codec { return self }
        return with(.blocks(try BlockTensor(codec, encoding: payload, name: name, weights: weights)), dtype: dtype)
    }
}
