import CDefaultText
import CLibrary
import FormatKit
import ModelGraph

/// The documents of a text source, in order.
public struct TextDocuments: Sendable {
    public let documents: [TextDocument]
    /// Of the bytes that the places gave: that of a file by itself, or of all files' digests.
    public let digest: String

    /// Most bytes of text together: more than any calibration or evaluation set, less than would take all memory.
    public static let maximumBytes = 1 << 30

    /// - Throws: `FileAccessError`; `FormatError.malformed` for what is no text or too much of it.
    public init(_ source: TextSource) throws {
        var (documents, digests, room) = ([TextDocument](), [String](), TextDocuments.maximumBytes)
        for path in try source.files() {
            let bytes = try TextDocuments.contents(path)
            digests.append(bytes.withUnsafeBytes { ContentDigest(of: $0).hexadecimal })
            if ParquetText.isParquet(bytes) {
                documents += try ParquetText(bytes, path: path).documents(field: source.field, room: &room)
                continue
            }
            let expanded = try CompressedText.expanded(bytes, limit: room, path)
            guard expanded.count <= room else {
                throw FormatError.malformed(path, "", "is too long: at most \(TextDocuments.maximumBytes) bytes of text are taken")
            }
            room -= expanded.count
            documents += try TextDocument.documents(expanded, name: TextDocuments.name(path), path: path, field: source.field)
        }
        self.documents = documents
        let all = Array(digests.joined(separator: "\n").utf8)
        digest = digests.count == 1 ? digests[0] : all.withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
    }

    /// Speeches in the public domain, to calibrate on where no text is given.
    public static let builtIn: String = {
        let bytes = UnsafeRawBufferPointer(start: caplet_default_text_start(), count: caplet_default_text_size)
        return String(decoding: bytes, as: UTF8.self)
    }()

    /// The text of one file, whatever its name, or of standard input by "-".
    ///
    /// - Throws: `FileAccessError`; `FormatError.malformed` for what is no text or too much of it.
    public static func plainText(of path: String) throws -> String {
        let name = path == "-" ? standardInputName : path
        return try TextBytes.text(CompressedText.expanded(contents(path), limit: maximumBytes, name), name)
    }

    private static let standardInputName = "standard input"

    /// The file's name without the ending of a compressed one.
    private static func name(_ path: String) -> String {
        for ending in [".gz", ".zst"] where path.lowercased().hasSuffix(ending) { return String(path.dropLast(ending.count)) }
        return path
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        if path == "-" { return try standardInput() }
        let file = try MappedFile.content(path: path)
        guard file.byteCount <= maximumBytes else {
            throw FormatError.malformed(path, "", "\(file.byteCount) bytes of text, at most \(maximumBytes) are taken")
        }
        return file.withBytes { Array($0) }
    }

    private static func standardInput() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(STDIN_FILENO, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileAccessError(path: standardInputName, code: errno) }
            if count == 0 { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= maximumBytes else {
                throw FormatError.malformed(standardInputName, "", "more than \(maximumBytes) bytes of text")
            }
        }
    }
}
