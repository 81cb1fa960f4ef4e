import CLibrary

/// Names that files and folders have until they are complete: "NAME.partial-0123456789abcdef", the digits drawn anew for each.
enum TemporaryName {
    private static let marker = ".partial-"
    private static let digitCount = 16
    /// Most bytes of a name, in every file system that is in use.
    static let maximumByteCount = 255

    /// A name beside `name` that nothing has; the end of a long one is left out.
    static func make(for name: String) -> String { stem(name) + marker + digits() }

    static func digits() -> String {
        var generator = SystemRandomNumberGenerator()
        let digits = String(generator.next() as UInt64, radix: 16)
        return String(repeating: "0", count: digitCount - digits.count) + digits
    }

    /// Whether `make(for: name)` may have made `candidate`.
    static func isTemporary(_ candidate: String, of name: String) -> Bool {
        let prefix = stem(name) + marker
        guard candidate.hasPrefix(prefix) else { return false }
        let digits = candidate.dropFirst(prefix.count).utf8
        return digits.count == digitCount
            && digits.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    /// Whether `make` may have made the name for some other.
    static func isTemporary(_ candidate: String) -> Bool {
        guard let start = candidate.ranges(of: marker).last?.lowerBound else { return false }
        return isTemporary(candidate, of: String(candidate[..<start]))
    }

    private static func stem(_ name: String) -> String {
        var stem = name
        while stem.utf8.count > maximumByteCount - marker.utf8.count - digitCount { stem.removeLast() }
        return stem
    }
}

/// A path as a folder and a name in it.
public struct PathParts: Hashable, Sendable {
    /// "." for a path that is a name alone.
    public let folder: String
    public let name: String

    public init(_ path: String) {
        let trimmed = PathParts.trimmed(path)
        guard let slash = trimmed.lastIndex(of: "/") else {
            (folder, name) = (".", trimmed)
            return
        }
        folder = slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
        name = String(trimmed[trimmed.index(after: slash)...])
    }

    /// The path of another name in the folder.
    func beside(_ name: String) -> String {
        if folder == "." { return name }
        return folder == "/" ? "/\(name)" : "\(folder)/\(name)"
    }

    /// A path without slashes at its end.
    static func trimmed(_ path: String) -> String {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        return trimmed
    }
}
