import Architectures
import LinearAlgebra
import ModelGraph

/// The weights of one decoder block.
public struct BlockWeights {
    public var attentionNorm: [Float]
    public var query: LinearOperator
    public var key: LinearOperator
    public var value: LinearOperator
    public var attentionOutput: LinearOperator
    public var mlpNorm: [Float]
    public var gate: LinearOperator
    public var up: LinearOperator
    public var down: LinearOperator
}

/// The linear layers of a block.
public enum BlockLayer: CaseIterable, Sendable {
    case query, key, value, attentionOutput, gate, up, down

    /// The tensor's name after "model.layers.N.".
    public var tensorName: String {
        switch self {
        case .query: return "self_attn.q_proj.weight"
        case .key: return "self_attn.k_proj.weight"
        case .value: return "self_attn.v_proj.weight"
        case .attentionOutput: return "self_attn.o_proj.weight"
        case .gate: return "mlp.gate_proj.weight"
        case .up: return "mlp.up_proj.weight"
        case .down: return "mlp.down_proj.weight"
        }
    }

    var weight: WritableKeyPath<BlockWeights, LinearOperator> {
        switch self {
        case .query: return \.query
        case .key: return \.key
        case .value: return \.value
        case .attentionOutput: return \.attentionOutput
        case .gate: return \.gate
        case .up: return \.up
        case .down: return \.down
        }
    }
}

/// Where the weights of a graph are found by name, and checked against the configuration as they are read.
struct WeightSource {
    let graph: TensorGraph
    let configuration: ModelConfiguration

    /// A linear weight [out, in], or the replacement given for it.
    func linear(_ name: String, _ out: Int, _ input: Int, _ replacements: [String: Matrix]) throws -> LinearOperator {
        if let matrix = replacements[name] {
            guard matrix.rows == out, matrix.columns == input else {
                throw ModelError.wrongShape(name, expected: [out, input], found: [matrix.rows, matrix.columns])
            }
            return LinearOperator(matrix)
        }
        return try LinearOperator(try tensor(name, [out, input]).payload, name: name)
    }

    func vector(_ name: String, _ count: Int) throws -> [Float] {
        let values = try tensor(name, [count]).payload.densifiedFloats()
        guard values.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(name)'") }
        return values
    }

    func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
        guard let tensor = graph[name] else { throw ModelError.missingTensor(name) }
        guard tensor.shape.dimensions == shape else {
            throw ModelError.wrongShape(name, expected: shape, found: tensor.shape.dimensions)
        }
        return tensor
    }

    func block(_ index: Int, _ replacements: [String: Matrix]) throws -> BlockWeights {
        let c = configuration
        let prefix = "model.layers.\(index)."
        let (queries, keys) = (c.headCount * c.headSize, c.keyValueHeadCount * c.headSize)
        func weight(_ layer: BlockLayer, _ out: Int, _ input: Int) throws -> LinearOperator {
            try linear(prefix + layer.tensorName, out, input, replacements)
        }
        return BlockWeights(
            attentionNorm: try vector(prefix + "input_layernorm.weight", c.hiddenSize),
            query: try weight(.query, queries, c.hiddenSize),
            key: try weight(.key, keys, c.hiddenSize),
            value: try weight(.value, keys, c.hiddenSize),
            attentionOutput: try weight(.attentionOutput, c.hiddenSize, queries),
            mlpNorm: try vector(prefix + "post_attention_layernorm.weight", c.hiddenSize),
            gate: try weight(.gate, c.intermediateSize, c.hiddenSize),
            up: try weight(.up, c.intermediateSize, c.hiddenSize),
            down: try weight(.down, c.hiddenSize, c.intermediateSize))
    }
}

/// Why a graph cannot be run.
public enum ModelError: Error, CustomStringConvertible {
    case missingTensor(String)
    case wrongShape(String, expected: [Int], found: [Int])
    case unknownArchitecture(String)
    case unsupportedFeatures([String])
    case badToken(Int32, vocabularySize: Int)

    public var description: String {
        switch self {
        case .missingTensor(let name): return "tensor '\(name)' is missing"
        case .wrongShape(let name, let expected, let found):
            return "tensor '\(name)': the configuration needs shape \(expected), found \(found)"
        case .unknownArchitecture(let name):
            let known = ArchitectureFamily.all.map(\.name).joined(separator: ", ")
            return "architecture \(name) cannot be run; known: \(known)"
        case .unsupportedFeatures(let features): return "the model uses \(features.joined(separator: ", ")), which is not supported"
        case .badToken(let token, let size): return "token \(token) is outside the vocabulary of \(size)"
        }
    }
}
