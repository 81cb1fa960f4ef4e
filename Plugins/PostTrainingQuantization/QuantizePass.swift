import ModelGraph
import PassKit

/// Post-training quantisation by rounding to nearest: of the factors U and V, and on request of sparse values and dense tensors.
public struct QuantizePass: TensorPass {
    public static let name = "quantize"
    public static let summary = "integer codes with a scale a group, for U, V, sparse values and dense tensors"
    public static let options = [
        PassOption("bits", .integer(2...8), default: "8", "bits a code"),
        PassOption("group", .integer(1...1_048_576), default: "64", "elements of a row that share a scale"),
        PassOption("symmetric", .flag, default: "true", "levels around zero; false gives each group a zero point"),
        PassOption("target", .set(["uv", "s", "dense"]), default: "uv", "the parts to quantise: factors, sparse values, dense tensors"),
        TensorSelection.option,
    ]

    public let selection: TensorSelection
    private let quantizer: UniformQuantizer
    private let target: Set<String>

    public init(_ options: PassOptions) throws {
        selection = TensorSelection(options)
        quantizer = UniformQuantizer(
            bits: options.integer("bits"), groupSize: options.integer("group"), isSymmetric: options.flag("symmetric"))
        target = options.words("target")
    }

    public func transform(_ tensor: Tensor, _ context: PassContext) throws -> (payload: Payload, measurements: [Measurement]) {
        let payload = try quantized(tensor.payload, tensor.name)
        let bits = payload.parameterCount == 0 ? 0 : Double(payload.byteCount) * 8 / Double(payload.parameterCount)
        return (payload, [Measurement(name: "bitsPerParameter", value: bits)])
    }

    private func quantized(_ payload: Payload, _ name: String) throws -> Payload {
        switch payload {
        case .dense where target.contains("dense"): return try codes(for: payload, name)
        case .lowRank(let tensor) where target.contains("uv"):
            return .lowRank(try LowRankTensor(u: try codes(for: tensor.u, name), v: try codes(for: tensor.v, name)))
        case .sparse(let tensor) where target.contains("s"):
            return .sparse(try SparseTensor(pattern: tensor.pattern, values: try codes(for: tensor.values, name)))
        case .composite(let terms): return .composite(try terms.map { try quantized($0, name) })
        default: return payload
        }
    }

    private func codes(for part: Payload, _ name: String) throws -> Payload {
        let values = try part.densifiedFloats()
        guard values.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(name)'") }
        return .quantized(try quantizer.quantize(values, shape: part.shape, name: name))
    }
}
