import CLibrary

/// Texts that a plugin points at.
enum PluginText {
    static let maximumNameBytes = 4096
    static let maximumValueBytes = 64 << 20

    enum Fault: Error, CustomStringConvertible {
        case null, tooLong(Int), notUTF8

        var description: String {
            switch self {
            case .null: return "is NULL"
            case .tooLong(let limit): return "is longer than \(limit) bytes"
            case .notUTF8: return "is not UTF-8"
            }
        }
    }

    /// - Throws: `Fault`.
    static func read(_ pointer: UnsafePointer<CChar>?, limit: Int = maximumNameBytes) throws -> String {
        guard let pointer else { throw Fault.null }
        let count = strnlen(pointer, limit + 1)
        guard count <= limit else { throw Fault.tooLong(limit) }
        let bytes = UnsafeRawBufferPointer(start: pointer, count: count)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Fault.notUTF8 }
        return text
    }

    /// For messages: whatever is no text is replaced, and the end of a long one left out.
    static func shown(_ pointer: UnsafePointer<CChar>?) -> String {
        guard let pointer else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: pointer, count: strnlen(pointer, 2000)), as: UTF8.self)
    }

    /// Whether pipeline text and --to can spell it: small letters, digits and "-", beginning with a letter.
    static func isWord(_ text: String) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-")
            }
    }
}
