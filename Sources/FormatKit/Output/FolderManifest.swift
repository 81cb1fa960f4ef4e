import CLibrary
import ModelGraph
import StrictJSON

/// The list that a written folder holds of its files, by which it is known later that nothing else is in it.
public struct FolderManifest: Sendable {
    struct File: Equatable {
        let name: String
        let byteCount: Int
        /// Of the file's bytes, or of pieces at even distances of a long file.
        let digest: ContentDigest
    }

    public static let fileName = ".caplet-files.json"
    private static let version = 1
    private static let maximumByteCount = 256 << 20
    /// Files up to this length are digested whole; of longer ones so many pieces of so many bytes, the first and the last among them.
    private static let (wholeByteCount, pieceCount, pieceByteCount) = (1 << 20, 256, 4096)

    let files: [File]

    /// What is in a folder that was just written.
    ///
    /// - Throws: `FormatError.writeFailed` for anything but regular files; `FileAccessError`.
    init(describing folder: String) throws {
        files = try FolderManifest.names(in: folder).map { name in
            guard let file = try FolderManifest.file(name, in: folder) else {
                throw FormatError.writeFailed(folder, "'\(name)' was made in it, which is no regular file")
            }
            return file
        }
    }

    /// Everything in a folder but its manifest, of folders in it what they hold; empty ones by their own name.
    private static func names(in folder: String) throws -> [String] {
        try FolderListing.names(in: folder).filter { $0 != fileName }.flatMap { name in
            var status = stat()
            guard lstat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return [name] }
            let inner = try FolderListing.names(in: "\(folder)/\(name)").map { "\(name)/\($0)" }
            return inner.isEmpty ? [name] : inner
        }
    }

    private static func isListable(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count <= 2 && parts.allSatisfy { FileName.isOne(String($0)) }
    }

    static func isIn(_ folder: String) -> Bool { access("\(folder)/\(fileName)", F_OK) == 0 }

    /// What a folder's manifest lists.
    ///
    /// - Throws: `FormatError.malformed`; `FileAccessError` when there is none.
    init(of folder: String) throws {
        let path = "\(folder)/\(FolderManifest.fileName)"
        let file = try MappedFile(path: path)
        func malformed(_ reason: String) -> FormatError { .malformed(path, "", reason) }
        guard file.byteCount <= FolderManifest.maximumByteCount else { throw malformed("is \(file.byteCount) bytes long") }
        let json = try file.withBytes { try JSONValue(parsing: $0, path: path, object: "") }
        guard json["format"]?.string == "caplet-files", json["version"]?.integer == FolderManifest.version,
            let entries = json["files"]?.array
        else { throw malformed("is no list of files of version \(FolderManifest.version)") }
        files = try entries.map { entry in
            guard let name = entry["name"]?.string, FolderManifest.isListable(name), let count = entry["bytes"]?.integer,
                let digest = entry["digest"]?.string.flatMap(ContentDigest.init(hexadecimal:))
            else { throw malformed("has an entry that is no name, size and digest") }
            return File(name: name, byteCount: count, digest: digest)
        }
    }

    var text: String {
        JSONText.object([
            ("format", JSONText.quoted("caplet-files")), ("version", "\(FolderManifest.version)"),
            (
                "files",
                JSONText.array(
                    files.map { file in
                        JSONText.object([
                            ("name", JSONText.quoted(file.name)), ("bytes", "\(file.byteCount)"),
                            ("digest", JSONText.quoted(file.digest.hexadecimal)),
                        ])
                    })
            ),
        ]) + "\n"
    }

    /// What is in the folder and not as the list says, such as "'notes.txt', which Caplet did not write"; nil when all of it is.
    ///
    /// - Throws: `FileAccessError` for what cannot be read.
    func difference(in folder: String) throws -> String? {
        let listed = Dictionary(files.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for name in try FolderManifest.names(in: folder) {
            guard let file = listed[name] else { return "'\(name)', which Caplet did not write" }
            if let difference = difference(of: file, in: folder) { return difference }
        }
        return nil
    }

    func difference(of file: File, in folder: String) -> String? {
        (try? FolderManifest.file(file.name, in: folder)) == file ? nil : "'\(file.name)', which was changed since it was written"
    }

    /// Nil for anything but a regular file.
    private static func file(_ name: String, in folder: String) throws -> File? {
        let path = "\(folder)/\(name)"
        // A folder in it is none that a link leads to.
        if let slash = name.firstIndex(of: "/") {
            var status = stat()
            guard lstat("\(folder)/\(name[..<slash])", &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ELOOP || errno == ENXIO { return nil }
            throw FileAccessError(path: path, code: errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileAccessError(path: path, code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        let count = Int(status.st_size)
        let digest = DigestStream()
        var buffer = [UInt8](repeating: 0, count: min(count, wholeByteCount))
        func add(_ length: Int, at offset: Int) throws {
            let got = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, length, off_t(offset)) }
            guard got == length else { throw FileAccessError(path: path, code: got < 0 ? errno : EIO) }
            buffer.withUnsafeBytes { digest.add(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
        }
        if count <= wholeByteCount {
            try add(count, at: 0)
        } else {
            let last = count - pieceByteCount
            for piece in 0..<pieceCount {
                try add(pieceByteCount, at: last / (pieceCount - 1) * piece + (piece == pieceCount - 1 ? last % (pieceCount - 1) : 0))
            }
        }
        guard let digest = digest.digest else { throw FileAccessError(path: path, code: ENOMEM) }
        return File(name: name, byteCount: count, digest: digest)
    }
}
