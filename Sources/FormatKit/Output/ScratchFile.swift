import CLibrary
import ModelGraph
import Synchronization

/// A file without a name, beside the output, for what is too large to stay in memory until it is written. It is gone with the process,
/// however that ends.
public final class ScratchFile: Sendable {
    private let path: String
    private let descriptor: Int32
    private let byteCount = Mutex(0)

    /// - Parameter output: the path of the output, in whose folder there is going to be room.
    /// - Throws: `FormatError.writeFailed`.
    public init(beside output: String) throws {
        path = "\(PathParts.trimmed(output)).scratch"
        descriptor = try UnnamedFile.open(beside: output, for: path)
    }

    deinit { close(descriptor) }

    /// A copy of the bytes in the file, mapped: its pages are the system's to keep or to take back.
    ///
    /// - Throws: `FormatError.writeFailed` when the disk is full.
    public func keep(_ bytes: UnsafeRawBufferPointer) throws -> any ByteSource {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let offset = byteCount.withLock { count in
            let start = count
            count += (bytes.count + page - 1) / page * page
            return start
        }
        var written = 0
        while written < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(offset + written))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw FormatError.writeFailed(path, AtomicFileWriter.reason()) }
            written += count
        }
        let file = try MappedFile(descriptor, path: path, offset: offset, byteCount: bytes.count)
        guard let source = MappedBytes(file, offset: 0, byteCount: bytes.count) else {
            throw FormatError.writeFailed(path, "cannot be mapped")
        }
        return source
    }
}
