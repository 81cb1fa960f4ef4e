/// A strict parser of RFC 8259: valid UTF-8, no key twice in one object, limited nesting, nothing after the document.
struct JSONParser {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let bytes: UnsafeRawBufferPointer
    private var index = 0
    private let maximumNesting: Int

    init(_ bytes: UnsafeRawBufferPointer, maximumNesting: Int) {
        self.bytes = bytes
        self.maximumNesting = maximumNesting
    }

    /// The whole document.
    mutating func document() throws -> JSONValue {
        let value = try self.value(depth: 0)
        try finish()
        return value
    }

    /// The whole document, which is an object, with its members in their order.
    mutating func members() throws -> [(key: String, value: JSONValue)] {
        skipSpace()
        guard peek == UInt8(ascii: "{") else { throw failure("an object was expected") }
        var members: [(key: String, value: JSONValue)] = []
        try object(depth: 0) { members.append(($0, $1)) }
        try finish()
        return members
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func failure(_ reason: String) -> Failure { Failure(description: "is not valid JSON at byte \(index): \(reason)") }

    private mutating func finish() throws {
        skipSpace()
        guard index == bytes.count else { throw failure("the document ends here") }
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws {
        guard peek == UInt8(ascii: character) else { throw failure("'\(character)' was expected") }
        index += 1
    }

    private mutating func value(depth: Int) throws -> JSONValue {
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"):
            var members: [String: JSONValue] = [:]
            try object(depth: depth) { members[$0] = $1 }
            return .object(members)
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int, _ add: (String, JSONValue) -> Void) throws {
        guard depth < maximumNesting else { throw Failure(description: "is nested deeper than \(maximumNesting)") }
        try expect("{")
        skipSpace()
        if peek == UInt8(ascii: "}") { index += 1; return }
        var keys = Set<String>()
        while true {
            skipSpace()
            let key = try string()
            guard keys.insert(key).inserted else { throw Failure(description: "has the key '\(key)' twice in one object") }
            skipSpace()
            try expect(":")
            add(key, try value(depth: depth + 1))
            skipSpace()
            if peek == UInt8(ascii: ",") { index += 1; continue }
            return try expect("}")
        }
    }

    private mutating func array(depth: Int) throws -> [JSONValue] {
        guard depth < maximumNesting else { throw Failure(description: "is nested deeper than \(maximumNesting)") }
        try expect("[")
        skipSpace()
        if peek == UInt8(ascii: "]") { index += 1; return [] }
        var elements: [JSONValue] = []
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if peek == UInt8(ascii: ",") { index += 1; continue }
            try expect("]")
            return elements
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws -> JSONValue {
        let end = index + text.utf8CodeUnitCount
        let matches = text.withUTF8Buffer { end <= bytes.count && bytes[index..<end].elementsEqual($0) }
        guard matches else { throw failure("'\(text)' was expected") }
        index = end
        return value
    }

    /// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
    private mutating func number() throws -> JSONValue {
        let start = index
        if peek == UInt8(ascii: "-") { index += 1 }
        let first = index
        guard digits() > 0 else { throw failure("a value was expected") }
        guard bytes[first] != UInt8(ascii: "0") || index == first + 1 else { throw failure("a number has a leading zero") }
        var isWhole = true
        if peek == UInt8(ascii: ".") {
            index += 1
            isWhole = false
            guard digits() > 0 else { throw failure("a digit was expected") }
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            index += 1
            isWhole = false
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
            guard digits() > 0 else { throw failure("a digit was expected") }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isWhole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw failure("the number \(text.prefix(40)) is too large") }
        return .number(value)
    }

    private mutating func digits() -> Int {
        let start = index
        while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { index += 1 }
        return index - start
    }

    private mutating func string() throws -> String {
        try expect("\"")
        let start = index
        while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { index += 1 }
        if peek == UInt8(ascii: "\"") {
            defer { index += 1 }
            return try validated(bytes[start..<index])
        }
        var text = Array(bytes[start..<index])
        while let byte = peek {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return try validated(text[...])
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw failure("a control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("it ends inside a string")
    }

    private func validated<Bytes: Collection>(_ raw: Bytes) throws -> String where Bytes.Element == UInt8 {
        guard let text = String(validating: raw, as: UTF8.self) else { throw failure("a string is not UTF-8") }
        return text
    }

    private mutating func escape(into text: inout [UInt8]) throws {
        guard let byte = peek else { throw failure("it ends inside a string") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexQuad()
            if code >= 0xD800, code < 0xDC00 {
                try expect("\\")
                try expect("u")
                let low = try hexQuad()
                guard low >= 0xDC00, low < 0xE000 else { throw failure("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
            text.append(contentsOf: String(Character(scalar)).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func hexQuad() throws -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("four hexadecimal digits were expected")
            }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }
}
