import CXXHash

/// XXH3-128 of some bytes, seed 0 (SPEC.md, "Digests").
struct ContentDigest: Hashable {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(of bytes: UnsafeRawBufferPointer) {
        let hash = XXH3_128bits(bytes.baseAddress, bytes.count)
        self.init(high: hash.high64, low: hash.low64)
    }

    /// Nil unless `text` is 32 lower-case hexadecimal digits, the high half first.
    init?(hexadecimal text: String) {
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

    var hexadecimal: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// The digest of bytes that come in pieces.
final class DigestStream {
    private let state: OpaquePointer?

    init() {
        state = XXH3_createState()
        if let state { XXH3_128bits_reset(state) }
    }

    deinit {
        if let state { XXH3_freeState(state) }
    }

    func add(_ bytes: [UInt8]) {
        guard let state else { return }
        bytes.withUnsafeBytes { _ = XXH3_128bits_update(state, $0.baseAddress, $0.count) }
    }

    /// Nil when there was no memory for the state.
    var digest: ContentDigest? {
        guard let state else { return nil }
        let hash = XXH3_128bits_digest(state)
        return ContentDigest(high: hash.high64, low: hash.low64)
    }
}
