import CLibrary
import ModelGraph

/// A first look at a path: what kind of thing it is and how it begins.
public struct FileProbe: Sendable {
    public let path: String
    public let isFolder: Bool
    /// The names in the folder, sorted; empty for a file.
    public let entries: [String]
    /// The first bytes of the file, at most `headLength`; empty for a folder.
    public let head: [UInt8]

    public static let headLength = 4096

    /// - Throws: `FileAccessError` when nothing can be read there; `FormatError.malformed` for a Git LFS pointer.
    public init(path: String) throws {
        self.path = path
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileAccessError(path: path, code: errno) }
        isFolder = status.st_mode & S_IFMT == S_IFDIR
        if isFolder {
            entries = try FolderListing.names(in: path)
            head = []
        } else {
            entries = []
            head = try MappedFile.content(path: path).withBytes { Array($0.prefix(FileProbe.headLength)) }
        }
    }

    /// The path's ending after its last dot, lower case; empty without one.
    public var fileExtension: String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "" }
        return name[name.index(after: dot)...].lowercased()
    }

    public func begins(with bytes: [UInt8]) -> Bool { head.starts(with: bytes) }
}

/// The contents of a folder.
public enum FolderListing {
    /// Names in `path`, sorted, without "." and "..".
    ///
    /// - Throws: `FormatError.unsupported` for a name that is not UTF-8: text cannot stand for it; `FileAccessError`.
    public static func names(in path: String) throws -> [String] {
        try names(in: path) { bytes in
            throw FormatError.unsupported(path, "file '\(String(decoding: bytes, as: UTF8.self))'", "has a name that is not UTF-8")
        }
    }

    /// The same without names that are not UTF-8, which `other` is given.
    static func names(in path: String, other: ([UInt8]) throws -> Void) throws -> [String] {
        guard let folder = opendir(path) else { throw FileAccessError(path: path, code: errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let bytes = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: UInt8.self, capacity: 256) { name in
                    Array(UnsafeBufferPointer(start: name, count: 256).prefix { $0 != 0 })
                }
            }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                try other(bytes)
                continue
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
