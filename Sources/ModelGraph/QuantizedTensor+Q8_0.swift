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
        let codes = DeferredBytes(byteCount: shape.elementCount) { Q8_0Part(try encoder.encoding(), \.codes) }
        let scales = DeferredBytes(byteCount: groups * 2) { Q8_0Part(try encoder.encoding(), \.scales) }
        try self.init(
            shape: shape, bits: 8, groupSize: QuantizedTensor.q8_0GroupSize, codes: codes,
            scales: DenseTensor(dtype: .f16, shape: Shape(count: groups), bytes: scales), zeroPoints: nil)
    }
}

/// Encodes once for codes and scales that are read together.
private final class Q8_0Encoder {
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
}

private final class Q8_0Encoding {
    let codes: OwnedBytes
    let scales: OwnedBytes

    init(_ values: [Float], name: String) throws {
        guard caplet_has_nonfinite(values, values.count) == 0 else { throw GraphError.notFinite("tensor '\(name)'") }
        let groups = values.count / QuantizedTensor.q8_0GroupSize
        var groupScales = [UInt16](repeating: 0, count: groups)
        codes = OwnedBytes(byteCount: values.count) { codes in
            guard let codes = codes.baseAddress, groups > 0 else { return }
            caplet_q8_0_encode(values, codes.assumingMemoryBound(to: Int8.self), &groupScales, values.count)
        }
        scales = OwnedBytes(elements: groupScales)
        let stored = try DenseTensor(dtype: .f16, shape: Shape(count: groups), bytes: scales)
        guard try stored.nonFiniteCount() == 0 else {
            throw GraphError.notComputable("tensor '\(name)'", "values are too large for Q8_0, whose scales are F16")
        }
    }
}

/// One half of an encoding, which it keeps in memory while it is read.
private final class Q8_0Part: ByteSource {
    private let encoding: Q8_0Encoding
    private let part: KeyPath<Q8_0Encoding, OwnedBytes>

    init(_ encoding: Q8_0Encoding, _ part: KeyPath<Q8_0Encoding, OwnedBytes>) {
        self.encoding = encoding
        self.part = part
    }

    var byteCount: Int { encoding[keyPath: part].byteCount }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try encoding[keyPath: part].withUnsafeBytes(body)
    }
}
