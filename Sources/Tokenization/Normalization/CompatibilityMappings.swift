/// What characters become in Unicode's compatibility forms: `ﬁ` two letters, `①` a digit.
enum CompatibilityMappings {
    /// The text with each such character replaced; marks may be out of order afterwards.
    static func applied(to text: [UInt8]) -> [UInt8] {
        guard text.contains(where: { $0 >= 0x80 }) else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            if let mapping = table[scalar.value] {
                result += mapping
            } else {
                result.append(contentsOf: UTF8.encode(scalar) ?? .init())
            }
        }
        return result
    }

    private static let table: [UInt32: [UInt8]] = {
        var table: [UInt32: [UInt8]] = [:]
        var rows = Bytes(CompatibilityData.rows)
        var last: UInt32 = 0
        while !rows.isAtEnd {
            let first = last + rows.varint()
            let count = rows.varint()
            let target = rows.varint()
            for i in 0..<count {
                table[first + i] = Unicode.Scalar(target + i).flatMap { UTF8.encode($0) }.map(Array.init)
            }
            last = first + count - 1
        }
        var others = Bytes(CompatibilityData.others)
        last = 0
        while !others.isAtEnd {
            last += others.varint()
            table[last] = others.text()
        }
        return table
    }()

    private struct Bytes {
        let bytes: [UInt8]
        var position = 0
        init(_ text: String) { bytes = Base64.decoded(text) ?? [] }
        var isAtEnd: Bool { position >= bytes.count }

        mutating func varint() -> UInt32 {
            var (value, shift) = (UInt32(0), UInt32(0))
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                value |= UInt32(byte & 127) << shift
                shift += 7
                if byte < 128 { break }
            }
            return value
        }

        mutating func text() -> [UInt8] {
            let end = bytes[position...].firstIndex(of: 0xFF) ?? bytes.count
            defer { position = end + 1 }
            return Array(bytes[position..<end])
        }
    }
}
