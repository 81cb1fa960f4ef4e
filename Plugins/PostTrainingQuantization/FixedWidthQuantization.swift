import ModelGraph
import PassKit

/// Codes of one width: every part rounded to nearest by itself.
struct FixedWidthQuantization {
    let quantizer: UniformQuantizer
    let target: Set<QuantizePass.Part>
    let selection: TensorSelection

    func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        try selection.replaceEach(of: &graph, pass: QuantizePass.name, context) { tensor, _ in
            let payload = try quantized(tensor.payload, tensor.name)
            let bits = payload.parameterCount == 0 ? 0 : Double(payload.byteCount) * 8 / Double(payload.parameterCount)
            return (payload, [Measurement(name: "bitsPerParameter", value: bits)])
        }
    }

    private func quantized(_ payload: Payload, _ name: String) throws -> Payload {
        switch payload {
        case .dense where target.contains(.dense), .blocks where target.contains(.dense): return try codes(for: payload, name)
        case .lowRank(let tensor) where target.contains(.uv):
            return .lowRank(try LowRankTensor(u: try codes(for: tensor.u, name), v: try codes(for: tensor.v, name)))
        case .sparse(let tensor) where target.contains(.s):
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
