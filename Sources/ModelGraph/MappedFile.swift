import Glibc

/// A file mapped read-only into memory: opening it reads nothing.
public final class MappedFile {
    public let path: String
    public let byteCount: Int
    /// Device and inode: equal for one file under two names.
    public let identity: FileIdentity
    private let base: UnsafeRawPointer?

    /// - Throws: `FileAccessError` when the path cannot be opened or is not a regular file.
    public init(path: String) throws {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileAccessError(path: path, code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileAccessError(path: path, code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileAccessError(path: path, code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
        }
        byteCount = Int(status.st_size)
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        if byteCount == 0 {
            base = nil
        } else {
            guard let mapped = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED else {
                throw FileAccessError(path: path, code: errno)
            }
            base = UnsafeRawPointer(mapped)
        }
    }

    /// Maps a part of an open file for reading; the file may be closed, and have no name, while it is mapped.
    ///
    /// - Parameters:
    ///   - path: to name it by in errors.
    ///   - offset: a multiple of the page size.
    public init(_ descriptor: Int32, path: String, offset: Int, byteCount: Int) throws {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileAccessError(path: path, code: errno) }
        self.path = path
        self.byteCount = byteCount
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        if byteCount == 0 {
            base = nil
        } else {
            guard let mapped = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, off_t(offset)), mapped != MAP_FAILED else {
                throw FileAccessError(path: path, code: errno)
            }
            base = UnsafeRawPointer(mapped)
        }
    }

    deinit {
        if let base { munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
    }

    /// Calls `body` with all bytes of the file, which stays mapped for the call.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: base, count: byteCount)) }
    }
}

/// A part of a mapped file.
public final class MappedBytes: ByteSource {
    public let file: MappedFile
    public let offset: Int
    public let byteCount: Int

    /// Nil when the range does not lie inside the file.
    public init?(_ file: MappedFile, offset: Int, byteCount: Int) {
        guard offset >= 0, byteCount >= 0, offset <= file.byteCount, byteCount <= file.byteCount - offset else { return nil }
        self.file = file
        self.offset = offset
        self.byteCount = byteCount
    }

    public var isAddressable: Bool { true }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[offset..<offset + byteCount])) }
    }
}

extension MappedBytes {
    /// Maps the pages of a part that is to be read once in one step, which takes a fraction of the time of a fault for each few.
    public func willRead(_ range: Range<Int>) { advise(range, MADV_POPULATE_READ) }

    /// Takes the pages out of the process's memory; they stay in the system's cache, and are mapped again when they are read again.
    public func didRead(_ range: Range<Int>) { advise(range, MADV_DONTNEED) }

    /// Advice is not needed: where the system does not know it, or refuses it, reading works as well.
    private func advise(_ range: Range<Int>, _ advice: Int32) {
        file.withBytes { bytes in
            guard let base = bytes.baseAddress, !range.isEmpty else { return }
            let page = MappedBytes.pageBytes
            let start = (offset + range.lowerBound) / page * page
            madvise(UnsafeMutableRawPointer(mutating: base + start), offset + range.upperBound - start, advice)
        }
    }

    private static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
}

/// What makes two paths the same file.
public struct FileIdentity: Hashable, Sendable {
    public let device: UInt64
    public let inode: UInt64

    public init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    /// Nil when nothing is there.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }
}

/// A path that could not be opened, with errno.
public struct FileAccessError: Error, CustomStringConvertible {
    public let path: String
    public let code: Int32

    public init(path: String, code: Int32) {
        self.path = path
        self.code = code
    }

    public var description: String { "\(path): \(String(cString: strerror(code)))" }
}
