import CFileSystem
import CLibrary
import ModelGraph
import Synchronization

/// Writes a file under a temporary name beside its own, and gives it that name only when all of it is on disk.
public final class AtomicFileWriter {
    public let path: String
    /// Where the contents are until `commit`.
    public let temporaryPath: String
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    /// What gives the file its name; nil for a file of a folder or a set, which has one.
    private let stage: OutputStage?
    /// Bytes given to `write` so far.
    public private(set) var byteCount = 0
    /// Bytes that the file has, and those after which the system was last asked to begin with the disk.
    private var fileBytes = 0
    private let written = Atomic<Int>(0)
    /// The file system lets one thread write to a file; those that wait here leave their processor to others.
    private let turn = Mutex(())

    private static let bufferLimit = 1 << 20
    /// Bytes after which writing to the disk begins, so that it goes on beside the work, and little is left for the end; fewer of a file
    /// that may be short.
    private static let (firstWritebackBytes, writebackBytes) = (4 << 20, 32 << 20)

    /// - Parameter force: replace a file that is there.
    /// - Throws: `FormatError.refused` when the path exists and `force` is false, or is no regular file; `.writeFailed` when it cannot be made.
    public init(path: String, force: Bool) throws {
        let stage = try OutputStage(path, paths: [path], isFolder: false, force: force)
        self.stage = stage
        (self.path, temporaryPath) = (stage.outputs[0].path, stage.outputs[0].temporaryPath)
        descriptor = try AtomicFileWriter.open(temporaryPath, for: self.path)
    }

    /// A file of a folder or a set that is being made.
    init(_ path: String, as temporaryPath: String) throws {
        (stage, self.path, self.temporaryPath) = (nil, path, temporaryPath)
        descriptor = try AtomicFileWriter.open(temporaryPath, for: path)
    }

    /// Opens a new file, which nobody may read who may not read what it is going to replace.
    private static func open(_ temporaryPath: String, for path: String) throws -> Int32 {
        var status = stat()
        let mode = lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? status.st_mode & 0o666 | 0o200 : 0o666
        let descriptor = CLibrary.open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FormatError.writeFailed(path, reason()) }
        return descriptor
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        byteCount += bytes.count
        if buffer.count + bytes.count <= AtomicFileWriter.bufferLimit {
            buffer.append(contentsOf: bytes)
            return
        }
        try flush()
        if bytes.count >= AtomicFileWriter.bufferLimit {
            try writeAll(bytes)
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    public func write<Bytes: ContiguousBytesCollection>(_ bytes: Bytes) throws {
        try bytes.withUnsafeRawBytes { try write($0) }
    }

    public func write(_ source: any ByteSource) throws {
        try source.withUnsafeBytes { try write($0) }
    }

    /// Writes zero bytes up to the next multiple of `alignment`.
    public func pad(to alignment: Int) throws {
        let rest = byteCount % alignment
        if rest != 0 { try write([UInt8](repeating: 0, count: alignment - rest)) }
    }

    /// Puts the file under its name: flush, fsync, rename, fsync of the folder.
    public func commit() throws {
        try finish()
        if let stage { try OutputStage.commit([stage]) }
    }

    /// Puts all bytes on disk, still under the temporary name.
    public func finish() throws {
        if descriptor < 0 { return }
        try flush()
        guard fsync(descriptor) == 0 else { throw FormatError.writeFailed(path, AtomicFileWriter.reason()) }
        guard close(descriptor) == 0 else {
            descriptor = -1
            throw FormatError.writeFailed(path, AtomicFileWriter.reason())
        }
        descriptor = -1
    }

    /// The finished file, to be committed, perhaps with others.
    public func prepared(_ plan: WritePlan) throws -> PreparedWrite {
        guard let stage else { preconditionFailure("a file of a folder is committed with the folder") }
        try finish()
        return PreparedWrite(plan, stage)
    }

    private func flush() throws {
        if buffer.isEmpty { return }
        try buffer.withUnsafeBytes { try writeAll($0) }
        buffer.removeAll(keepingCapacity: true)
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
        try write(bytes, at: fileBytes)
        fileBytes += bytes.count
    }

    /// Makes room for bytes that are then written by `write(_:at:)`, and returns where it begins.
    func reserve(_ count: Int) throws -> Int {
        try flush()
        defer {
            fileBytes += count
            byteCount += count
        }
        return fileBytes
    }

    /// Writes bytes to a place in the file. Several threads may call it at once.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        var (rest, place) = (bytes, offset)
        while !rest.isEmpty {
            let count = turn.withLock { _ in pwrite(descriptor, rest.baseAddress, rest.count, off_t(place)) }
            if count < 0 {
                if errno == EINTR { continue }
                throw FormatError.writeFailed(path, AtomicFileWriter.reason())
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            place += count
        }
        let total = written.wrappingAdd(bytes.count, ordering: .relaxed).newValue
        let step = total < AtomicFileWriter.writebackBytes ? AtomicFileWriter.firstWritebackBytes : AtomicFileWriter.writebackBytes
        if total / step != (total - bytes.count) / step {
            // A hint: `finish` waits for what it does not do.
            caplet_begin_writeback(descriptor)
        }
    }

    static func reason() -> String { "cannot be written: \(String(cString: strerror(errno)))" }
}

/// Collections whose bytes lie in one piece.
public protocol ContiguousBytesCollection {
    func withUnsafeRawBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}

extension Array: ContiguousBytesCollection where Element == UInt8 {
    public func withUnsafeRawBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withUnsafeBytes(body)
    }
}

/// Makes a rename durable.
enum FolderSync {
    static func sync(folderOf path: String) { sync(PathParts(path).folder) }

    static func sync(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor >= 0 {
            fsync(descriptor)
            close(descriptor)
        }
    }
}
