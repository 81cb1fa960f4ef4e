/// GPT-2's alphabet: one printable character for each byte, so that pieces of any bytes can be spelled as text.
enum ByteLevelAlphabet {
    /// The character of each byte: printable Latin-1 stands for itself, the rest are U+0100 and on.
    static let characters: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0...255).map { (byte: UInt32) -> Unicode.Scalar in
            let code: UInt32
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: code = byte
            default:
                code = next
                next += 1
            }
            return Unicode.Scalar(code) ?? "\u{FFFD}"
        }
    }()

    private static let bytes: [UInt32: UInt8] = Dictionary(
        uniqueKeysWithValues: characters.enumerated().map { ($1.value, UInt8($0)) })

    /// The byte that a character spells, or nil where it is not of the alphabet.
    static func byte(of character: Unicode.Scalar) -> UInt8? { bytes[character.value] }

    /// The bytes that a piece spells, or nil where a character is not of the alphabet.
    static func bytes(of text: String) -> [UInt8]? {
        var result: [UInt8] = []
        for scalar in text.unicodeScalars {
            guard let byte = bytes[scalar.value] else { return nil }
            result.append(byte)
        }
        return result
    }
}
