import CLibrary
import FormatKit
import ModelGraph

/// Where text comes from: files, folders of them, patterns with wildcards, and "-" for standard input.
///
/// Files are plain text, or JSON with a record a line or in one array (`.jsonl`, `.ndjson`, `.json`), as they are or compressed by gzip or zstd, or
/// Parquet.
public struct TextSource: Sendable, Hashable, ExpressibleByStringLiteral {
    /// In the order in which they are read.
    public var paths: [String]
    /// The member of a JSON record, or the column of a table, that has the text; nil for "text", or else "content" or "messages".
    public var field: String?

    /// Text of some places.
    public init(_ paths: [String], field: String? = nil) { (self.paths, self.field) = (paths, field) }

    /// Text of one place.
    public init(_ path: String, field: String? = nil) { self.init([path], field: field) }

    /// Text of one place.
    public init(stringLiteral path: String) { self.init([path]) }

    /// The places that are no standard input.
    public var filePaths: [String] { paths.filter { $0 != "-" } }

    /// The files of the places, those of folders and patterns sorted by name; "-" as it is.
    ///
    /// - Throws: `FileAccessError`; `FormatError.malformed` for a folder or pattern without text.
    public func files() throws -> [String] { try paths.flatMap(TextSource.files) }

    private static let textEndings = [".txt", ".text", ".md", ".jsonl", ".ndjson", ".json", ".parquet"]
    private static let compressedEndings = [".gz", ".zst"]

    private static func files(_ path: String) throws -> [String] {
        if path == "-" { return [path] }
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            guard path.contains(where: { "*?[".contains($0) }) else { throw FileAccessError(path: path, code: code) }
            return try matches(path)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [path] }
        let names = try FolderListing.names(in: path).filter { name in
            let lower = name.lowercased()
            let bare = compressedEndings.first(where: lower.hasSuffix).map { String(lower.dropLast($0.count)) } ?? lower
            return !name.hasPrefix(".") && textEndings.contains(where: bare.hasSuffix)
        }
        guard !names.isEmpty else {
            throw FormatError.malformed(
                path, "", "has no text: no file that ends in \(textEndings.joined(separator: ", ")), or so and .gz or .zst")
        }
        return names.map { "\(path)/\($0)" }
    }

    private static func matches(_ pattern: String) throws -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { throw FormatError.malformed(pattern, "", "matches no file") }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
    }
}
