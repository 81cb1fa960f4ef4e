import CZlib
import FormatKit
import ModelGraph
import Synchronization

/// The bytes of a member, or of its end; the checksum of the whole member is checked when they are first asked for.
public final class ZipMemberBytes: ByteSource {
    public let byteCount: Int
    private let file: MappedFile
    private let member: ZipArchive.Member
    private let skipped: Int
    private let path: String
    private let isChecked = Atomic<Bool>(false)

    /// - Parameter zeroIsNoChecksum: whether the writer puts 0 where it computed none.
    /// - Precondition: `member` is one of the archive `file`; `skipped` is at most its size.
    public init(_ file: MappedFile, _ member: ZipArchive.Member, skipping skipped: Int = 0, zeroIsNoChecksum: Bool = false, path: String) {
        if zeroIsNoChecksum, member.checksum == 0 { isChecked.store(true, ordering: .relaxed) }
        self.file = file
        self.member = member
        self.skipped = min(skipped, member.byteCount)
        self.path = path
        byteCount = member.byteCount - self.skipped
    }

    public var isAddressable: Bool { !member.isDeflated }
    public var pieceByteCount: Int { member.isDeflated ? min(ZipInflater.pieceByteCount, member.byteCount) : 0 }

    public func forEachPiece(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard member.isDeflated else { return try withUnsafeBytes(body) }
        let isToCheck = !isChecked.load(ordering: .relaxed)
        var (left, checksum) = (skipped, UInt32(0))
        let isWhole = try file.withBytes { bytes in
            let stored = UnsafeRawBufferPointer(rebasing: bytes[member.dataOffset..<member.dataOffset + member.storedBytes])
            return try ZipInflater.inflate(stored, byteCount: member.byteCount) { piece in
                if isToCheck { checksum = ZipChecksum.of(piece, after: checksum) }
                let passed = min(left, piece.count)
                left -= passed
                if passed < piece.count { try body(UnsafeRawBufferPointer(rebasing: piece[passed...])) }
            }
        }
        guard isWhole else { throw wrongSize }
        if isToCheck { try check(checksum) }
    }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try file.withBytes { bytes in
            let stored = UnsafeRawBufferPointer(rebasing: bytes[member.dataOffset..<member.dataOffset + member.storedBytes])
            if !member.isDeflated {
                try check(stored)
                return try body(UnsafeRawBufferPointer(rebasing: stored[skipped...]))
            }
            let whole = try OwnedBytes(byteCount: member.byteCount) { out in
                let count = ZipInflater.inflate(stored, into: out)
                guard count == member.byteCount else { throw wrongSize }
            }
            return try whole.withUnsafeBytes { all in
                try check(all)
                return try body(UnsafeRawBufferPointer(rebasing: all[skipped...]))
            }
        }
    }

    /// The first `count` bytes, or all when there are fewer; nothing is checked.
    public static func prefix(_ file: MappedFile, _ member: ZipArchive.Member, _ count: Int) -> [UInt8] {
        file.withBytes { bytes in
            let stored = UnsafeRawBufferPointer(rebasing: bytes[member.dataOffset..<member.dataOffset + member.storedBytes])
            if !member.isDeflated { return Array(stored.prefix(count)) }
            var out = [UInt8](repeating: 0, count: min(count, member.byteCount))
            let made = out.withUnsafeMutableBytes { ZipInflater.inflate(stored, into: $0, isPrefix: true) ?? 0 }
            return Array(out.prefix(made))
        }
    }

    private var wrongSize: FormatError {
        .malformed(path, "member '\(member.name)'", "inflates to other than the \(member.byteCount) bytes it claims")
    }

    private func check(_ bytes: UnsafeRawBufferPointer) throws {
        if isChecked.load(ordering: .relaxed) { return }
        try check(ZipChecksum.of(bytes))
    }

    private func check(_ checksum: UInt32) throws {
        guard checksum == member.checksum else {
            throw FormatError.malformed(path, "member '\(member.name)'", "does not match its checksum")
        }
        isChecked.store(true, ordering: .relaxed)
    }
}

/// CRC-32 as zip has it.
public enum ZipChecksum {
    public static func of(_ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return previous }
        return UInt32(truncatingIfNeeded: crc32_z(uLong(previous), base, bytes.count))
    }
}

/// Raw deflate streams.
enum ZipInflater {
    /// Most bytes of a piece of what a stream becomes.
    static let pieceByteCount = 1 << 20

    /// Calls `body` with piece after piece of what a stream becomes, of which at most `byteCount` bytes.
    ///
    /// - Returns: whether the stream is whole, and became exactly so many bytes.
    static func inflate(
        _ stored: UnsafeRawBufferPointer, byteCount: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        var stream = z_stream()
        guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return false }
        defer { inflateEnd(&stream) }
        // One byte more than is wanted tells a stream that goes on from one that ends.
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: min(pieceByteCount, byteCount) + 1, alignment: 64)
        defer { room.deallocate() }
        var (read, made) = (0, 0)
        while true {
            let input = min(1 << 30, stored.count - read)
            stream.next_in = UnsafeMutablePointer(mutating: stored.baseAddress?.advanced(by: read).assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(input)
            stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_out = UInt32(room.count)
            let status = CZlib.inflate(&stream, Z_NO_FLUSH)
            let (taken, count) = (input - Int(stream.avail_in), room.count - Int(stream.avail_out))
            (read, made) = (read + taken, made + count)
            guard made <= byteCount else { return false }
            if count > 0 { try body(UnsafeRawBufferPointer(rebasing: room[..<count])) }
            if status == Z_STREAM_END { return made == byteCount && read == stored.count }
            guard status == Z_OK, count > 0 || taken > 0 else { return false }
        }
    }

    /// Inflates into `out` and returns how many bytes were made; nil when the stream is broken, or is not exactly as long as
    /// `out` and `isPrefix` is false.
    static func inflate(_ stored: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer, isPrefix: Bool = false) -> Int? {
        var stream = z_stream()
        guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        // One byte more than is wanted tells a stream that goes on from one that ends.
        var spare: UInt8 = 0
        var (read, made) = (0, 0)
        let piece = 1 << 30
        while true {
            let isFull = made == out.count
            if isFull && isPrefix { return made }
            let input = min(piece, stored.count - read)
            let room = isFull ? 1 : min(piece, out.count - made)
            let status = withUnsafeMutablePointer(to: &spare) { spare -> Int32 in
                stream.next_in = UnsafeMutablePointer(mutating: stored.baseAddress?.advanced(by: read).assumingMemoryBound(to: UInt8.self))
                stream.avail_in = UInt32(input)
                stream.next_out = isFull ? spare : out.baseAddress?.advanced(by: made).assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(room)
                return CZlib.inflate(&stream, Z_NO_FLUSH)
            }
            read += input - Int(stream.avail_in)
            let count = room - Int(stream.avail_out)
            if isFull && count > 0 { return nil }
            made += count
            if status == Z_STREAM_END { return isPrefix || (made == out.count && read == stored.count) ? made : nil }
            guard status == Z_OK, count > 0 || read < stored.count else { return nil }
        }
    }
}
