extension JSONValue {
    /// The document as UTF-8, indented by two spaces a level, with a newline at its end.
    public func serialized() -> [UInt8] {
        var text = ""
        append(to: &text, indentation: 0)
        return Array(text.utf8) + [UInt8(ascii: "\n")]
    }

    private func append(to text: inout String, indentation: Int) {
        func line(_ level: Int) { text += "\n" + String(repeating: " ", count: 2 * level) }
        switch self {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += "\(number)"
        case .number(let number): text += "\(number)"
        case .string(let string): text += JSONText.quoted(string)
        case .array(let items) where items.isEmpty: text += "[]"
        case .object(let members) where members.isEmpty: text += "{}"
        case .array(let items):
            text += "["
            for (index, item) in items.enumerated() {
                if index > 0 { text += "," }
                line(indentation + 1)
                item.append(to: &text, indentation: indentation + 1)
            }
            line(indentation)
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                line(indentation + 1)
                text += JSONText.quoted(member.key) + ": "
                member.value.append(to: &text, indentation: indentation + 1)
            }
            line(indentation)
            text += "}"
        }
    }
}
