import CKernels
import Synchronization

extension QuantizedTensor {
    /// Elements of a row that share a scale in ggml's Q8_0.
    public static let q8_0GroupSize = 32

    /// The values of `payload` in Q8_0 as ggml encodes it, made when codes or scales are asked for.
    ///
    /// - Precondition: the rows are multiples of 32 elements.
    /// - Throws, when asked: `GraphError.notFinite` for NaN and infinities, `.notComputable` for scales that F16 does not hold.
    public init(q8_0 payload: Payload, name: String) throws {
        let shape = payload.shape
        precondition(shape.columns % QuantizedTensor.q8_0GroupSize == 0, "rows of \(shape) are no whole groups")
        let groups = shape.elementCount / QuantizedTensor.q8_0GroupSize
        let encoder = Q8_0Encoder(payload, name: name)
        let codes = Q8_0Codes(encoder, byteCount: shape.elementCount)
        let scales = DeferredBytes(byteCount: groups * 2) { Q8_0Part(try encoder.encoding(), \.scales) }
        try self.init(
            shape: shape, bits: 8, groupSize: QuantizedTensor.q8_0GroupSize, codes: codes,
            scales: DenseTensor(dtype: .f16, shape: Shape(count: groups), bytes: scales), zeroPoints: nil)
    }

    /// The blocks as ggml has them, encoded by rows, of a tensor whose codes are made when they are asked for; nil for others.
    public var encodedRows: RowSource? { (codes as? Q8_0Codes)?.encoder.blocks() }
}

/// Codes that are still to be made.
private final class Q8_0Codes: ByteSource {
    let encoder: Q8_0Encoder
    let byteCount: Int

    init(_ encoder: Q8_0Encoder, byteCount: Int) {
        self.encoder = encoder
        self.byteCount = byteCount
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try encoder.encoding().codes.withUnsafeBytes(body)
    }
}

/// Encodes once for codes and scales that are read together.
private final class Q8_0Encoder: Sendable {
    private struct Latest { weak var encoding: Q8_0Encoding? }

    private let payload: Payload
    private let name: String
    private let latest = Mutex(Latest())

    init(_ payload: Payload, name: String) {
        self.payload = payload
        self.name = name
    }

    func encoding() throws -> Q8_0Encoding {
        try latest.withLock { latest in
            if let encoding = latest.encoding { return encoding }
            let encoding = try Q8_0Encoding(payload.densifiedFloats(), name: name)
            latest.encoding = encoding
            return encoding
        }
    }

    /// A scale and 32 codes each: 34 bytes.
    func blocks() -> RowSource {
        let name = name
        let bytesPerRow = payload.shape.columns / QuantizedTensor.q8_0GroupSize * (QuantizedTensor.q8_0GroupSize + 2)
        return BlockEncoding(payload: payload, name: name).rows(bytesPerRow: bytesPerRow) { _, values, out in
            try Q8_0Encoding.encode(values, name: name) { codes, scales in caplet_q8_0_join(codes, scales, out, values.count) }
        }
    }
}

private final class Q8_0Encoding: Sendable {
    let codes: OwnedBytes
    let scales: OwnedBytes

    init(_ values: [Float], name: String) throws {
        guard caplet_has_nonfinite(values, values.count) == 0 else { throw GraphError.notFinite("tensor '\(name)'") }
        var (codes, scales) = (OwnedBytes([]), OwnedBytes([]))
        try values.withUnsafeBufferPointer { values in
            try Q8_0Encoding.encode(values, name: name) { code, scale in
                codes = OwnedBytes(copying: UnsafeRawBufferPointer(start: code, count: values.count))
                scales = OwnedBytes(copying: UnsafeRawBufferPointer(start: scale, count: values.count / QuantizedTensor.q8_0GroupSize * 2))
            }
        }
        (self.codes, self.scales) = (codes, scales)
    }

    /// Calls `body` with the codes and scales of finite floats.
    ///
    /// - Throws: `GraphError.notComputable` for scales that F16 does not hold.
    static func encode(
        _ values: UnsafeBufferPointer<Float>, name: String, _ body: (UnsafePointer<Int8>, UnsafePointer<UInt16>) throws -> Void
    ) throws {
        let groups = values.count / QuantizedTensor.q8_0GroupSize
        try withUnsafeTemporaryAllocation(of: Int8.self, capacity: values.count) { codes in
            try withUnsafeTemporaryAllocation(of: UInt16.self, capacity: groups) { scales in
                guard groups > 0, let values = values.baseAddress, let code = codes.baseAddress, let scale = scales.baseAddress else {
                    return
                }
                caplet_q8_0_encode(values, code, scale, codes.count)
                guard DenseTensor.nonFiniteCount(UnsafeRawBufferPointer(scales), .f16) == 0 else {
                    throw GraphError.notComputable("tensor '\(name)'", "values are too large for Q8_0, whose scales are F16")
                }
                try body(code, scale)
            }
        }
    }
}

/// One half of an encoding, which it keeps in memory while it is read.
private final class Q8_0Part: ByteSource {
    private let encoding: Q8_0Encoding
    private let part: any KeyPath<Q8_0Encoding, OwnedBytes> & Sendable

    init(_ encoding: Q8_0Encoding, _ part: any KeyPath<Q8_0Encoding, OwnedBytes> & Sendable) {
        self.encoding = encoding
        self.part = part
    }

    var byteCount: Int { encoding[keyPath: part].byteCount }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try encoding[keyPath: part].withUnsafeBytes(body)
    }
}
