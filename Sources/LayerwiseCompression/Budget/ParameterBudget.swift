import PassKit

/// A budget as a share of the parameters of what is compressed.
public struct ParameterBudget: Sendable {
    /// From 0 to 1.
    public let keep: Double

    public init(keep: Double) { self.keep = keep }

    /// The option `keep`.
    public static let option = NumberOption("keep", in: 0...1, default: 0.5, "share of the selected tensors' parameters to keep")

    public init(_ options: PassOptions) { keep = options[Self.option] }

    /// Parameters that may be kept of `count`: rounded down.
    public func parameters(of count: Int) -> Int { Int((keep * Double(count)).rounded(.down)) }

    /// The largest rank r of an [m, n] matrix whose factors U [m, r] and V [r, n] keep to the budget: r ≤ keep·mn / (m + n).
    public func rank(_ m: Int, _ n: Int) -> Int { ParameterBudget.rank(of: parameters(of: m * n), m, n) }

    /// The rank of an [m, n] matrix that so many parameters are enough for.
    public static func rank(of parameters: Int, _ m: Int, _ n: Int) -> Int { min(parameters / max(m + n, 1), min(m, n)) }
}
