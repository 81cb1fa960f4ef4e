import CNettle

/// A SHA-256 digest (FIPS 180-4): nobody can make other bytes that have it.
public struct SHA256Digest: Hashable, Sendable {
    /// 64 hexadecimal digits in lower case.
    public let hexadecimal: String

    /// Nil unless `text` is 64 hexadecimal digits, of either case.
    public init?(hexadecimal text: String) {
        guard text.utf8.count == 64, text.utf8.allSatisfy({ $0 < 0x80 && Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
        hexadecimal = text.lowercased()
    }

    public init(of bytes: UnsafeRawBufferPointer) {
        var stream = SHA256Stream()
        stream.add(bytes)
        self = stream.digest
    }

    public init(of bytes: [UInt8]) { self = bytes.withUnsafeBytes { SHA256Digest(of: $0) } }

    fileprivate init(_ bytes: [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        hexadecimal = String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// The SHA-256 digest of bytes that come in pieces.
public struct SHA256Stream {
    private var context = sha256_ctx()

    public init() { nettle_sha256_init(&context) }

    public mutating func add(_ bytes: UnsafeRawBufferPointer) {
        nettle_sha256_update(&context, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }

    /// Of all pieces so far.
    public var digest: SHA256Digest {
        var copy = context
        var bytes = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_SIZE))
        nettle_sha256_digest(&copy, bytes.count, &bytes)
        return SHA256Digest(bytes)
    }
}
