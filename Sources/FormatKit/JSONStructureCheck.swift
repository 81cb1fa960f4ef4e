import FoundationEssentials

/// Finds what Foundation's decoder lets pass: keys that one object has twice, and nesting without limit.
struct JSONStructureCheck {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let maximumNesting: Int

    /// Walks the text once. Syntax errors that it does not need to notice are left to the decoder.
    func run(_ data: Data) throws {
        try data.withUnsafeBytes { try walk($0) }
    }

    private func walk(_ bytes: UnsafeRawBufferPointer) throws {
        // One set of keys for each open object; an array has none.
        var open: [Set<String>?] = []
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                open.append(bytes[index] == UInt8(ascii: "{") ? [] : nil)
                guard open.count <= maximumNesting else { throw Failure(description: "is nested deeper than \(maximumNesting)") }
                index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard !open.isEmpty else { throw Failure(description: "closes more brackets than it opens at byte \(index)") }
                open.removeLast()
                index += 1
            case UInt8(ascii: "\""):
                let start = index
                index = try endOfString(bytes, from: start)
                if let last = open.indices.last, open[last] != nil, isKey(bytes, after: index) {
                    let key = try text(bytes, start, index)
                    guard open[last]?.insert(key).inserted == true else {
                        throw Failure(description: "has the key '\(key)' twice in one object")
                    }
                }
            default: index += 1
            }
        }
    }

    /// The index after the closing quote.
    private func endOfString(_ bytes: UnsafeRawBufferPointer, from start: Int) throws -> Int {
        var index = start + 1
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\\") {
                index += 2
            } else if bytes[index] == UInt8(ascii: "\"") {
                return index + 1
            } else {
                index += 1
            }
        }
        throw Failure(description: "ends inside a string")
    }

    private func isKey(_ bytes: UnsafeRawBufferPointer, after index: Int) -> Bool {
        var next = index
        while next < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[next]) { next += 1 }
        return next < bytes.count && bytes[next] == UInt8(ascii: ":")
    }

    /// The string with its escapes resolved, so that two spellings of one key are one key.
    private func text(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) throws -> String {
        let raw = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        if !raw.contains(UInt8(ascii: "\\")) {
            return String(decoding: raw.dropFirst().dropLast(), as: UTF8.self)
        }
        guard let decoded = try? JSONDecoder().decode(String.self, from: Data(raw)) else {
            throw Failure(description: "has a key that is not valid JSON text")
        }
        return decoded
    }
}
