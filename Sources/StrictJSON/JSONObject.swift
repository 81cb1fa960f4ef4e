/// The members of a JSON object, in the order of the text.
///
/// Keys are told apart by code unit: two spellings of one word, composed and decomposed, are two keys.
public struct JSONObject: Equatable, Sendable {
    public let members: [(key: String, value: JSONValue)]

    /// - Precondition: no key is there twice.
    public init(_ members: [(key: String, value: JSONValue)]) { self.members = members }

    /// The value of a key, `.null` where it is null; nil when the object has no such key. Looks at one member after another.
    public subscript(key: String) -> JSONValue? { members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value }

    public var keys: [String] { members.map(\.key) }

    public static func == (a: JSONObject, b: JSONObject) -> Bool {
        a.members.elementsEqual(b.members) { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
    }

    /// The first key that equals an earlier one.
    static func repeatedKey(_ members: [(key: String, value: JSONValue)]) -> String? {
        if members.count <= 8 {
            for index in members.indices.dropFirst() {
                let key = members[index].key
                if members[..<index].contains(where: { $0.key.utf8.elementsEqual(key.utf8) }) { return key }
            }
            return nil
        }
        var seen = Set<CodeUnits>(minimumCapacity: members.count)
        return members.first { !seen.insert(CodeUnits(text: $0.key)).inserted }?.key
    }
}

extension JSONObject: RandomAccessCollection {
    public var startIndex: Int { members.startIndex }
    public var endIndex: Int { members.endIndex }
    public subscript(position: Int) -> (key: String, value: JSONValue) { members[position] }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements.map { (key: $0.0, value: $0.1) }) }
}

/// Text that equals only what has the same bytes.
private struct CodeUnits: Hashable, Sendable {
    let text: String

    static func == (a: CodeUnits, b: CodeUnits) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
