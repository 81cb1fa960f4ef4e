import FormatKit
import StrictJSON

/// The text of a Parquet file: a column of strings, or one of conversations, lists of structures with "role" and "content".
struct ParquetText {
    private let bytes: [UInt8]
    private let path: String
    private let footer: ParquetFooter

    static func isParquet(_ bytes: [UInt8]) -> Bool { bytes.starts(with: ParquetFooter.mark) }

    /// - Throws: `FormatError.malformed`.
    init(_ bytes: [UInt8], path: String) throws {
        (self.bytes, self.path) = (bytes, path)
        footer = try ParquetFooter(bytes, path: path)
    }

    /// A document a row.
    ///
    /// - Parameters:
    ///   - field: the column that has the text; nil for "text", or else "content" or "messages".
    ///   - room: bytes of text that may be made, less those that are.
    /// - Throws: `FormatError.malformed` for a column that is missing, is no text, or is broken.
    func documents(field: String?, room: inout Int) throws -> [TextDocument] {
        for name in field.map({ [$0] }) ?? ["text", "content", "messages"] {
            let places = footer.columns.indices.filter { footer.columns[$0].path.first == name }
            if places.isEmpty { continue }
            if let place = places.first(where: { footer.columns[$0].isText }) { return try texts(place, &room) }
            func member(_ member: String) -> Int? { places.first { footer.columns[$0].isMember(member) } }
            if let role = member("role"), let content = member("content") { return try conversations(role, content, &room) }
            throw FormatError.malformed(path, "column '\(name)'", "is neither text nor a list of messages")
        }
        let wanted = field.map { "'\($0)'" } ?? "'text', 'content' or 'messages'"
        let all = footer.columns.map { $0.path.first ?? "" }
        let names = all.enumerated().filter { $0.offset == all.firstIndex(of: $0.element) }.map { "'\($0.element)'" }
        throw FormatError.malformed(path, "", "has no column \(wanted), but \(names.prefix(8).joined(separator: ", "))")
    }

    private func read(_ place: Int, _ group: [ParquetFooter.Chunk], _ room: inout Int, _ take: (ParquetColumn.Entry) throws -> Void) throws
    {
        try ParquetColumn(bytes: bytes, column: footer.columns[place], path: path).read(group[place], room: &room, take)
    }

    private func texts(_ place: Int, _ room: inout Int) throws -> [TextDocument] {
        var documents: [TextDocument] = []
        for group in footer.groups {
            try read(place, group, &room) { entry in
                guard let text = entry.text else {
                    throw FormatError.malformed(path, "row \(documents.count + 1)", "has no text: it is null")
                }
                documents.append(.text(text))
            }
        }
        return documents
    }

    private func conversations(_ role: Int, _ content: Int, _ room: inout Int) throws -> [TextDocument] {
        var documents: [TextDocument] = []
        for group in footer.groups {
            let (roles, contents) = (try lists(role, group, &room), try lists(content, group, &room))
            guard roles.count == contents.count else { throw FormatError.malformed(path, "", "has columns of different lengths") }
            for (roles, contents) in zip(roles, contents) {
                guard !roles.isEmpty, roles.count == contents.count else {
                    throw FormatError.malformed(path, "row \(documents.count + 1)", "is no list of messages")
                }
                documents.append(
                    .messages(zip(roles, contents).map { .object(["role": .string($0), "content": .string($1)]) }))
            }
        }
        return documents
    }

    /// The lists of a column's rows.
    private func lists(_ place: Int, _ group: [ParquetFooter.Chunk], _ room: inout Int) throws -> [[String]] {
        var lists: [[String]] = []
        try read(place, group, &room) { entry in
            if entry.repetition == 0 { lists.append([]) }
            guard !lists.isEmpty else { throw FormatError.malformed(path, "", "has a list that begins in no row") }
            if let text = entry.text { lists[lists.count - 1].append(text) }
        }
        return lists
    }
}

extension ParquetFooter.Column {
    /// Whether it is a field of strings by itself.
    fileprivate var isText: Bool { isBytes && path.count == 1 && mostRepetition == 0 }

    /// Whether it is a member of the structures of a list.
    fileprivate func isMember(_ name: String) -> Bool { isBytes && path.last == name && mostRepetition == 1 }
}
