/// A whole number in a range.
public struct IntegerOption: PassOption {
    public let name: String
    public let summary: String
    public let defaultText: String
    public let requirements: [OptionRequirement]
    private let range: ClosedRange<Int>

    public init(
        _ name: String, in range: ClosedRange<Int>, default value: Int, _ summary: String, requires requirements: [OptionRequirement] = []
    ) {
        (self.name, self.summary, self.range, self.requirements) = (name, summary, range, requirements)
        defaultText = "\(value)"
    }

    public var domain: String {
        range.upperBound == Int.max ? "an integer from \(range.lowerBound)" : "an integer \(range.lowerBound)…\(range.upperBound)"
    }

    public func value(of text: String) -> Int? { Int(text).flatMap { range.contains($0) ? $0 : nil } }
}
