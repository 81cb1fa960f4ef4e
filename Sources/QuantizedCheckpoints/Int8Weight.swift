import FormatKit
import ModelGraph

/// Bytes with a scale: those of bitsandbytes (W = q · SCB / 127 by row, in F32), and of compressed-tensors (W = (q − z) · s by tensor, row or
/// group of a row, in the scales' dtype).
struct Int8Weight: WeightCoding {
    let scheme: String
    let weight: String
    let shape: Shape
    let parts: [String]
    let dtype: DType
    private let codes: DenseTensor
    private let scales: DenseTensor
    private let zeros: DenseTensor?
    /// What products are multiplied by.
    private let factor: Float?

    /// 1 / 127, as bitsandbytes has it.
    private static let reciprocal: Float = 7.874015718698502e-3

    /// Of bitsandbytes.
    ///
    /// - Throws: `FormatError.malformed`; `.unsupported` for other orders than row by row.
    init(bitsAndBytes layer: LayerTensors) throws {
        codes = try layer.codes("weight", .i8)
        guard codes.shape.rank == 2 else { throw layer.malformed("weight", "is no matrix") }
        scales = try layer.scales("SCB", [[codes.shape.rows]])
        if let order = layer["weight_format"]?.payload.elementArray, try order.octets().contains(where: { $0 != 0 }) {
            throw FormatError.unsupported(layer.path, "tensor '\(layer.layer)weight'", "lies in tiles; row by row is decoded")
        }
        (scheme, weight, shape, dtype, zeros, factor) = (
            "bitsandbytes int8", layer.layer + "weight", codes.shape, .f32, nil, Int8Weight.reciprocal
        )
        parts = layer.names("weight", "SCB", "weight_format")
    }

    /// Of compressed-tensors.
    ///
    /// - Throws: `FormatError.malformed`.
    init(compressedTensors layer: LayerTensors) throws {
        codes = try layer.codes("weight", .i8)
        guard codes.shape.rank == 2, let found = layer["weight_scale"] else { throw layer.malformed("weight", "is no matrix") }
        let (rows, columns) = (codes.shape.rows, codes.shape.columns)
        let groups = max(found.shape.rank == 2 ? found.shape.columns : 1, 1)
        guard columns % groups == 0 else { throw layer.malformed("weight_scale", "has \(groups) groups for \(columns) columns") }
        let shapes = [[], [1], [1, 1], [rows], [rows, 1], [rows, groups]]
        scales = try layer.scales("weight_scale", shapes)
        zeros = layer["weight_zero_point"] == nil ? nil : try layer.codes("weight_zero_point", .i8, scales.shape.dimensions)
        (scheme, weight, shape, dtype, factor) = ("compressed-tensors int8", layer.layer + "weight", codes.shape, scales.dtype, nil)
        parts = layer.names("weight", "weight_scale", "weight_zero_point", "input_scale", "input_zero_point")
    }

    func floats() throws -> [Float] {
        let (rows, columns) = (shape.rows, shape.columns)
        let (codes, scales) = (try self.codes.octets().map(Int8.init(bitPattern:)), try self.scales.floats())
        let zeros = try self.zeros?.octets().map(Int8.init(bitPattern:))
        // One scale for all, for a row, or for each of several groups of a row.
        let (rowStride, groups) = scales.count == 1 ? (0, 1) : (max(scales.count / max(rows, 1), 1), max(scales.count / max(rows, 1), 1))
        let groupSize = max(columns / groups, 1)
        var values = [Float](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            for column in 0..<columns {
                let place = row * rowStride + column / groupSize
                let code = Int(codes[row * columns + column]) - Int(zeros?[place] ?? 0)
                let value = Float(code) * scales[place]
                values[row * columns + column] = factor.map { value * $0 } ?? value
            }
        }
        return try Rounding.round(values, to: dtype)
    }
}
