extension Payload {
    /// The same values with bytes in memory of the process's own where `move` puts them; bytes that are few, or mapped, stay where they are.
    ///
    /// - Parameter least: bytes of a part that is worth moving.
    public func movingOwnedBytes(ofAtLeast least: Int, _ move: (UnsafeRawBufferPointer) throws -> any ByteSource) throws -> Payload {
        func moved(_ source: any ByteSource) throws -> any ByteSource {
            guard source is OwnedBytes, source.byteCount >= least else { return source }
            return try source.withUnsafeBytes(move)
        }
        func moved(_ tensor: DenseTensor) throws -> DenseTensor {
            try DenseTensor(dtype: tensor.dtype, shape: tensor.shape, bytes: moved(tensor.bytes))
        }
        switch self {
        case .dense(let tensor): return .dense(try moved(tensor))
        case .blocks(let tensor): return .blocks(try BlockTensor(tensor.codec, shape: tensor.shape, bytes: moved(tensor.bytes)))
        case .lowRank(let tensor):
            return .lowRank(
                try LowRankTensor(
                    u: tensor.u.movingOwnedBytes(ofAtLeast: least, move), v: tensor.v.movingOwnedBytes(ofAtLeast: least, move)))
        case .sparse(let tensor):
            let pattern = tensor.pattern
            return .sparse(
                try SparseTensor(
                    pattern: SparsePattern(
                        rows: pattern.rows, columns: pattern.columns, nonZeroCount: pattern.nonZeroCount, words: moved(pattern.words)),
                    values: tensor.values.movingOwnedBytes(ofAtLeast: least, move)))
        case .quantized(let tensor):
            return .quantized(
                try QuantizedTensor(
                    shape: tensor.shape, bits: tensor.bits, groupSize: tensor.groupSize, codes: moved(tensor.codes),
                    scales: moved(tensor.scales),
                    zeroPoints: tensor.zeroPoints.map(moved), columnScales: tensor.columnScales.map(moved)))
        case .composite(let terms): return .composite(try terms.map { try $0.movingOwnedBytes(ofAtLeast: least, move) })
        }
    }

    /// Bytes in memory of the process's own.
    public var ownedByteCount: Int {
        func owned(_ source: (any ByteSource)?) -> Int { source is OwnedBytes ? source?.byteCount ?? 0 : 0 }
        switch self {
        case .dense(let tensor): return owned(tensor.bytes)
        case .blocks(let tensor): return owned(tensor.bytes)
        case .lowRank(let tensor): return tensor.u.ownedByteCount + tensor.v.ownedByteCount
        case .sparse(let tensor): return owned(tensor.pattern.words) + tensor.values.ownedByteCount
        case .quantized(let tensor):
            return owned(tensor.codes) + owned(tensor.scales.bytes) + owned(tensor.zeroPoints) + owned(tensor.columnScales?.bytes)
        case .composite(let terms): return terms.reduce(0) { $0 + $1.ownedByteCount }
        }
    }
}
