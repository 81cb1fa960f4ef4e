/// JSON as text, in one spelling only, so that equal values are equal bytes.
public enum JSONText {
    /// `text` in quotes, with escapes for quotes, backslashes and control characters only.
    public static func quoted(_ text: String) -> String {
        var out = "\""
        out.reserveCapacity(text.utf8.count + 2)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    public static func array(_ elements: [String]) -> String { "[" + elements.joined(separator: ",") + "]" }

    /// An object of values that are JSON text already, in the order given.
    public static func object(_ members: [(key: String, text: String)]) -> String {
        "{" + members.map { quoted($0.key) + ":" + $0.text }.joined(separator: ",") + "}"
    }
}
