import FormatKit
import StrictJSON

/// One text, or one conversation.
public enum TextDocument: Sendable {
    case text(String)
    /// Objects with "role" and "content".
    case messages([JSONValue])

    /// The documents of one file's bytes.
    ///
    /// - Parameters:
    ///   - name: of the file, without what says that it is compressed; its ending tells JSON from text.
    ///   - field: the member of a record that has the text.
    /// - Throws: `FormatError.malformed` for what is neither text nor JSON.
    static func documents(_ bytes: [UInt8], name: String, path: String, field: String?) throws -> [TextDocument] {
        let text = try TextBytes.text(bytes, path)
        let ending = name.lowercased()
        if ending.hasSuffix(".jsonl") || ending.hasSuffix(".ndjson") { return try lines(text, path, field) }
        guard ending.hasSuffix(".json") else { return [.text(text)] }
        guard text.utf8.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "[") else { return try lines(text, path, field) }
        let json = try JSONValue(parsing: Array(text.utf8), path: path, object: "", maximumValueCount: maximumValueCount)
        return try (json.array ?? []).enumerated().map { try document($1, path, "record \($0 + 1)", field) }
    }

    /// Values of one file of records.
    private static let maximumValueCount = 1 << 24

    private static func lines(_ text: String, _ path: String, _ field: String?) throws -> [TextDocument] {
        var documents: [TextDocument] = []
        for (index, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { !" \t\r".utf8.contains($0) }) else { continue }
            let place = "line \(index + 1)"
            let json = try JSONValue(parsing: Array(line), path: path, object: place, maximumValueCount: maximumValueCount)
            documents.append(try document(json, path, place, field))
        }
        return documents
    }

    private static func document(_ record: JSONValue, _ path: String, _ place: String, _ field: String?) throws -> TextDocument {
        if let text = record.string { return .text(text) }
        for name in field.map({ [$0] }) ?? ["text", "content", "messages"] {
            guard let value = record[name] else { continue }
            if let text = value.string { return .text(text) }
            if let messages = value.array, !messages.isEmpty, messages.allSatisfy({ $0["role"]?.string != nil }) {
                return .messages(messages)
            }
            throw FormatError.malformed(path, place, "'\(name)' is neither text nor a list of messages")
        }
        let wanted = field.map { "'\($0)'" } ?? "'text', 'content' or 'messages'"
        throw FormatError.malformed(path, place, "has no \(wanted)")
    }
}
