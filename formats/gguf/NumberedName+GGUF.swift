import FormatKit

/// The names of a model's files when it is split: NAME-00002-of-00003.gguf.
struct GGUFPartName: Equatable {
    /// Path and name up to the number.
    let prefix: String
    /// From 1 on.
    let number: Int
    let count: Int

    /// UINT16 in `split.count`.
    static let maximumCount = 65535
    private static let ending = ".gguf"

    init(prefix: String, number: Int, count: Int) {
        self.prefix = prefix
        self.number = number
        self.count = count
    }

    /// Nil for a path that does not end so.
    init?(path: String) {
        let bytes = Array(path.utf8)
        // -00001-of-00003.gguf
        let length = 20
        guard bytes.count > length else { return nil }
        let tail = Array(bytes.suffix(length))
        guard tail[0] == UInt8(ascii: "-"), tail[6..<10].elementsEqual("-of-".utf8), tail[15...].elementsEqual(GGUFPartName.ending.utf8),
            let number = GGUFPartName.number(tail[1..<6]), let count = GGUFPartName.number(tail[10..<15]), number >= 1, number <= count
        else { return nil }
        self.init(prefix: String(decoding: bytes.dropLast(length), as: UTF8.self), number: number, count: count)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    var path: String { "\(prefix)-\(GGUFPartName.five(number))-of-\(GGUFPartName.five(count))\(GGUFPartName.ending)" }

    /// The names of all parts of an output at `path`.
    static func parts(of path: String, count: Int) -> [GGUFPartName] {
        let prefix = path.lowercased().hasSuffix(ending) ? String(path.dropLast(ending.count)) : path
        return (1...max(count, 1)).map { GGUFPartName(prefix: prefix, number: $0, count: count) }
    }

    private static func five(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
