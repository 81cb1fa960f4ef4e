import ModelGraph

/// The few lines that a git clone without Git LFS has in place of a large file.
enum LargeFilePointer {
    private static let start = Array("version https://git-lfs.github.com/spec/".utf8)

    static func isPointer(_ head: some Sequence<UInt8>) -> Bool { head.starts(with: start) }

    static func error(_ path: String) -> FormatError {
        .malformed(path, "", "is a Git LFS pointer and not the file itself; get that by 'git lfs pull', or download it again")
    }
}

extension MappedFile {
    /// A file that is to be read for what it holds, and not a Git LFS pointer to it.
    ///
    /// - Throws: `FileAccessError`; `FormatError.malformed` for a Git LFS pointer.
    public static func content(path: String) throws -> MappedFile {
        let file = try MappedFile(path: path)
        guard !file.withBytes({ LargeFilePointer.isPointer($0.prefix(64)) }) else { throw LargeFilePointer.error(path) }
        return file
    }
}
