/// Makes text of bytes that come in pieces: a character is held back until all of its bytes are there.
struct TextStream {
    private var held: [UInt8] = []

    /// The text that is whole with these bytes; bytes that no UTF-8 begins with become U+FFFD.
    mutating func add(_ bytes: [UInt8]) -> String {
        held += bytes
        let whole = held.count - TextStream.unfinishedCount(held)
        defer { held.removeFirst(whole) }
        return String(decoding: held[..<whole], as: UTF8.self)
    }

    /// What is left at the end, as text.
    mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    /// Bytes at the end that begin a character and do not end it.
    private static func unfinishedCount(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let byte = bytes[bytes.count - count]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 && byte < 0xF5 ? 4 : byte >= 0xE0 && byte < 0xF0 ? 3 : byte >= 0xC2 && byte < 0xE0 ? 2 : 1
            return length > count ? count : 0
        }
        return 0
    }
}
