import CLibrary
import ModelGraph

/// What an output may take the place of: nothing that Caplet did not write, unless it is a regular file and the user says so.
enum OutputRules {
    static func check(_ path: String, isFolder: Bool, force: Bool) throws {
        isFolder ? try checkFolder(path, force: force) : try checkFile(path, force: force)
    }

    /// - Throws: `FormatError.refused` for a path where no file may be written.
    static func checkFile(_ path: String, force: Bool) throws {
        guard let status = try status(path) else { return }
        switch status.st_mode & S_IFMT {
        case S_IFREG: if !force { throw FormatError.refused(path, "exists", remedy: .replaceOutput) }
        case S_IFDIR: throw FormatError.refused(path, "is a folder; a file is to be written")
        default: throw refusal(path, status)
        }
    }

    /// - Throws: `FormatError.refused` for a path where no folder may be written: one with a file, with a folder that is not empty unless
    ///   `force`, and with one that holds what Caplet did not write; `FileAccessError` for one that cannot be looked at.
    static func checkFolder(_ path: String, force: Bool) throws {
        guard let status = try status(path) else { return }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: break
        case S_IFREG: throw FormatError.refused(path, "is a file; a folder is to be written")
        default: throw refusal(path, status)
        }
        if FileIdentity(path: path) == FileIdentity(path: ".") {
            throw FormatError.refused(path, "is the folder that the program runs in; the output needs another")
        }
        if try FolderListing.names(in: path).isEmpty { return }
        guard force else { throw FormatError.refused(path, "exists and is not empty", remedy: .replaceOutput) }
        guard FolderManifest.isIn(path) else {
            throw FormatError.refused(
                path, "is not empty and has no \(FolderManifest.fileName): Caplet did not write it, and does not delete what is in it")
        }
        if let difference = try FolderManifest(of: path).difference(in: path) {
            throw FormatError.refused(path, "holds \(difference); Caplet deletes only what it wrote")
        }
    }

    /// What is at the path itself, links not followed; nil when nothing is.
    ///
    /// - Throws: `FormatError.writeFailed` for a path at which nothing can be, such as one that is too long.
    static func status(_ path: String) throws -> stat? {
        var status = stat()
        if lstat(path, &status) == 0 { return status }
        if errno == ENOENT { return nil }
        throw FormatError.writeFailed(path, AtomicFileWriter.reason())
    }

    private static func refusal(_ path: String, _ status: stat) -> FormatError {
        let kind: String
        switch status.st_mode & S_IFMT {
        case S_IFLNK: return .refused(path, "is a symbolic link; give the path that it leads to")
        case S_IFCHR, S_IFBLK: kind = "a device"
        case S_IFIFO: kind = "a pipe"
        case S_IFSOCK: kind = "a socket"
        default: kind = "no regular file"
        }
        return .refused(path, "is \(kind); only regular files are replaced")
    }
}
