import FormatKit
import ModelGraph

/// AWQ as AutoAWQ's GEMM form stores it: codes of 4 bits in 32-bit words along the outputs, eight in the order 0 2 4 6 1 3 5 7, zero points so
/// too: W[o, i] = (q[i, o] − z[g, o]) · s[g, o] in the scales' dtype.
struct AWQWeight: WeightCoding {
    let scheme = "AWQ"
    let weight: String
    let shape: Shape
    let parts: [String]
    let dtype: DType
    private let codes: DenseTensor
    private let zeros: DenseTensor
    private let scales: DenseTensor

    /// The place in a word of each of eight neighbouring outputs.
    private static let places: [UInt32] = [0, 4, 1, 5, 2, 6, 3, 7]

    /// - Throws: `FormatError.malformed` for shapes that do not fit each other.
    init(_ layer: LayerTensors) throws {
        codes = try layer.codes("qweight", .i32)
        guard codes.shape.rank == 2, let found = layer["scales"], found.shape.rank == 2, found.shape.rows > 0 else {
            throw layer.malformed("qweight", "is no matrix beside a matrix of scales")
        }
        let (inputs, outputs, groupCount) = (codes.shape.rows, codes.shape.columns * 8, found.shape.rows)
        scales = try layer.scales("scales", [[groupCount, outputs]])
        zeros = try layer.codes("qzeros", .i32, [groupCount, codes.shape.columns])
        guard inputs % groupCount == 0, let shape = Shape([outputs, inputs]) else {
            throw layer.malformed("qweight", "has \(inputs) inputs, which are no whole \(groupCount) groups")
        }
        (self.shape, weight, dtype) = (shape, layer.layer + "weight", scales.dtype)
        parts = layer.names("qweight", "qzeros", "scales")
    }

    func floats() throws -> [Float] {
        let (outputs, inputs) = (shape.rows, shape.columns)
        let (codes, zeros, scales) = (try self.codes.words(), try self.zeros.words(), try self.scales.floats())
        let (words, groupCount) = (outputs / 8, scales.count / max(outputs, 1))
        let groupSize = max(inputs / max(groupCount, 1), 1)
        var values = [Float](repeating: 0, count: outputs * inputs)
        for input in 0..<inputs {
            let group = input / groupSize
            for output in 0..<outputs {
                let shift = 4 * AWQWeight.places[output % 8]
                let code = codes[input * words + output / 8] >> shift & 15
                let zero = zeros[group * words + output / 8] >> shift & 15
                values[output * inputs + input] = Float(Int(code) - Int(zero)) * scales[group * outputs + output]
            }
        }
        return try Rounding.round(values, to: dtype)
    }
}
