import ModelGraph

/// Reads one row as floats.
typealias RowReading = (_ row: Int, _ out: UnsafeMutableBufferPointer<Float>) throws -> Void

extension Payload {
    /// A function that reads single rows as floats: of a dense table only the rows asked for are converted.
    func rowReader() throws -> RowReading {
        let columns = shape.columns
        if case .dense(let tensor) = self, tensor.dtype.isComputable, tensor.bytes.isAddressable {
            return { row, out in
                let width = columns * tensor.dtype.byteWidth
                let bytes = try tensor.bytes.withUnsafeBytes {
                    OwnedBytes(copying: UnsafeRawBufferPointer(rebasing: $0[row * width..<(row + 1) * width]))
                }
                try DenseTensor(dtype: tensor.dtype, shape: Shape(count: columns), bytes: bytes).readFloats(into: out)
            }
        }
        let table = try densifiedFloats()
        return { row, out in
            for column in 0..<columns { out[column] = table[row * columns + column] }
        }
    }
}
