import FormatKit
import ModelGraph

/// GPTQ as AutoGPTQ and GPTQModel store it: codes of 2, 4 or 8 bits in 32-bit words down the inputs, zero points in words along the outputs, a
/// scale for each group of inputs: W[o, i] = s[g, o] · (q[i, o] − z[g, o]) in the scales' dtype.
struct GPTQWeight: WeightCoding {
    let scheme = "GPTQ"
    let weight: String
    let shape: Shape
    let parts: [String]
    let dtype: DType
    private let bits: Int
    /// What is added to the zero points: 1, but for the second version of the format.
    private let zeroOffset: UInt32
    private let codes: DenseTensor
    private let zeros: DenseTensor
    private let scales: DenseTensor
    /// The group of each input; nil for groups of neighbours.
    private let groups: DenseTensor?

    /// - Throws: `FormatError.malformed` for shapes that do not fit each other; `.unsupported` for codes of other widths.
    init(_ layer: LayerTensors, _ settings: QuantizationSettings) throws {
        let codes = try layer.codes("qweight", .i32)
        guard codes.shape.rank == 2, let found = layer["scales"], found.shape.rank == 2, found.shape.rows > 0 else {
            throw layer.malformed("qweight", "is no matrix beside a matrix of scales")
        }
        let (outputs, groupCount) = (codes.shape.columns, found.shape.rows)
        let groups = layer["g_idx"] == nil ? nil : try layer.codes("g_idx", .i32)
        let bits =
            try groups.map { groups -> Int in
                guard groups.shape.rank == 1, groups.shape.elementCount > 0 else { throw layer.malformed("g_idx", "is no vector") }
                return 32 * codes.shape.rows / groups.shape.elementCount
            } ?? settings.bits ?? 4
        guard [2, 4, 8].contains(bits), !settings.isMarlin else {
            throw FormatError.unsupported(
                layer.path, "tensor '\(layer.layer)qweight'", "has GPTQ codes of a kind that is not decoded (\(bits) bits)")
        }
        let pack = 32 / bits
        let inputs = codes.shape.rows * pack
        scales = try layer.scales("scales", [[groupCount, outputs]])
        zeros = try layer.codes("qzeros", .i32, [groupCount, (outputs + pack - 1) / pack])
        guard groups.map({ $0.shape.elementCount == inputs }) ?? (inputs % groupCount == 0), let shape = Shape([outputs, inputs]) else {
            throw layer.malformed("qweight", "has \(inputs) inputs in \(groupCount) groups, which do not fit each other")
        }
        (self.codes, self.groups) = (codes, groups)
        (self.bits, self.shape, weight, dtype) = (bits, shape, layer.layer + "weight", scales.dtype)
        zeroOffset = settings.checkpointFormat == "gptq_v2" ? 0 : 1
        parts = layer.names("qweight", "qzeros", "scales", "g_idx")
    }

    func floats() throws -> [Float] {
        let (outputs, inputs, pack) = (shape.rows, shape.columns, 32 / bits)
        let (codes, zeros, scales) = (try self.codes.words(), try self.zeros.words(), try self.scales.floats())
        let mask = UInt32(1 << bits) - 1
        let groupCount = scales.count / max(outputs, 1)
        let zeroColumns = (outputs + pack - 1) / pack
        let groups = try self.groups?.words().map(Int.init)
        if let wrong = groups?.first(where: { $0 >= groupCount }) {
            throw GraphError.inconsistent("'\(weight)'", "has an input in group \(wrong) of \(groupCount)")
        }
        let groupSize = max(inputs / max(groupCount, 1), 1)
        var values = [Float](repeating: 0, count: outputs * inputs)
        for input in 0..<inputs {
            let (row, shift, group) = (input / pack, UInt32(input % pack * bits), groups?[input] ?? input / groupSize)
            for output in 0..<outputs {
                let code = codes[row * outputs + output] >> shift & mask
                let stored = zeros[group * zeroColumns + output / pack] >> UInt32(output % pack * bits) & mask
                let zero = (stored + zeroOffset) & mask
                values[output * inputs + input] = scales[group * outputs + output] * Float(Int(code) - Int(zero))
            }
        }
        return try Rounding.round(values, to: dtype)
    }
}
