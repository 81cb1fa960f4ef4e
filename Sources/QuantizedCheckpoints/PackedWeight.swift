import FormatKit
import ModelGraph

/// compressed-tensors' "pack-quantized": codes of 4 or 8 bits in 32-bit words along a row, each with half their range added; a scale for each
/// group of a row: W = (q − z) · s in the scales' dtype.
struct PackedWeight: WeightCoding {
    let scheme = "compressed-tensors pack-quantized"
    let weight: String
    let shape: Shape
    let parts: [String]
    let dtype: DType
    private let bits: Int
    private let codes: DenseTensor
    private let scales: DenseTensor
    /// In words down the rows.
    private let zeros: DenseTensor?
    private let groups: DenseTensor?

    /// - Throws: `FormatError.malformed`; `.unsupported` for codes of other widths.
    init(_ layer: LayerTensors, _ settings: QuantizationSettings) throws {
        let codes = try layer.codes("weight_packed", .i32)
        let sides = try layer.codes("weight_shape", .i64, [2]).bytes.withUnsafeBytes { raw in
            [0, 8].map { Int(raw.loadUnaligned(fromByteOffset: $0, as: Int64.self)) }
        }
        guard let shape = Shape(sides), sides.allSatisfy({ $0 > 0 }), codes.shape.rank == 2, codes.shape.rows == sides[0] else {
            throw layer.malformed("weight_shape", "is \(sides), and the codes are \(codes.shape)")
        }
        let fitting = [4, 8, 2].filter { (sides[1] + 32 / $0 - 1) / (32 / $0) == codes.shape.columns }
        let named = settings.bits.flatMap { fitting.contains($0) ? $0 : nil }
        guard let bits = named ?? fitting.first else {
            throw FormatError.unsupported(layer.path, "tensor '\(layer.layer)weight_packed'", "has codes of neither 2, 4 nor 8 bits")
        }
        let groupCount = layer["weight_scale"]?.shape.rank == 2 ? layer["weight_scale"]?.shape.columns ?? 1 : 1
        scales = try layer.scales("weight_scale", [[sides[0], max(groupCount, 1)], [sides[0]], [1]])
        groups = layer["weight_g_idx"] == nil ? nil : try layer.codes("weight_g_idx", .i32, [sides[1]])
        let pack = 32 / bits
        zeros =
            layer["weight_zero_point"] == nil
            ? nil : try layer.codes("weight_zero_point", .i32, [(sides[0] + pack - 1) / pack, max(groupCount, 1)])
        guard sides[1] % max(groupCount, 1) == 0 else {
            throw layer.malformed("weight_scale", "has \(groupCount) groups for \(sides[1]) columns")
        }
        self.codes = codes
        (self.bits, self.shape, weight, dtype) = (bits, shape, layer.layer + "weight", scales.dtype)
        parts = layer.names(
            "weight_packed", "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "input_scale", "input_zero_point")
    }

    func floats() throws -> [Float] {
        let (rows, columns, pack) = (shape.rows, shape.columns, 32 / bits)
        let (codes, scales) = (try self.codes.words(), try self.scales.floats())
        let zeros = try self.zeros?.words()
        let groups = try self.groups?.words().map { Int(Int32(bitPattern: $0)) }
        let (mask, half) = (UInt32(truncatingIfNeeded: (1 << bits) - 1), 1 << (bits - 1))
        let isOne = scales.count == 1
        let groupCount = isOne ? 1 : scales.count / rows
        let groupSize = columns / groupCount
        let width = (columns + pack - 1) / pack
        if let wrong = groups?.first(where: { $0 >= groupCount || $0 < -1 }) {
            throw GraphError.inconsistent("'\(weight)'", "has a column in group \(wrong) of \(groupCount)")
        }
        var values = [Float](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            for column in 0..<columns {
                // Groups of -1 are not there.
                let group = groups.flatMap { $0[column] < 0 ? nil : $0[column] } ?? column / groupSize
                let code = Int(codes[row * width + column / pack] >> UInt32(column % pack * bits) & mask)
                let zero = zeros.map { Int($0[row / pack * groupCount + group] >> UInt32(row % pack * bits) & mask) } ?? half
                values[row * columns + column] = Float(code - zero) * scales[isOne ? 0 : row * groupCount + group]
            }
        }
        return try Rounding.round(values, to: dtype)
    }
}
