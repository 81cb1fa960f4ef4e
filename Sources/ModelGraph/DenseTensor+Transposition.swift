extension DenseTensor {
    /// The matrix with rows and columns exchanged, element by element as stored, made when its bytes are asked for. Turning it again
    /// gives the tensor that it was made from.
    ///
    /// - Throws: `GraphError.inconsistent` for what is no matrix; `.notComputable` for elements of no whole bytes.
    public func transposed() throws -> DenseTensor {
        if let turned = bytes as? TransposedBytes { return turned.original }
        guard shape.rank == 2 else { throw GraphError.inconsistent("\(dtype.rawValue) \(shape)", "is no matrix that could be turned") }
        guard dtype.hasWholeBytes, dtype.byteWidth <= 8 else {
            throw GraphError.notComputable("\(dtype.rawValue) \(shape)", "has elements of no whole bytes")
        }
        return try DenseTensor(dtype: dtype, shape: Shape(rows: shape.columns, columns: shape.rows), bytes: TransposedBytes(self))
    }
}

extension DenseTensor {
    /// A source with the same elements, in this order or that of the matrix that it was turned from.
    var elementsInAnyOrder: any ByteSource { (bytes as? TransposedBytes)?.original.bytes ?? bytes }
}

/// The bytes of a matrix with rows and columns exchanged.
private final class TransposedBytes: ByteSource {
    let original: DenseTensor
    let byteCount: Int

    init(_ original: DenseTensor) {
        self.original = original
        byteCount = original.byteCount
    }

    var pieceByteCount: Int { byteCount + original.bytes.openByteCount }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let (rows, columns, width) = (original.shape.rows, original.shape.columns, original.dtype.byteWidth)
        let made = try original.bytes.withUnsafeBytes { source in
            OwnedBytes(byteCount: byteCount) { out in
                guard byteCount > 0, let from = source.baseAddress, let to = out.baseAddress else { return }
                switch width {
                case 1: turn(from, to, rows, columns, as: UInt8.self)
                case 2: turn(from, to, rows, columns, as: UInt16.self)
                case 4: turn(from, to, rows, columns, as: UInt32.self)
                default: turn(from, to, rows, columns, as: UInt64.self)
                }
            }
        }
        return try made.withUnsafeBytes(body)
    }

    /// In tiles that fit the first cache. Elements may lie at any address.
    private func turn<Element: FixedWidthInteger>(
        _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ rows: Int, _ columns: Int, as type: Element.Type
    ) {
        let (tile, width) = (32, MemoryLayout<Element>.size)
        for top in stride(from: 0, to: rows, by: tile) {
            for left in stride(from: 0, to: columns, by: tile) {
                for row in top..<min(top + tile, rows) {
                    for column in left..<min(left + tile, columns) {
                        to.storeBytes(
                            of: from.loadUnaligned(fromByteOffset: (row * columns + column) * width, as: type),
                            toByteOffset: (column * rows + row) * width, as: type)
                    }
                }
            }
        }
    }
}

extension Tensor {
    /// The tensor as the graph has it, of one that was read as the checkpoint stores it.
    ///
    /// - Throws: `GraphError` for what is no dense matrix.
    public func transposedFromCheckpoint() throws -> Tensor {
        guard let dense = payload.elementArray else {
            throw GraphError.inconsistent("tensor '\(name)'", "is stored as [in, out] and is no dense matrix")
        }
        var tensor = Tensor(name: name, dense: try dense.transposed(), role: role)
        tensor.isTransposedInCheckpoint = true
        return tensor
    }
}
