import CMapping
import CLibrary

/// A file mapped read-only into memory: opening it reads nothing.
///
/// Safe to share: nothing of it changes between `init` and `deinit`, and nobody writes to the mapping.
public final class MappedFile: @unchecked Sendable {
    public let path: String
    public let byteCount: Int
    /// Which file it was when it was opened, and how long.
    public let stamp: FileStamp
    private let base: UnsafeRawPointer?
    private let mapping: OpaquePointer?

    /// - Throws: `FileAccessError` when the path cannot be opened or is not a regular file.
    public init(path: String) throws {
        self.path = path
        // Without O_NONBLOCK a pipe that nobody writes to would be waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileAccessError(path: path, code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileAccessError(path: path, code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileAccessError(path: path, notRegular: status)
        }
        byteCount = Int(status.st_size)
        stamp = FileStamp(path: path, status)
        (base, mapping) = try MappedFile.map(descriptor, path, offset: 0, byteCount, MAP_PRIVATE)
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
        stamp = FileStamp(path: path, status)
        (base, mapping) = try MappedFile.map(descriptor, path, offset: offset, byteCount, MAP_SHARED)
    }

    private static func map(
        _ descriptor: Int32, _ path: String, offset: Int, _ byteCount: Int, _ flags: Int32
    ) throws -> (base: UnsafeRawPointer?, mapping: OpaquePointer?) {
        if byteCount == 0 { return (nil, nil) }
        guard let mapped = mmap(nil, byteCount, PROT_READ, flags, descriptor, off_t(offset)), mapped != MAP_FAILED else {
            throw FileAccessError(path: path, code: errno)
        }
        return (UnsafeRawPointer(mapped), caplet_mapping_begin(mapped, byteCount, path))
    }

    deinit {
        caplet_mapping_end(mapping)
        if let base { munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
    }

    /// From now on a mapped file that shrinks while it is read, or cannot be read, does not end the process: zeros stand for what is not
    /// there, and `faultedPath` says so. For programs, once; results are worth nothing after a fault.
    public static func catchFaults() { caplet_catch_mapping_faults() }

    /// The first file of this process that was not there where it was mapped; nil when all were.
    public static var faultedPath: String? { caplet_faulted_path().map { String(cString: $0) } }

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
    /// Some of the bytes; nil for others than there are.
    public func part(_ range: Range<Int>) -> MappedBytes? {
        range.lowerBound >= 0 && range.upperBound <= byteCount
            ? MappedBytes(file, offset: offset + range.lowerBound, byteCount: range.count) : nil
    }

    /// Maps the pages of a part that is to be read once in one step, which takes a fraction of the time of a fault for each few.
    public func willRead(_ range: Range<Int>) {
        #if os(Linux)
            advise(range, MADV_POPULATE_READ)
        #else
            advise(range, MADV_WILLNEED)
        #endif
    }

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

/// A path that could not be opened, with errno.
public struct FileAccessError: Error, CustomStringConvertible {
    public let path: String
    public let code: Int32
    /// What is there instead of a file; nil where the code says all.
    private let kind: String?

    public init(path: String, code: Int32) { self.init(path: path, code: code, kind: nil) }

    /// Whether there was no memory for it: no fault of the file.
    public var isOutOfMemory: Bool { code == ENOMEM }

    private init(path: String, code: Int32, kind: String?) {
        (self.path, self.code, self.kind) = (path, code, kind)
    }

    fileprivate init(path: String, notRegular status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFDIR: self.init(path: path, code: EISDIR)
        case S_IFIFO: self.init(path: path, code: EINVAL, kind: "is a pipe; a regular file is needed")
        case S_IFSOCK: self.init(path: path, code: EINVAL, kind: "is a socket; a regular file is needed")
        default: self.init(path: path, code: EINVAL, kind: "is a device; a regular file is needed")
        }
    }

    public var description: String { "\(path): \(kind ?? String(cString: strerror(code)))" }
}
