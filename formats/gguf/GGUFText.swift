import FormatKit
import ModelGraph

/// Texts of a file that are no UTF-8: pieces of vocabularies that hold a part of a character. Each byte that is none of a character stands as a
/// scalar of its own, U+10FF00 and the byte, so that a graph's texts are texts and a file has the bytes again.
enum GGUFText {
    private static let first: UInt32 = 0x10FF00

    static func decoded(_ bytes: UnsafeRawBufferPointer) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !isEscaped(text) { return text }
        var text = String.UnicodeScalarView()
        var rest = bytes[...]
        while let byte = rest.first {
            // The character that begins here; there is none of more than four bytes, and one that stands for a byte is taken byte by byte.
            let length = (1...min(4, rest.count)).first { String(validating: rest.prefix($0), as: UTF8.self) != nil }
            let character = length.flatMap { String(validating: rest.prefix($0), as: UTF8.self) }
            if let length, let character, !isEscaped(character) {
                text.append(contentsOf: character.unicodeScalars)
                rest = rest.dropFirst(length)
            } else {
                if let scalar = Unicode.Scalar(first + UInt32(byte)) { text.append(scalar) }
                rest = rest.dropFirst()
            }
        }
        return String(text)
    }

    /// Whether a text has bytes that are none of a character.
    static func isEscaped(_ text: String) -> Bool {
        // The first two bytes of all such scalars.
        text.utf8.contains(0xF4) && text.unicodeScalars.contains { $0.value >= first }
    }

    /// The bytes that a file has for a text.
    static func encoded(_ text: String) -> [UInt8] {
        guard isEscaped(text) else { return Array(text.utf8) }
        return text.unicodeScalars.flatMap { scalar -> [UInt8] in
            scalar.value >= first ? [UInt8(truncatingIfNeeded: scalar.value)] : Array(String(Character(scalar)).utf8)
        }
    }

    /// How many texts of an array are no UTF-8, for a warning; nil for none.
    static func warning(_ metadata: Metadata) -> String? {
        let key = "tokenizer.ggml.tokens"
        let count = metadata[key]?.array?.count { $0.string.map(isEscaped) ?? false } ?? 0
        guard count > 0 else { return nil }
        return
            "\(count) pieces of '\(key)' are no UTF-8: GGUF keeps their bytes, other formats have U+10FF00 and the byte for each of these"
    }
}
