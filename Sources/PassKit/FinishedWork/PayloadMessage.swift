import ModelGraph

/// A payload in a message between processes of one program: what it is made of, and its bytes one after the other.
struct PayloadMessage: Codable {
    private enum Kind: String, Codable { case dense, blocks, lowRank, sparse, quantized, composite }

    private let kind: Kind
    private var shape: [Int] = []
    private var dtype: String?
    private var codec: String?
    /// Of codes: bits and elements of a group; of a pattern: rows, columns, non-zeros.
    private var numbers: [Int] = []
    /// Of the arrays of bytes, in their order.
    private var byteCounts: [Int] = []
    private var parts: [PayloadMessage] = []

    private init(_ kind: Kind) { self.kind = kind }

    /// - Parameter bytes: what is to follow the message; the payload's are put behind them.
    init(_ payload: Payload, _ bytes: inout [UInt8]) throws {
        switch payload {
        case .dense(let tensor): self = try PayloadMessage(tensor, &bytes)
        case .blocks(let tensor):
            self.init(.blocks)
            (shape, codec) = (tensor.shape.dimensions, tensor.codec.name)
            try add(tensor.bytes, &bytes)
        case .lowRank(let factors):
            self.init(.lowRank)
            parts = [try PayloadMessage(factors.u, &bytes), try PayloadMessage(factors.v, &bytes)]
        case .sparse(let sparse):
            self.init(.sparse)
            numbers = [sparse.pattern.rows, sparse.pattern.columns, sparse.pattern.nonZeroCount]
            try add(sparse.pattern.words, &bytes)
            parts = [try PayloadMessage(sparse.values, &bytes)]
        case .quantized(let tensor):
            self.init(.quantized)
            (shape, numbers) = (tensor.shape.dimensions, [tensor.bits, tensor.groupSize])
            try add(tensor.codes, &bytes)
            if let zeros = tensor.zeroPoints { try add(zeros, &bytes) }
            parts = try [tensor.scales, tensor.columnScales].compactMap { try $0.map { try PayloadMessage($0, &bytes) } }
        case .composite(let terms):
            self.init(.composite)
            parts = try terms.map { try PayloadMessage($0, &bytes) }
        }
    }

    init(_ tensor: DenseTensor, _ bytes: inout [UInt8]) throws {
        self.init(.dense)
        (shape, dtype) = (tensor.shape.dimensions, tensor.dtype.rawValue)
        try add(tensor.bytes, &bytes)
    }

    private mutating func add(_ source: any ByteSource, _ bytes: inout [UInt8]) throws {
        byteCounts.append(source.byteCount)
        try source.forEachPiece { bytes.append(contentsOf: $0) }
    }

    /// - Throws: `GraphError` for a message that no payload makes.
    func payload(_ bytes: inout MessageBytes) throws -> Payload {
        switch kind {
        case .dense: return .dense(try dense(&bytes))
        case .blocks:
            guard let made = BlockCodec.made.first(where: { $0.name == codec }) else { throw MessageBytes.broken }
            return .blocks(try BlockTensor(made, shape: try madeShape(), bytes: try array(0, &bytes)))
        case .lowRank:
            guard parts.count == 2 else { throw MessageBytes.broken }
            let u = try parts[0].payload(&bytes)
            return .lowRank(try LowRankTensor(u: u, v: try parts[1].payload(&bytes)))
        case .sparse:
            guard parts.count == 1, numbers.count == 3 else { throw MessageBytes.broken }
            let pattern = try SparsePattern(
                rows: numbers[0], columns: numbers[1], nonZeroCount: numbers[2], words: try array(0, &bytes))
            return .sparse(try SparseTensor(pattern: pattern, values: try parts[0].payload(&bytes)))
        case .quantized:
            guard (1...2).contains(parts.count), numbers.count == 2 else { throw MessageBytes.broken }
            let codes = try array(0, &bytes)
            let zeros = byteCounts.count > 1 ? try array(1, &bytes) : nil
            let scales = try parts[0].dense(&bytes)
            return .quantized(
                try QuantizedTensor(
                    shape: try madeShape(), bits: numbers[0], groupSize: numbers[1], codes: codes, scales: scales, zeroPoints: zeros,
                    columnScales: parts.count > 1 ? try parts[1].dense(&bytes) : nil))
        case .composite: return .composite(try parts.map { try $0.payload(&bytes) })
        }
    }

    func dense(_ bytes: inout MessageBytes) throws -> DenseTensor {
        guard kind == .dense, let dtype = dtype.flatMap(DType.init(rawValue:)) else { throw MessageBytes.broken }
        return try DenseTensor(dtype: dtype, shape: try madeShape(), bytes: try array(0, &bytes))
    }

    private func array(_ index: Int, _ bytes: inout MessageBytes) throws -> any ByteSource {
        guard byteCounts.indices.contains(index) else { throw MessageBytes.broken }
        return try bytes.take(byteCounts[index])
    }

    private func madeShape() throws -> Shape {
        guard let made = Shape(shape) else { throw MessageBytes.broken }
        return made
    }
}

/// The bytes behind a message, taken one array after the other.
struct MessageBytes {
    private let bytes: [UInt8]
    private(set) var next: Int

    init(_ bytes: [UInt8], from start: Int) { (self.bytes, next) = (bytes, start) }

    mutating func take(_ count: Int) throws -> any ByteSource {
        guard count >= 0, count <= bytes.count - next else { throw MessageBytes.broken }
        defer { next += count }
        return bytes.withUnsafeBytes { OwnedBytes(copying: UnsafeRawBufferPointer(rebasing: $0[next..<next + count])) }
    }

    /// What is thrown for a message that this program did not write.
    static let broken = GraphError.inconsistent("a message from another rank", "is not what this program sends")
}
