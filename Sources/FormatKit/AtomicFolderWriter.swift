import Glibc
import ModelGraph

/// Writes a folder of files under a temporary name, and gives it its own name when all files are complete.
public final class AtomicFolderWriter {
    public let path: String
    /// Where the contents are until `commit`.
    public let temporaryPath: String
    private let replaces: Bool
    private var committed = false
    private var names: [String] = []

    /// - Throws: `FormatError.refused` when the path exists and is not an empty folder, unless `force`.
    public init(path: String, force: Bool) throws {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        self.path = trimmed
        replaces = force
        temporaryPath = "\(trimmed).partial-\(getpid())"
        var status = stat()
        if stat(trimmed, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw FormatError.refused(path, "is a file; a folder is to be written")
            }
            let isEmpty = try FolderListing.names(in: trimmed).isEmpty
            guard isEmpty || force else { throw FormatError.refused(path, "exists and is not empty; --force replaces it") }
        }
        guard mkdir(temporaryPath, 0o777) == 0 else { throw FormatError.writeFailed(path, AtomicFileWriter.reason()) }
    }

    deinit { discard() }

    /// A writer for a file of the folder; commit it before the folder.
    public func file(_ name: String) throws -> AtomicFileWriter {
        guard FileName.isPlain(name) else { throw FormatError.writeFailed(path, "'\(name)' is no plain file name") }
        names.append(name)
        return try AtomicFileWriter(path: "\(temporaryPath)/\(name)", force: false)
    }

    /// Writes a whole small file.
    public func write(_ bytes: [UInt8], as name: String) throws {
        let writer = try file(name)
        try writer.write(bytes)
        try writer.commit()
    }

    /// Puts the folder under its name. An old folder of that name is moved aside first and removed last.
    public func commit() throws {
        let old = "\(path).old-\(getpid())"
        var moved = false
        if access(path, F_OK) == 0 {
            if rmdir(path) != 0 {
                guard replaces, rename(path, old) == 0 else { throw FormatError.writeFailed(path, AtomicFileWriter.reason()) }
                moved = true
            }
        }
        guard rename(temporaryPath, path) == 0 else {
            let error = FormatError.writeFailed(path, AtomicFileWriter.reason())
            if moved { rename(old, path) }
            throw error
        }
        committed = true
        FolderSync.sync(folderOf: path)
        if moved { FolderRemoval.remove(old) }
    }

    public func discard() {
        if !committed { FolderRemoval.remove(temporaryPath) }
    }
}

/// Names that stay inside their folder.
public enum FileName {
    /// Whether `name` is one path component that is neither empty, ".", ".." nor over 255 bytes, without control characters.
    public static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255 && !name.contains("/")
            && !name.utf8.contains { $0 < 0x20 || $0 == 0x7F }
    }
}

/// Removal of a file, or of a folder and all in it, links not followed.
public enum FolderRemoval {
    public static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in (try? FolderListing.names(in: path)) ?? [] { remove("\(path)/\(name)") }
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}
