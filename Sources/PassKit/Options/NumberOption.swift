/// A finite number in a range.
public struct NumberOption: PassOption {
    public let name: String
    public let summary: String
    public let defaultText: String
    public let requirements: [OptionRequirement]
    private let range: ClosedRange<Double>

    /// - Parameter range: to infinity for a number with no upper bound.
    public init(
        _ name: String, in range: ClosedRange<Double>, default value: Double, _ summary: String,
        requires requirements: [OptionRequirement] = []
    ) {
        (self.name, self.summary, self.range, self.requirements) = (name, summary, range, requirements)
        defaultText = NumberOption.text(value)
    }

    public var domain: String {
        range.upperBound.isInfinite ? "a number from \(range.lowerBound)" : "a number \(range.lowerBound)…\(range.upperBound)"
    }

    public func value(of text: String) -> Double? { Double(text).flatMap { $0.isFinite && range.contains($0) ? $0 : nil } }

    /// As a person writes it: 8, 0.5, 1e-7.
    static func text(_ value: Double) -> String {
        if let whole = Int(exactly: value), abs(whole) < 1 << 53 { return "\(whole)" }
        let text = "\(value)"
        guard let exponent = text.range(of: "e-0") else { return text }
        return text[..<exponent.lowerBound] + "e-" + text[exponent.upperBound...]
    }
}

extension String {
    /// Where `other` stands first.
    fileprivate func range(of other: String) -> Range<Index>? {
        indices.lazy.first { self[$0...].hasPrefix(other) }.map { $0..<index($0, offsetBy: other.count) }
    }
}
