import FormatKit
import ModelGraph

/// The header of an array, by the grammar of Python literals that NumPy writes; nothing is evaluated.
struct NPYHeader {
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    static let maximumByteCount = 1 << 20
    /// Enough of an array for `byteCount(of:)`.
    static let preambleBytes = 12

    let element: NPYElementType
    let shape: Shape
    let isFortranOrder: Bool
    /// Magic, version, length and text: the data begins here.
    let byteCount: Int
    /// Bytes of data.
    let dataBytes: Int

    /// - Parameter bytes: the array's first bytes, at least its whole header.
    /// - Throws: `FormatError.malformed` for what is no header, `.unsupported` for object, structured and unknown dtypes.
    init(_ bytes: UnsafeRawBufferPointer, path: String, object: String) throws {
        byteCount = try NPYHeader.byteCount(of: bytes, path: path, object: object)
        guard byteCount <= bytes.count else {
            throw FormatError.malformed(path, object, "has a header of \(byteCount) bytes, \(bytes.count) are there")
        }
        let start = bytes[6] == 1 ? 10 : 12
        guard let text = String(validating: bytes[start..<byteCount], as: UTF8.self) else {
            throw FormatError.malformed(path, object, "has a header that is not UTF-8")
        }
        var literal = NPYLiteral(text, path: path, object: object)
        let fields = try literal.header()
        element = try NPYElementType(descr: fields.descr, path: path, object: object)
        isFortranOrder = fields.isFortranOrder
        guard let shape = Shape(fields.shape) else {
            throw FormatError.malformed(path, object, "has a shape of more than \(Shape.maximumRank) dimensions or too many elements")
        }
        self.shape = shape
        let (size, overflow) = shape.elementCount.multipliedReportingOverflow(by: element.dtype.byteWidth)
        guard !overflow else { throw FormatError.malformed(path, object, "has a shape of too many bytes") }
        dataBytes = size
    }

    /// The dtype of an array of texts or Python objects, as its header spells it; nil for all others.
    static func textDType(_ bytes: UnsafeRawBufferPointer, path: String, object: String) throws -> String? {
        let end = try byteCount(of: bytes, path: path, object: object)
        guard end <= bytes.count, let text = String(validating: bytes[(bytes[6] == 1 ? 10 : 12)..<end], as: UTF8.self) else { return nil }
        var literal = NPYLiteral(text, path: path, object: object)
        let descr = try literal.header().descr
        return NPYElementType.isText(descr: descr) ? descr : nil
    }

    /// The length of the header that begins with `bytes`.
    static func byteCount(of bytes: UnsafeRawBufferPointer, path: String, object: String) throws -> Int {
        var reader = ByteReader(bytes, path: path)
        guard try reader.take(6, object).elementsEqual(magic) else {
            throw FormatError.malformed(path, object, "does not begin with the bytes of an .npy array")
        }
        let (major, minor) = (try reader.integer(UInt8.self, object), try reader.integer(UInt8.self, object))
        guard (1...3).contains(major), minor == 0 else {
            throw FormatError.unsupported(path, object, "is .npy version \(major).\(minor); 1.0, 2.0 and 3.0 can be read")
        }
        let length = major == 1 ? Int(try reader.integer(UInt16.self, object)) : Int(try reader.integer(UInt32.self, object))
        guard length <= maximumByteCount else {
            throw FormatError.malformed(path, object, "has a header of \(length) bytes; \(maximumByteCount) are allowed")
        }
        return reader.offset + length
    }

    /// The header that `np.save` writes for a C-order array, room for the first dimension to grow included.
    static func bytes(descr: String, shape: Shape) -> [UInt8] {
        let dimensions = shape.dimensions.map(String.init).joined(separator: ", ") + (shape.rank == 1 ? "," : "")
        var text = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(dimensions)), }"
        if let first = shape.dimensions.first { text += String(repeating: " ", count: max(0, 21 - String(first).count)) }
        let unpadded = 10 + text.utf8.count + 1
        text += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
        let length = text.utf8.count
        return magic + [1, 0, UInt8(truncatingIfNeeded: length), UInt8(truncatingIfNeeded: length >> 8)] + Array(text.utf8)
    }
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` with keys in any order.
struct NPYLiteral {
    private let text: [UInt8]
    private var index = 0
    private let path: String
    private let object: String

    init(_ text: String, path: String, object: String) {
        self.text = Array(text.utf8)
        self.path = path
        self.object = object
    }

    mutating func header() throws -> (descr: String, isFortranOrder: Bool, shape: [Int]) {
        var descr: String?
        var isFortranOrder: Bool?
        var shape: [Int]?
        try expect("{")
        while !take("}") {
            let key = try string()
            try expect(":")
            switch key {
            case "descr" where descr == nil:
                if peek == UInt8(ascii: "[") || peek == UInt8(ascii: "(") {
                    throw FormatError.unsupported(path, object, "has a structured dtype, which cannot be carried")
                }
                descr = try string()
            case "fortran_order" where isFortranOrder == nil: isFortranOrder = try bool()
            case "shape" where shape == nil: shape = try tuple()
            default: throw malformed("the key '\(key)' twice or unknown")
            }
            if !take(",") {
                try expect("}")
                break
            }
        }
        skipSpace()
        guard index == text.count else { throw malformed("something after the dictionary") }
        guard let descr, let isFortranOrder, let shape else { throw malformed("no descr, fortran_order or shape") }
        return (descr, isFortranOrder, shape)
    }

    private func malformed(_ what: String) -> FormatError { .malformed(path, object, "has \(what) in its header") }

    private mutating func skipSpace() {
        while index < text.count, [0x20, 0x0A, 0x09, 0x0D].contains(text[index]) { index += 1 }
    }

    private var peek: UInt8? {
        mutating get {
            skipSpace()
            return index < text.count ? text[index] : nil
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws {
        guard take(character) else { throw malformed("no '\(character)' where one belongs") }
    }

    /// A string in either kind of quotes, without escapes.
    private mutating func string() throws -> String {
        guard let quote = peek, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            throw malformed("no string where one belongs")
        }
        let start = index + 1
        guard let end = text[start...].firstIndex(of: quote) else { throw malformed("a string without an end") }
        guard !text[start..<end].contains(UInt8(ascii: "\\")) else { throw malformed("an escape") }
        index = end + 1
        return String(decoding: text[start..<end], as: UTF8.self)
    }

    private mutating func bool() throws -> Bool {
        skipSpace()
        for (word, value) in [("True", true), ("False", false)] where text[index...].starts(with: word.utf8) {
            index += word.utf8.count
            return value
        }
        throw malformed("no True or False where one belongs")
    }

    private mutating func tuple() throws -> [Int] {
        try expect("(")
        var values: [Int] = []
        while !take(")") {
            guard values.count < Shape.maximumRank else { throw malformed("more than \(Shape.maximumRank) dimensions") }
            skipSpace()
            let start = index
            while index < text.count, text[index] >= UInt8(ascii: "0"), text[index] <= UInt8(ascii: "9") { index += 1 }
            guard let value = Int(String(decoding: text[start..<index], as: UTF8.self)) else {
                throw malformed("a dimension that is no count")
            }
            values.append(value)
            if !take(",") {
                try expect(")")
                break
            }
        }
        return values
    }
}
