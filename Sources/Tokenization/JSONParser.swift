/// Parses a JSON document (RFC 8259), refusing what a tokenizer file must not have: a key twice, text that is no UTF-8.
struct JSONParser {
    static let maximumDepth = 64

    private let bytes: [UInt8]
    private let location: String
    private var position = 0

    /// Parses the whole of `bytes`; `location` names the file in errors.
    static func parse(_ bytes: [UInt8], location: String) throws -> JSONValue {
        var parser = JSONParser(bytes: bytes, location: location)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.position = 3 }
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.malformed("something follows the document") }
        return value
    }

    private init(bytes: [UInt8], location: String) {
        self.bytes = bytes
        self.location = location
    }

    private func malformed(_ reason: String) -> TokenizationError {
        .malformed(location: "\(location): byte \(position)", reason: reason)
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    /// Skips space and then `byte`, if it is there.
    private mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard current == byte else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws -> JSONValue {
        guard depth < JSONParser.maximumDepth else { throw malformed("more than \(JSONParser.maximumDepth) levels") }
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw malformed("the document ends where a value is expected")
        default: return .number(try number())
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws -> JSONValue {
        guard bytes[position...].starts(with: text.utf8) else { throw malformed("\(text) is expected") }
        position += text.utf8.count
        return value
    }

    private mutating func array(_ depth: Int) throws -> JSONValue {
        position += 1
        var items: [JSONValue] = []
        if skip(UInt8(ascii: "]")) { return .array(items) }
        repeat { items.append(try value(depth: depth + 1)) } while skip(UInt8(ascii: ","))
        guard skip(UInt8(ascii: "]")) else { throw malformed("',' or ']' is expected") }
        return .array(items)
    }

    private mutating func object(_ depth: Int) throws -> JSONValue {
        position += 1
        var members: [(key: String, value: JSONValue)] = []
        if skip(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw malformed("a key is expected") }
            let key = try string()
            guard skip(UInt8(ascii: ":")) else { throw malformed("':' is expected") }
            members.append((key, try value(depth: depth + 1)))
        } while skip(UInt8(ascii: ","))
        guard skip(UInt8(ascii: "}")) else { throw malformed("',' or '}' is expected") }
        if let (_, second) = PieceTable(members.map { Piece($0.key) }, where: { _ in true }).duplicate {
            throw malformed("the key \"\(members[Int(second)].key)\" occurs twice in the object that ends here")
        }
        return .object(members)
    }

    private mutating func number() throws -> Double {
        let start = position
        while let byte = current, (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) { position += 1 }
        let text = bytes[start..<position]
        let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
        guard let first = digits.first, (0x30...0x39).contains(first),
            !(first == 0x30 && digits.dropFirst().first.map { (0x30...0x39).contains($0) } == true),
            let number = Double(String(decoding: text, as: UTF8.self)), number.isFinite
        else {
            position = start
            throw malformed("a value is expected")
        }
        return number
    }

    private mutating func string() throws -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw malformed("text that is no UTF-8") }
                return string
            case UInt8(ascii: "\\"): try escape(to: &text)
            case 0..<0x20: throw malformed("a control character inside a string")
            default: text.append(byte)
            }
        }
        throw malformed("the document ends inside a string")
    }

    private mutating func escape(to text: inout [UInt8]) throws {
        guard let byte = current else { throw malformed("the document ends inside a string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code), bytes[position...].starts(with: [0x5C, 0x75]) {
                position += 2
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw malformed("half a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw malformed("half a surrogate pair") }
            text.append(contentsOf: Array(String(scalar).utf8))
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws -> UInt32 {
        guard position + 4 <= bytes.count else { throw malformed("the document ends inside a string") }
        var code: UInt32 = 0
        for byte in bytes[position..<(position + 4)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw malformed("four hexadecimal digits are expected") }
            code = code << 4 | UInt32(digit)
        }
        position += 4
        return code
    }
}
