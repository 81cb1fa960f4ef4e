/// A strict parser of RFC 8259: valid UTF-8, no key twice in one object, limited nesting, nothing after the document.
struct JSONParser {
    private let bytes: UnsafeRawBufferPointer
    private var index = 0
    private let maximumValueCount: Int
    private let takesInfinity: Bool
    private var valueCount = 0

    init(
        _ bytes: UnsafeRawBufferPointer, skipsByteOrderMark: Bool, takesInfinity: Bool = false, maximumValueCount: Int = .max
    ) {
        self.bytes = bytes
        self.takesInfinity = takesInfinity
        self.maximumValueCount = maximumValueCount
        if skipsByteOrderMark, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
    }

    /// The whole document.
    mutating func document() throws -> JSONValue {
        let value = try self.value(depth: 0)
        skipSpace()
        guard index == bytes.count else { throw failure("something follows the document") }
        return value
    }

    /// The members of a document that is an object, by where they lie: key with value, and value alone.
    mutating func memberSpans() throws -> [(key: String, member: Range<Int>, value: Range<Int>)] {
        guard skip("{") else { throw failure("an object is expected") }
        var spans: [(key: String, member: Range<Int>, value: Range<Int>)] = []
        if !skip("}") {
            repeat {
                skipSpace()
                let start = index
                guard peek == UInt8(ascii: "\"") else { throw failure("a key is expected") }
                let key = try string()
                guard skip(":") else { throw failure("':' is expected") }
                skipSpace()
                let valueStart = index
                _ = try value(depth: 1)
                spans.append((key, start..<index, valueStart..<index))
            } while skip(",")
            guard skip("}") else { throw failure("',' or '}' is expected") }
        }
        skipSpace()
        guard index == bytes.count else { throw failure("something follows the document") }
        return spans
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func failure(_ reason: String) -> JSONError { JSONError(offset: index, reason: reason) }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    /// Skips space and then `character`, if it is there.
    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func value(depth: Int) throws -> JSONValue {
        guard valueCount < maximumValueCount else { throw failure("more than \(maximumValueCount) values") }
        valueCount += 1
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return .object(try object(depth))
        case UInt8(ascii: "["): return .array(try array(depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "I") where takesInfinity: return try literal("Infinity", .string("Infinity"))
        case nil: throw failure("the document ends where a value is expected")
        default: return try number()
        }
    }

    private func checkNesting(_ depth: Int) throws {
        guard depth < JSONValue.maximumNesting else { throw failure("more than \(JSONValue.maximumNesting) levels") }
    }

    private mutating func object(_ depth: Int) throws -> JSONObject {
        try checkNesting(depth)
        index += 1
        var members: [(key: String, value: JSONValue)] = []
        if skip("}") { return JSONObject(members) }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("a key is expected") }
            let key = try string()
            guard skip(":") else { throw failure("':' is expected") }
            members.append((key, try value(depth: depth + 1)))
        } while skip(",")
        guard skip("}") else { throw failure("',' or '}' is expected") }
        if let key = JSONObject.repeatedKey(members) {
            throw failure("the key \"\(key.prefix(80))\" occurs twice in the object that ends here")
        }
        return JSONObject(members)
    }

    private mutating func array(_ depth: Int) throws -> [JSONValue] {
        try checkNesting(depth)
        index += 1
        var elements: [JSONValue] = []
        if skip("]") { return elements }
        repeat { elements.append(try value(depth: depth + 1)) } while skip(",")
        guard skip("]") else { throw failure("',' or ']' is expected") }
        return elements
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws -> JSONValue {
        let end = index + text.utf8CodeUnitCount
        let matches = text.withUTF8Buffer { end <= bytes.count && bytes[index..<end].elementsEqual($0) }
        guard matches else { throw failure("\(text) is expected") }
        index = end
        return value
    }

    /// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
    private mutating func number() throws -> JSONValue {
        let start = index
        if peek == UInt8(ascii: "-") { index += 1 }
        let first = index
        guard digits() > 0, bytes[first] != UInt8(ascii: "0") || index == first + 1 else {
            index = start
            throw failure("a value is expected")
        }
        var isWhole = true
        if peek == UInt8(ascii: ".") {
            index += 1
            isWhole = false
            guard digits() > 0 else { throw failure("a digit is expected") }
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            index += 1
            isWhole = false
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
            guard digits() > 0 else { throw failure("a digit is expected") }
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
        index += 1
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
            case 0..<0x20: throw failure("a control character inside a string")
            default: text.append(byte)
            }
        }
        throw failure("the document ends inside a string")
    }

    private func validated<Bytes: Collection>(_ raw: Bytes) throws -> String where Bytes.Element == UInt8 {
        guard let text = String(validating: raw, as: UTF8.self) else { throw failure("text that is no UTF-8") }
        return text
    }

    private mutating func escape(into text: inout [UInt8]) throws {
        guard let byte = peek else { throw failure("the document ends inside a string") }
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
            if code >= 0xD800, code < 0xDC00, bytes[index...].starts(with: [0x5C, 0x75]) {
                index += 2
                let low = try hexQuad()
                guard low >= 0xDC00, low < 0xE000 else { throw failure("half a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
            text.append(contentsOf: String(Character(scalar)).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func hexQuad() throws -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("four hexadecimal digits are expected")
            }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }
}
