import CZlib
import CZstd
import FormatKit

/// Bytes that gzip or zstd have compressed.
enum CompressedText {
    private static let pieceByteCount = 1 << 20

    /// What the bytes are once they are not compressed any more: as they are where they never were.
    ///
    /// - Parameter limit: the most bytes that are made.
    /// - Throws: `FormatError.malformed` for a stream that is broken, cut off or becomes more.
    static func expanded(_ bytes: [UInt8], limit: Int, _ path: String) throws -> [UInt8] {
        if bytes.starts(with: [0x1F, 0x8B]) { return try gunzipped(bytes, limit, path) }
        if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return try unzstandardised(bytes, limit, path) }
        return bytes
    }

    private static func add(_ piece: ArraySlice<UInt8>, to out: inout [UInt8], _ limit: Int, _ path: String) throws {
        guard out.count + piece.count <= limit else { throw FormatError.malformed(path, "", "becomes more than \(limit) bytes of text") }
        out += piece
    }

    /// One gzip member after another (RFC 1952).
    private static func gunzipped(_ bytes: [UInt8], _ limit: Int, _ path: String) throws -> [UInt8] {
        let broken = FormatError.malformed(path, "", "is no whole gzip file")
        var (out, read) = ([UInt8](), 0)
        var room = [UInt8](repeating: 0, count: pieceByteCount)
        while read < bytes.count {
            var stream = z_stream()
            guard inflateInit2_(&stream, MAX_WBITS + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw broken }
            defer { inflateEnd(&stream) }
            var status = Z_OK
            while status != Z_STREAM_END {
                let (taken, made) = bytes.withUnsafeBufferPointer { input in
                    room.withUnsafeMutableBufferPointer { output in
                        let count = min(input.count - read, 1 << 30)
                        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.advanced(by: read))
                        stream.avail_in = UInt32(count)
                        stream.next_out = output.baseAddress
                        stream.avail_out = UInt32(output.count)
                        status = inflate(&stream, Z_NO_FLUSH)
                        return (count - Int(stream.avail_in), output.count - Int(stream.avail_out))
                    }
                }
                read += taken
                try add(room[..<made], to: &out, limit, path)
                guard status == Z_STREAM_END || status == Z_OK && (taken > 0 || made > 0) else { throw broken }
            }
        }
        return out
    }

    /// One zstd frame after another (RFC 8878).
    private static func unzstandardised(_ bytes: [UInt8], _ limit: Int, _ path: String) throws -> [UInt8] {
        let broken = FormatError.malformed(path, "", "is no whole zstd file")
        guard let context = ZSTD_createDCtx() else { throw broken }
        defer { ZSTD_freeDCtx(context) }
        var (out, read, rest) = ([UInt8](), 0, 1)
        var room = [UInt8](repeating: 0, count: pieceByteCount)
        while read < bytes.count || rest != 0 {
            let (taken, made) = bytes.withUnsafeBytes { input in
                room.withUnsafeMutableBytes { output in
                    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: read)
                    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                    rest = ZSTD_decompressStream(context, &target, &source)
                    return (source.pos - read, target.pos)
                }
            }
            guard ZSTD_isError(rest) == 0 else { throw broken }
            read += taken
            try add(room[..<made], to: &out, limit, path)
            guard rest == 0 || taken > 0 || made > 0 else { throw broken }
        }
        return out
    }
}
