import CLibrary
import ModelGraph

/// Writes a folder of files under a temporary name, and gives it its own name when all files are complete.
///
/// The folder holds a `FolderManifest`, by which a later run knows that it may replace it.
public final class AtomicFolderWriter {
    public let path: String
    /// Where the contents are until `commit`.
    public let temporaryPath: String
    private let stage: OutputStage
    /// Those made in it.
    private var folders: [String] = []

    /// - Throws: `FormatError.refused` when the path exists and is not an empty folder, unless `force` and Caplet wrote all that is in it.
    public init(path: String, force: Bool) throws {
        stage = try OutputStage(path, paths: [path], isFolder: true, force: force)
        (self.path, temporaryPath) = (stage.outputs[0].path, stage.outputs[0].temporaryPath)
        // Nobody may look into it who may not look into what it is going to replace.
        var status = stat()
        let mode = stat(self.path, &status) == 0 ? status.st_mode & 0o777 | 0o700 : 0o777
        guard mkdir(temporaryPath, mode) == 0 else { throw FormatError.writeFailed(path, AtomicFileWriter.reason()) }
    }

    /// A writer for a file of the folder, or of a folder in it; commit it before the folder.
    public func file(_ name: String) throws -> AtomicFileWriter {
        guard FileName.isPlainOrInFolder(name), name != FolderManifest.fileName else {
            throw FormatError.writeFailed(path, "'\(name)' is no plain file name")
        }
        if let slash = name.firstIndex(of: "/") {
            let folder = "\(temporaryPath)/\(name[..<slash])"
            guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
                throw FormatError.writeFailed("\(path)/\(name[..<slash])", AtomicFileWriter.reason())
            }
            if !folders.contains(folder) { folders.append(folder) }
        }
        return try AtomicFileWriter("\(path)/\(name)", as: "\(temporaryPath)/\(name)")
    }

    /// Writes a whole small file.
    public func write(_ bytes: [UInt8], as name: String) throws {
        let writer = try file(name)
        try writer.write(bytes)
        try writer.commit()
    }

    /// The folder with all files in it, to be committed, perhaps with others.
    public func prepared(_ plan: WritePlan) throws -> PreparedWrite {
        let manifest = try FolderManifest(describing: temporaryPath)
        let name = FolderManifest.fileName
        // It appears whole: a folder that has one is complete.
        let writer = try AtomicFileWriter("\(path)/\(name)", as: "\(temporaryPath)/\(TemporaryName.make(for: name))")
        try writer.write(Array(manifest.text.utf8))
        try writer.finish()
        guard rename(writer.temporaryPath, "\(temporaryPath)/\(name)") == 0 else {
            throw FormatError.writeFailed("\(path)/\(name)", AtomicFileWriter.reason())
        }
        for folder in folders { FolderSync.sync(folder) }
        FolderSync.sync(temporaryPath)
        return PreparedWrite(plan, stage)
    }
}

/// Names that stay inside their folder.
public enum FileName {
    /// Whether `name` is one path component that is neither empty, "." nor "..".
    public static func isOne(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }

    /// Whether `name` is one path component that is neither empty, ".", ".." nor over 255 bytes, without control characters.
    public static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255 && !name.contains("/")
            && !name.utf8.contains { $0 < 0x20 || $0 == 0x7F }
    }

    /// Whether `name` is plain, or two plain names with a / between them.
    public static func isPlainOrInFolder(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count <= 2 && parts.allSatisfy { isPlain(String($0)) }
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
