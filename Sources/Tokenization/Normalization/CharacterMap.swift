/// SentencePiece's precompiled map of characters: a trie of byte strings (a double array), and what each becomes.
///
/// The first four bytes are the trie's size in bytes, little-endian; then come its units of 32 bits, then replacements that end with a zero
/// byte. A unit has a byte's label or a value in its lower 31 bits; bit 8 says that a value follows, bits 10 and up are the offset to the children,
/// times 256 where bit 9 is set.
public struct CharacterMap: Sendable, Equatable {
    private let units: [UInt32]
    private let replacements: [UInt8]

    /// - Throws: `TokenizationError.malformed` unless the trie lies inside the bytes.
    init(_ bytes: some Collection<UInt8>, location: String) throws {
        let bytes = Array(bytes)
        func malformed(_ reason: String) -> TokenizationError { .malformed(location: location, reason: reason) }
        guard bytes.count >= 4 else { throw malformed("a character map of \(bytes.count) bytes") }
        let size = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        guard size % 4 == 0, size > 0, size <= bytes.count - 4 else {
            throw malformed("a character map of \(bytes.count) bytes with a trie of \(size)")
        }
        units = stride(from: 4, to: 4 + size, by: 4).map { start in
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
        }
        replacements = Array(bytes[(4 + size)...])
        let longest = replacements.split(separator: 0).lazy.map(\.count).max() ?? 0
        guard longest <= CharacterMap.longestReplacement else { throw malformed("a character that becomes \(longest) bytes") }
    }

    /// The map as it was read.
    var bytes: [UInt8] {
        let size = UInt32(4 * units.count)
        return ([size] + units).flatMap { unit in (0..<4).map { UInt8(truncatingIfNeeded: unit >> UInt32(8 * $0)) } } + replacements
    }

    /// Far above what any character becomes, and small enough for any text of them.
    private static let longestReplacement = 1024

    private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << ((unit & 1 << 9) >> 6) }

    /// What a beginning of `text` becomes, with the length of that beginning.
    ///
    /// - Parameter shortest: take the shortest beginning that the map has, otherwise the longest.
    func match(_ text: some Collection<UInt8>, shortest: Bool) -> (length: Int, replacement: ArraySlice<UInt8>)? {
        var found: (Int, Int)?
        var place = CharacterMap.offset(units[0])
        for (index, byte) in text.enumerated() {
            guard byte != 0 else { break }
            place ^= Int(byte)
            guard units.indices.contains(place), units[place] & (1 << 31 | 0xFF) == UInt32(byte) else { break }
            let unit = units[place]
            place ^= CharacterMap.offset(unit)
            guard units.indices.contains(place) else { break }
            if unit >> 8 & 1 == 1 {
                found = (index + 1, Int(units[place] & 0x7FFF_FFFF))
                if shortest { break }
            }
        }
        guard let (length, start) = found, start < replacements.count else { return nil }
        let end = replacements[start...].firstIndex(of: 0) ?? replacements.endIndex
        return (length, replacements[start..<end])
    }

    /// As SentencePiece does it: from left to right the longest match, or one character as it is.
    func longestMatches(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var position = 0
        while position < text.count {
            if let (length, replacement) = match(text[position...], shortest: false) {
                result += replacement
                position += length
            } else {
                let end = min(position + Tokenizer.characterLength(text[position]), text.count)
                result += text[position..<end]
                position = end
            }
        }
        return result
    }

    /// As the tokenizers library does it: each short grapheme that begins with a match becomes what that does, and else each of its
    /// characters that begins with one.
    func graphemeMatches(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for grapheme in String(decoding: text, as: UTF8.self) {
            if grapheme.utf8.count < 6, let (_, replacement) = match(grapheme.utf8, shortest: true) {
                result += replacement
                continue
            }
            for scalar in grapheme.unicodeScalars {
                let bytes = Array(UTF8.encode(scalar) ?? .init())
                if let (_, replacement) = match(bytes, shortest: true) { result += replacement } else { result += bytes }
            }
        }
        return result
    }
}
