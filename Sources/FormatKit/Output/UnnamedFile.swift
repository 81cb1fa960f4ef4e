import CFileSystem
import CLibrary

/// Files without a name, which are gone with the process, however that ends.
enum UnnamedFile {
    /// Opens one in the folder of a path, for reading and writing.
    ///
    /// - Parameter named: to name it by in errors.
    /// - Throws: `FormatError.writeFailed`.
    static func open(beside path: String, for named: String) throws -> Int32 {
        let parts = PathParts(path)
        let descriptor = caplet_open_unnamed(parts.folder)
        if descriptor >= 0 { return descriptor }
        let unknown = [EOPNOTSUPP, EISDIR, EINVAL, ENOSYS]
        guard unknown.contains(errno) else { throw FormatError.writeFailed(named, AtomicFileWriter.reason()) }
        // It has one for a moment where the file system knows no others.
        let name = parts.beside(TemporaryName.make(for: parts.name))
        let short = CLibrary.open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard short >= 0 else { throw FormatError.writeFailed(named, AtomicFileWriter.reason()) }
        unlink(name)
        return short
    }
}
