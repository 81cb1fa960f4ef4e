import FormatKit
import ModelGraph
import StrictJSON

/// NF4 and FP4 of bitsandbytes (QLoRA, arXiv 2305.14314): two codes a byte, the first in the upper half, a table of 16 values, a greatest value
/// for each block, itself in bytes where quantisation is double.
struct BitsAndBytesWeight: WeightCoding {
    let scheme: String
    let weight: String
    let shape: Shape
    let parts: [String]
    let dtype: DType
    private let codes: DenseTensor
    private let table: DenseTensor
    private let blockSize: Int
    private let greatest: DenseTensor
    private let nested: (table: DenseTensor, greatest: DenseTensor, blockSize: Int, offset: Float)?

    static let stateEndings = [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"]

    /// - Parameter layer: of the weight's own name.
    /// - Throws: `FormatError.malformed`.
    init(_ layer: LayerTensors, state ending: String) throws {
        let state = try JSONValue(
            parsing: layer.codes(ending, .u8).octets(), path: layer.path, object: "tensor '\(layer.layer)\(ending)'")
        let sides = state["shape"]?.array?.compactMap(\.integer) ?? []
        let blockSize = state["blocksize"]?.integer ?? 0
        codes = try layer.codes("", .u8)
        guard let shape = Shape(sides), sides.count == state["shape"]?.array?.count, (1...1 << 20).contains(blockSize),
            codes.shape.elementCount == (shape.elementCount + 1) / 2, shape.elementCount > 0
        else { throw layer.malformed(ending, "is of \(sides) in blocks of \(blockSize), and there are \(codes.shape.elementCount) bytes") }
        let blocks = (shape.elementCount + blockSize - 1) / blockSize
        table = try layer.scales(".quant_map", [[16]])
        if layer[".nested_absmax"] != nil {
            let inner = state["nested_blocksize"]?.integer ?? 0
            guard (1...1 << 20).contains(inner) else { throw layer.malformed(ending, "has nested blocks of \(inner)") }
            greatest = try layer.codes(".absmax", .u8, [blocks])
            nested = (
                try layer.scales(".nested_quant_map", [[256]]), try layer.scales(".nested_absmax", [[(blocks + inner - 1) / inner]]), inner,
                Float(state["nested_offset"]?.number ?? 0)
            )
        } else {
            greatest = try layer.scales(".absmax", [[blocks]])
            nested = nil
        }
        switch state["dtype"]?.string {
        case "bfloat16": dtype = .bf16
        case "float32": dtype = .f32
        default: dtype = .f16
        }
        (self.shape, self.blockSize, weight) = (shape, blockSize, layer.layer)
        scheme = "bitsandbytes \(ending.hasSuffix("nf4") ? "NF4" : "FP4")"
        parts = layer.names("", ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ending)
    }

    func floats() throws -> [Float] {
        let (codes, table) = (try self.codes.octets(), try self.table.floats())
        var greatest: [Float]
        if let nested {
            let (inner, scales) = (try nested.table.floats(), try nested.greatest.floats())
            greatest = try self.greatest.octets().enumerated().map { block, byte in
                inner[Int(byte)] * scales[block / nested.blockSize] + nested.offset
            }
        } else {
            greatest = try self.greatest.floats()
        }
        let values = (0..<shape.elementCount).map { place -> Float in
            let byte = codes[place / 2]
            return table[Int(place % 2 == 0 ? byte >> 4 : byte & 15)] * greatest[place / blockSize]
        }
        return try Rounding.round(values, to: dtype)
    }
}
