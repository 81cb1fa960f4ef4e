extension JSONText {
    /// The text of an object without the member `key`; every other byte as it was, `Infinity` among them.
    ///
    /// - Throws: `JSONError` when the text is no object.
    public static func removing(_ key: String, from text: [UInt8]) throws -> [UInt8] {
        let spans = try spans(text)
        guard let place = spans.firstIndex(where: { $0.key == key }) else { return text }
        let cut: Range<Int>
        if place + 1 < spans.count {
            cut = spans[place].member.lowerBound..<spans[place + 1].member.lowerBound
        } else if place > 0 {
            cut = spans[place - 1].member.upperBound..<spans[place].member.upperBound
        } else {
            cut = spans[place].member
        }
        return Array(text[..<cut.lowerBound] + text[cut.upperBound...])
    }

    /// The text of an object with another value for `key`, if it has one; every other byte as it was.
    ///
    /// - Throws: `JSONError` when the text is no object.
    public static func replacing(_ key: String, with value: String, in text: [UInt8]) throws -> [UInt8] {
        guard let span = try spans(text).first(where: { $0.key == key })?.value else { return text }
        return Array(text[..<span.lowerBound]) + Array(value.utf8) + Array(text[span.upperBound...])
    }

    private static func spans(_ text: [UInt8]) throws -> [(key: String, member: Range<Int>, value: Range<Int>)] {
        try text.withUnsafeBytes { raw in
            var parser = JSONParser(raw, skipsByteOrderMark: false, takesInfinity: true)
            return try parser.memberSpans()
        }
    }
}
