/// The name of one of several files of a model: STEM-00001-of-00003 and an ending.
public struct NumberedName: Equatable, Sendable {
    /// Up to the number.
    public let stem: String
    /// From 1 on.
    public let number: Int
    public let count: Int

    public init(stem: String, number: Int, count: Int) { (self.stem, self.number, self.count) = (stem, number, count) }

    /// Nil for a name that is not made so: five digits each, and no number above the count.
    public init?(_ name: String, ending: String) {
        let bytes = Array(name.utf8)
        let length = "-00001-of-00001".utf8.count + ending.utf8.count
        guard bytes.count > length else { return nil }
        let tail = Array(bytes.suffix(length))
        guard tail[0] == UInt8(ascii: "-"), tail[6..<10].elementsEqual("-of-".utf8), tail[15...].elementsEqual(ending.utf8),
            let number = NumberedName.number(tail[1..<6]), let count = NumberedName.number(tail[10..<15]), number >= 1, number <= count
        else { return nil }
        self.init(stem: String(decoding: bytes.dropLast(length), as: UTF8.self), number: number, count: count)
    }

    /// The name, with its ending.
    public func text(ending: String) -> String { "\(stem)-\(NumberedName.five(number))-of-\(NumberedName.five(count))\(ending)" }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func five(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
