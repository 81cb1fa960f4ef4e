/// What the float tensors of a graph are to be stored as.
public enum FloatStorage: Equatable, Sendable {
    /// A computable dtype.
    case plain(DType)
    /// ggml's Q8_0 for matrices, F32 for everything else.
    case q8_0
    /// Blocks of a codec that encodes for matrices, F32 for everything else.
    case blocks(BlockCodec)

    public static let names = ["f32", "f16", "bf16", "f64", "f8_e4m3", "f8_e5m2", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1"]
    private static let codecs: [BlockCodec] = [.q4_0, .q4_1, .q5_0, .q5_1]

    /// Elements of a block, whatever the codec.
    static let blockElements = QuantizedTensor.q8_0GroupSize

    /// What `name` spells in any case; nil for other words.
    public init?(name: String) {
        guard FloatStorage.names.contains(name.lowercased()) else { return nil }
        if let dtype = DType(name: name) {
            self = .plain(dtype)
        } else if let codec = FloatStorage.codecs.first(where: { $0.name == name.uppercased() }) {
            self = .blocks(codec)
        } else {
            self = .q8_0
        }
    }
}

extension TensorGraph {
    /// The graph with its float tensors stored another way, each converted when its bytes are asked for; integers stay.
    ///
    /// Values that are not dense are made dense, or encoded as blocks from what they densify to.
    /// - Returns: the graph, and the tensors that could not be stored so and stay as they are, each with the reason.
    /// - Throws, when bytes are asked for: `GraphError.notComputable` for a finite value that the dtype cannot hold, and for
    ///   blocks `GraphError.notFinite` for NaN and infinities.
    public func cast(to storage: FloatStorage) throws -> (graph: TensorGraph, leftAlone: [(name: String, reason: String)]) {
        var leftAlone: [(name: String, reason: String)] = []
        let graph = try mapTensors { tensor in
            guard tensor.dtype.isFloat else { return tensor }
            guard tensor.isComputable else {
                leftAlone.append((tensor.name, "\(tensor.dtype.rawValue) values are not computed with"))
                return tensor
            }
            switch storage {
            case .plain(let dtype): return try tensor.cast(to: dtype)
            case .q8_0, .blocks:
                guard tensor.isMatrixForBlocks else { return try tensor.cast(to: .f32) }
                guard tensor.shape.columns % FloatStorage.blockElements == 0 else {
                    leftAlone.append((tensor.name, "rows of \(tensor.shape.columns) are no multiple of \(FloatStorage.blockElements)"))
                    return tensor
                }
                if case .blocks(let codec) = storage { return try tensor.encoded(codec) }
                return try tensor.q8_0()
            }
        }
        return (graph, leftAlone)
    }

    /// The graph with every tensor replaced by one of the same name and shape.
    public func mapTensors(_ transform: (Tensor) throws -> Tensor) throws -> TensorGraph {
        var graph = TensorGraph()
        for tensor in tensors { try graph.append(transform(tensor)) }
        graph.metadata = metadata
        graph.attachments = attachments
        graph.ties = ties
        graph.structure = structure
        graph.sources = sources
        return graph
    }
}

extension Tensor {
    /// Whether floats can be had from the payload.
    var isComputable: Bool {
        if case .dense(let dense) = payload { return dense.dtype.isComputable }
        return true
    }

    /// Weights of linear layers, embeddings and heads, and matrices of which nothing is known.
    var isMatrixForBlocks: Bool { shape.rank == 2 && [.linear, .embedding, .head, .unknown].contains(role) && shape.elementCount > 0 }

    func cast(to dtype: DType) throws -> Tensor {
        if case .dense(let dense) = payload, dense.dtype == dtype, dense.codec == nil { return Tensor(name: name, dense: dense, role: role) }
        let converted = try payload.densified(as: dtype)
        let (payload, object) = (payload, "tensor '\(name)'")
        let checked = CheckedBytes(converted.bytes) { raw in
            let count = DenseTensor.nonFiniteCount(raw, dtype)
            guard try count == 0 || count <= payload.nonFiniteCount() else {
                throw GraphError.notComputable(object, "has values that \(dtype.rawValue) cannot hold")
            }
        }
        return Tensor(name: name, dense: try DenseTensor(dtype: dtype, shape: shape, bytes: checked), role: role)
    }

    func q8_0() throws -> Tensor {
        if case .quantized(let quantized) = payload, quantized.isQ8_0 { return self }
        let encoded = try QuantizedTensor(q8_0: payload, name: name)
        return Tensor(name: name, shape: shape, dtype: dtype, role: role, payload: .quantized(encoded))
    }
}

extension Tensor {
    /// The values as blocks of `codec`; blocks that are so already stay.
    func encoded(_ codec: BlockCodec) throws -> Tensor {
        if case .dense(let dense) = payload, dense.codec == codec { return self }
        let encoded = try DenseTensor(codec, encoding: payload, name: name)
        return Tensor(name: name, shape: shape, dtype: dtype, role: role, payload: .dense(encoded))
    }
}

/// Bytes that are looked at each time before they are handed on.
private final class CheckedBytes: ByteSource {
    private let source: any ByteSource
    private let check: (UnsafeRawBufferPointer) throws -> Void

    init(_ source: any ByteSource, check: @escaping (UnsafeRawBufferPointer) throws -> Void) {
        self.source = source
        self.check = check
    }

    var byteCount: Int { source.byteCount }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try source.withUnsafeBytes { raw in
            try check(raw)
            return try body(raw)
        }
    }
}
