import CLibrary
import FormatKit
import FoundationEssentials
import ModelGraph

/// A folder of a test's own, removed with the value.
public final class TemporaryFolder {
    public let path: String

    public init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("caplet-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    public func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file of the folder and returns its path.
    @discardableResult
    public func write(_ bytes: [UInt8], as name: String) throws -> String {
        try TemporaryFolder.put(bytes, at: path(name))
        return path(name)
    }

    /// Every regular file below, relative to the folder, sorted, with its bytes; not the lists that written folders have of their files.
    public func files() throws -> [(name: String, bytes: [UInt8])] { try TemporaryFolder.files(under: path) }

    public static func files(under path: String) throws -> [(name: String, bytes: [UInt8])] {
        guard let isFolder = isFolder(path) else { return [] }
        guard isFolder else { return [("", try bytes(of: path))] }
        return try files(in: path, prefix: "").sorted { $0.name < $1.name }
    }

    private static func files(in folder: String, prefix: String) throws -> [(name: String, bytes: [UInt8])] {
        try FolderListing.names(in: folder).filter { $0 != FolderManifest.fileName }.flatMap { name in
            let path = "\(folder)/\(name)"
            return isFolder(path) == true ? try files(in: path, prefix: "\(prefix)\(name)/") : [(prefix + name, try bytes(of: path))]
        }
    }

    /// Nil when nothing is there.
    private static func isFolder(_ path: String) -> Bool? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    /// Writes a file without waiting for the disk: thousands of them are looked at once and forgotten.
    static func put(_ bytes: [UInt8], at path: String) throws {
        guard let file = fopen(path, "wb") else { throw FileAccessError(path: path, code: errno) }
        defer { fclose(file) }
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count, fflush(file) == 0 else { throw FileAccessError(path: path, code: errno) }
    }

    public static func bytes(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }
}
