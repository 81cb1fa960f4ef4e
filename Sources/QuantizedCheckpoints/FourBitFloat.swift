import FormatKit
import ModelGraph

/// Four-bit floats, E2M1 of the OCP Microscaling specification: a sign, two bits of exponent, one of mantissa.
enum FourBitFloat {
    static let values: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]
}

/// NVFP4: two values a byte, the first in the lower half, with a scale in F8_E4M3 for each 16 of a row and one for all: ModelOpt multiplies by
/// the latter, compressed-tensors divides by it.
struct NVFP4Weight: WeightCoding {
    let scheme = "NVFP4"
    let weight: String
    let shape: Shape
    let parts: [String]
    let dtype = DType.bf16
    private let codes: DenseTensor
    private let scales: DenseTensor
    private let global: DenseTensor
    private let divides: Bool

    private static let groupSize = 16

    /// - Throws: `FormatError.malformed`.
    init(_ layer: LayerTensors, codes name: String, global globalName: String, divides: Bool) throws {
        codes = try layer.codes(name, .u8)
        guard codes.shape.rank == 2, let shape = Shape([codes.shape.rows, codes.shape.columns * 2]),
            shape.columns % NVFP4Weight.groupSize == 0
        else { throw layer.malformed(name, "is no matrix of whole groups") }
        scales = try layer.codes("weight_scale", .f8E4M3, [shape.rows, shape.columns / NVFP4Weight.groupSize])
        global = try layer.scales(globalName, [[], [1]])
        (self.shape, self.divides, weight) = (shape, divides, layer.layer + "weight")
        parts = layer.names(name, "weight_scale", globalName, "input_scale", "input_global_scale", "pre_quant_scale")
        guard layer["pre_quant_scale"] == nil else { throw layer.malformed("pre_quant_scale", "scales inputs, which is not decoded") }
    }

    func floats() throws -> [Float] {
        let (codes, scales, global) = (try self.codes.octets(), try self.scales.floats(), try self.global.floats()[0])
        var values = [Float](repeating: 0, count: codes.count * 2)
        for (place, byte) in codes.enumerated() {
            let stored = scales[2 * place / NVFP4Weight.groupSize]
            let scale = divides ? stored / global : stored * global
            values[2 * place] = FourBitFloat.values[Int(byte & 15)] * scale
            values[2 * place + 1] = FourBitFloat.values[Int(byte >> 4)] * scale
        }
        return try Rounding.round(values, to: dtype)
    }
}

/// MXFP4 as gpt-oss has its experts: blocks of 32 values, two a byte, with a power of two each; experts [E, out, groups, 16] become [E, in, out].
struct MXFP4Weight: WeightCoding {
    let scheme = "MXFP4"
    let weight: String
    let shape: Shape
    let parts: [String]
    let dtype = DType.bf16
    private let codes: DenseTensor
    private let scales: DenseTensor

    /// - Throws: `FormatError.malformed`.
    init(_ layer: LayerTensors) throws {
        codes = try layer.codes("_blocks", .u8)
        let sides = codes.shape.dimensions
        guard sides.count == 4, sides[3] == 16, let shape = Shape([sides[0], sides[2] * 32, sides[1]]) else {
            throw layer.malformed("_blocks", "is \(codes.shape), not experts × outputs × groups × 16")
        }
        scales = try layer.codes("_scales", .u8, Array(sides.dropLast()))
        (self.shape, weight, parts) = (shape, layer.layer, layer.names("_blocks", "_scales"))
    }

    func floats() throws -> [Float] {
        let (experts, inputs, outputs) = (shape.dimensions[0], shape.dimensions[1], shape.dimensions[2])
        let (codes, scales) = (try self.codes.octets(), try self.scales.octets())
        var values = [Float](repeating: 0, count: experts * inputs * outputs)
        for expert in 0..<experts {
            for output in 0..<outputs {
                let row = expert * outputs + output
                for input in 0..<inputs {
                    let byte = codes[row * inputs / 2 + input / 2]
                    let value = FourBitFloat.values[Int(input % 2 == 0 ? byte & 15 : byte >> 4)]
                    let exponent = Int(scales[row * inputs / 32 + input / 32]) - 127
                    values[(expert * inputs + input) * outputs + output] = value * Float(sign: .plus, exponent: exponent, significand: 1)
                }
            }
        }
        return try Rounding.round(values, to: dtype)
    }
}
