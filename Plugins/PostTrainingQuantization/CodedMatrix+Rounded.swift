import CLibrary
import ModelGraph

extension CodedMatrix.Rounded {
    /// Bits of codes at order 0; of a trellis by what was expected of each.
    var codeBits: Double { indices?.entropy ?? histogram.entropy }

    /// Bits of codes, and of scales at order 0.
    var bits: Double { codeBits + Self.entropy(scales) + Self.entropy(columnScales ?? []) }

    private static func entropy(_ scales: [Float]) -> Double {
        var counts: [Float: Int] = [:]
        for scale in scales { counts[scale, default: 0] += 1 }
        let total = Double(scales.count)
        return counts.values.sorted().reduce(0) { $0 - Double($1) * log2(Double($1) / total) }
    }

    func tensor(shape: Shape, groupSize: Int) throws -> QuantizedTensor {
        guard let codes else { preconditionFailure("codes were only counted") }
        return try QuantizedTensor(
            shape: shape, bits: histogram.width, groupSize: groupSize, codes: codes,
            scales: DenseTensor(floats: scales, shape: Shape(count: scales.count), dtype: .bf16), zeroPoints: nil,
            columnScales: try columnScales.map { try DenseTensor(floats: $0, shape: Shape(count: $0.count), dtype: .bf16) })
    }
}
