import LinearAlgebra
import ModelGraph

extension SampleGraph {
    /// One tensor of each payload kind, with values that F32 holds exactly.
    public static func structured() throws -> TensorGraph {
        func matrix(_ rows: Int, _ columns: Int, _ value: (Int) -> Float) -> [Float] { (0..<rows * columns).map(value) }
        let u = try DenseTensor(floats: matrix(4, 2) { Float($0 % 5) - 2 }, shape: Shape(rows: 4, columns: 2))
        let v = try DenseTensor(floats: matrix(2, 6) { Float($0 % 3) }, shape: Shape(rows: 2, columns: 6))
        let lowRank = Payload.lowRank(try LowRankTensor(u: .dense(u), v: .dense(v)))
        let holes = Matrix(rows: 4, columns: 6, elements: matrix(4, 6) { $0 % 4 == 0 ? Float($0) : 0 })
        let sparse = Payload.sparse(try SparseTensor(nonZerosOf: holes, dtype: .f32))
        let scales = try DenseTensor(floats: [0.5, 1, 2, 0.25], shape: Shape(count: 4), dtype: .f16)
        let quantized = Payload.quantized(
            try QuantizedTensor(
                shape: Shape(rows: 4, columns: 6), bits: 4, groupSize: 6,
                codes: OwnedBytes((0..<24).map { UInt8(bitPattern: Int8($0 % 8 - 4)) }),
                scales: scales, zeroPoints: nil))
        let payloads = [("low", lowRank), ("sparse", sparse), ("quantized", quantized), ("both", .composite([lowRank, sparse]))]
        return try graph(payloads.map { Tensor(name: $0.0, shape: $0.1.shape, dtype: .f32, payload: $0.1) })
    }
}
