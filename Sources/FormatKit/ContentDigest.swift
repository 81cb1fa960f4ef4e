import CXXHash

/// A 128-bit digest (XXH3, seed 0) of what bytes, files and graphs hold. It finds accidents, not forgeries.
public struct ContentDigest: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public init(of bytes: UnsafeRawBufferPointer) {
        let hash = XXH3_128bits(bytes.baseAddress, bytes.count)
        self.init(high: hash.high64, low: hash.low64)
    }

    /// Nil unless `text` is 32 lower-case hexadecimal digits, the high half first.
    public init?(hexadecimal text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 32 else { return nil }
        var halves: (UInt64, UInt64) = (0, 0)
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            halves = (halves.0 << 4 | halves.1 >> 60, halves.1 << 4 | UInt64(value))
        }
        self.init(high: halves.0, low: halves.1)
    }

    public var hexadecimal: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// The digest of bytes that come in pieces.
public final class DigestStream {
    private let state: OpaquePointer?

    public init() {
        state = XXH3_createState()
        if let state { XXH3_128bits_reset(state) }
    }

    deinit {
        if let state { XXH3_freeState(state) }
    }

    public func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

    public func add(_ bytes: UnsafeRawBufferPointer) {
        guard let state else { return }
        _ = XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
    }

    /// Nil when there was no memory for the state.
    public var digest: ContentDigest? {
        guard let state else { return nil }
        let hash = XXH3_128bits_digest(state)
        return ContentDigest(high: hash.high64, low: hash.low64)
    }
}
