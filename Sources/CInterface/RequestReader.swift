import CLibrary
import Caplet

/// The members of a request's JSON object, each of which is asked for once; what nobody asked for is not known.
struct RequestReader {
    private let members: JSONObject
    private var known: Set<String> = []

    /// More values than any request has.
    private static let mostValues = 1 << 20

    /// - Parameter text: nil for an object without members.
    /// - Throws: `RequestError` for anything but one JSON object.
    init(_ text: UnsafePointer<CChar>?) throws {
        guard let text else { members = JSONObject([]); return }
        let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
        do {
            guard let object = try JSONValue(strict: bytes, maximumValueCount: RequestReader.mostValues).object else {
                throw RequestError(.usage, "the request is no JSON object")
            }
            members = object
        } catch let error as JSONError {
            throw RequestError(.usage, "the request is no JSON: \(error)")
        }
    }

    /// - Throws: `RequestError` for a member that nobody asked for.
    func finish() throws {
        if let key = members.keys.first(where: { !known.contains($0) }) { throw RequestError(.usage, "the request has no \"\(key)\"") }
    }

    private mutating func value(_ key: String) -> JSONValue? {
        known.insert(key)
        guard let value = members[key], value != .null else { return nil }
        return value
    }

    private func refused(_ key: String, _ what: String) -> RequestError { RequestError(.usage, "\"\(key)\" takes \(what)") }

    private mutating func read<Result>(_ key: String, _ what: String, _ convert: (JSONValue) -> Result?) throws -> Result? {
        guard let value = value(key) else { return nil }
        guard let result = convert(value) else { throw refused(key, what) }
        return result
    }

    /// Text of which the system's functions see all: a path ends for them where a zero is.
    private static func whole(_ value: JSONValue) -> String? {
        guard let text = value.string, !text.utf8.contains(0) else { return nil }
        return text
    }

    mutating func text(_ key: String) throws -> String? { try read(key, "text", RequestReader.whole) }

    mutating func neededText(_ key: String) throws -> String {
        guard let text = try text(key), !text.isEmpty else { throw RequestError(.usage, "the request needs \"\(key)\"") }
        return text
    }

    /// An array of texts, or one text.
    mutating func texts(_ key: String) throws -> [String] {
        try read(key, "text, or an array of texts") { value in
            if let text = RequestReader.whole(value) { return [text] }
            guard let items = value.array else { return nil }
            let texts = items.compactMap(RequestReader.whole)
            return texts.count == items.count ? texts : nil
        } ?? []
    }

    mutating func flag(_ key: String) throws -> Bool? { try read(key, "true or false", \.bool) }
    mutating func count(_ key: String) throws -> Int? { try read(key, "a whole number", \.integer) }

    /// A finite number above 0 and at most `most`.
    mutating func number(_ key: String, atMost most: Double) throws -> Double? {
        try read(key, "a number above 0, at most \(most)") { value in value.number.flatMap { $0 > 0 && $0 <= most ? $0 : nil } }
    }

    mutating func byteCount(_ key: String) throws -> Int? {
        try read(key, "a number of bytes, such as 3000000 or \"3MB\"") { value in
            value.string.map(ByteCountText.bytes) ?? value.integer.flatMap { $0 > 0 ? $0 : nil }
        }
    }

    /// One of the texts that `convert` knows.
    mutating func choice<Result>(_ key: String, _ names: [String], _ convert: (String) -> Result?) throws -> Result? {
        try read(key, "one of \(names.joined(separator: ", "))") { $0.string.flatMap(convert) }
    }
}
