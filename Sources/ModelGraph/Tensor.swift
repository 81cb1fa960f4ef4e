/// A named tensor of a graph.
public struct Tensor: Sendable {
    public let name: String
    /// The logical shape, which the payload's equals.
    public let shape: Shape
    /// The dtype of the checkpoint the tensor came from: what it densifies to when nothing else is asked for.
    public let dtype: DType
    public var role: TensorRole
    public var payload: Payload
    /// Whether the Hugging Face checkpoint stores the transpose: [in, out] of a linear weight that is [out, in] here.
    public var isTransposedInCheckpoint = false

    public init(name: String, shape: Shape, dtype: DType, role: TensorRole = .unknown, payload: Payload) {
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.role = role
        self.payload = payload
    }

    /// A dense tensor as read from a file.
    public init(name: String, dense: DenseTensor, role: TensorRole = .unknown) {
        self.init(name: name, shape: dense.shape, dtype: dense.dtype, role: role, payload: .dense(dense))
    }

    /// A tensor of blocks as read from a file: F32 is what they decode to.
    public init(name: String, blocks: BlockTensor, role: TensorRole = .unknown) {
        self.init(name: name, shape: blocks.shape, dtype: .f32, role: role, payload: .blocks(blocks))
    }

    /// The same tensor with other values, and the dtype that they densify to.
    public func with(_ payload: Payload, dtype: DType) -> Tensor {
        var tensor = Tensor(name: name, shape: payload.shape, dtype: dtype, role: role, payload: payload)
        tensor.isTransposedInCheckpoint = isTransposedInCheckpoint
        return tensor
    }

    /// - Throws: `GraphError.inconsistent` with the tensor's name.
    public func checkInvariants() throws {
        do {
            guard payload.shape == shape else {
                throw GraphError.inconsistent("payload", "has shape \(payload.shape), the tensor \(shape)")
            }
            try payload.checkInvariants()
        } catch let error as GraphError {
            throw GraphError.inconsistent("tensor '\(name)'", "\(error)")
        }
    }
}

/// What a tensor is for in its architecture.
public enum TensorRole: String, Sendable {
    /// Token embedding table.
    case embedding
    /// Output head: hidden state to logits.
    case head
    /// Weight of a linear layer inside a block, [out, in].
    case linear
    /// Bias of a linear layer.
    case bias
    /// Gain or shift of a normalisation.
    case norm
    /// Weight that scores experts: small, and what changes it sends tokens elsewhere.
    case router
    /// Of a state space, what belongs to its channels or heads: small, read in floats, and carried as it is.
    case stateSpace = "state-space"
    /// Of a model that sees as well as it speaks, what is no part of the language model: the vision tower and what projects its outputs.
    case vision
    /// Nothing is known about it.
    case unknown
}
