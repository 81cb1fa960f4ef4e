import FormatKit
import ModelGraph

/// Makes graph payloads of stored ones: the same trees, with bytes that are decoded when they are asked for.
struct PayloadReader {
    let decoder: PartDecoder
    private var path: String { decoder.file.path }

    init(_ decoder: PartDecoder) { self.decoder = decoder }

    /// - Throws: `FormatError.malformed` where parts, shapes and counts do not agree.
    func tensor(_ entry: Manifest.Entry) throws -> Tensor {
        let object = "tensor '\(entry.name)'"
        do {
            var tensor = Tensor(
                name: entry.name, shape: entry.shape, dtype: entry.dtype, role: entry.role,
                payload: try payload(entry.payload, object))
            tensor.isTransposedInCheckpoint = entry.isTransposedInCheckpoint
            try tensor.checkInvariants()
            return tensor
        } catch let error as GraphError {
            throw FormatError.malformed(path, object, "\(error)")
        }
    }

    private func payload(_ stored: StoredPayload, _ object: String) throws -> Payload {
        switch stored {
        case .dense(let array): return .dense(try dense(array, object))
        case .lowRank(let u, let v):
            let factors = (try payload(u, StoredPayload.place(object, "u")), try payload(v, StoredPayload.place(object, "v")))
            try checkSize([factors.0.shape.rows, factors.1.shape.columns], object)
            return .lowRank(try LowRankTensor(u: factors.0, v: factors.1))
        case .sparse(let rows, let columns, let nonZeroCount, let positions, let values):
            try checkSize([rows, columns], object)
            let words = try self.words(
                positions, rows: rows, columns: columns, nonZeroCount: nonZeroCount, StoredPayload.place(object, "positions"))
            let pattern = try SparsePattern(rows: rows, columns: columns, nonZeroCount: nonZeroCount, words: words)
            return .sparse(try SparseTensor(pattern: pattern, values: try payload(values, StoredPayload.place(object, "values"))))
        case .quantized(let shape, let bits, let groupSize, let codes, let scales, let zeroPoints, let columnScales):
            try checkSize(shape.dimensions, object)
            for part in [codes, zeroPoints].compactMap({ $0 }) { try checkCodes(part.encoding, object) }
            return .quantized(
                try QuantizedTensor(
                    shape: shape, bits: bits, groupSize: groupSize, codes: decoder.source(codes, StoredPayload.place(object, "codes")),
                    scales: try dense(scales, StoredPayload.place(object, "scales")),
                    zeroPoints: zeroPoints.map { decoder.source($0, StoredPayload.place(object, "zeroPoints")) },
                    columnScales: try columnScales.map { try dense($0, StoredPayload.place(object, "columnScales")) }))
        case .composite(let terms):
            return .composite(try terms.enumerated().map { try payload($1, StoredPayload.place(object, "terms[\($0)]")) })
        }
    }

    private func dense(_ array: StoredPayload.Array, _ object: String) throws -> DenseTensor {
        try DenseTensor(dtype: array.dtype, shape: array.shape, bytes: decoder.source(array.part, object))
    }

    private func words(_ part: Part, rows: Int, columns: Int, nonZeroCount: Int, _ object: String) throws -> any ByteSource {
        guard part.encoding == .raw || part.encoding == .gaps else {
            throw FormatError.malformed(path, object, "have no encoding of positions")
        }
        guard part.byteCount == Bitmap.byteCount(rows: rows, columns: columns) else {
            throw FormatError.malformed(path, object, "[\(rows), \(columns)] does not need \(part.byteCount) bytes")
        }
        let (decoder, path) = (decoder, path)
        // Both fit: rows · max(columns, 1) is capped.
        let (bits, byteCount) = (rows * columns, rows * SparsePattern.wordsPerRow(columns: columns) * 8)
        @Sendable func pieces(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
            var check = BitmapCheck(bits: bits, nonZeroCount: nonZeroCount)
            var words = BitmapRows(rows: rows, columns: columns)
            try decoder.forEachChunk(part, object, atOnce: count) { bitmap in
                check.add(bitmap)
                try words.add(bitmap, body)
            }
            if let defect = check.defect { throw FormatError.malformed(path, object, defect) }
        }
        return DeferredBytes(
            byteCount: byteCount, pieceByteCount: part.decodingByteCount + BitmapRows.memoryByteCount, atOnce: true, pieces: pieces
        ) {
            try decoder.content(part, object).withUnsafeBytes { bitmap in
                if let defect = Bitmap.defect(bitmap, bits: bits, nonZeroCount: nonZeroCount) {
                    throw FormatError.malformed(path, object, defect)
                }
                return Bitmap.words(bitmap, rows: rows, columns: columns)
            }
        }
    }

    private func checkCodes(_ encoding: PartEncoding, _ object: String) throws {
        switch encoding {
        case .raw, .packed, .adaptive: return
        default: throw FormatError.malformed(path, object, "has codes without an encoding of codes")
        }
    }

    /// A tensor that a few bytes can describe has at most 2³⁴ elements, zeros in its shape not counted.
    private func checkSize(_ dimensions: [Int], _ object: String) throws {
        guard dimensions.allSatisfy({ $0 >= 0 }), let shape = Shape(dimensions.map { max($0, 1) }),
            shape.elementCount <= StoredPayload.maximumElementCount
        else { throw FormatError.unsupported(path, object, "\(dimensions) is more than \(StoredPayload.maximumElementCount) elements") }
    }
}
