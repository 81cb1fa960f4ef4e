import PassKit

/// How many of how many consecutive entries of a row stay, as hardware runs it.
public enum EntryPattern: String, CaseIterable, Sendable {
    case none
    case twoOfFour = "2:4"
    case fourOfEight = "4:8"

    /// The option `pattern`.
    ///
    /// - Parameter budget: what the pattern asks of `keep`, for the help.
    public static func option(_ budget: String) -> ChoiceOption<EntryPattern> {
        ChoiceOption("pattern", default: .none, "keep so many of so many consecutive entries of a row; \(budget)")
    }

    /// Entries of a group that stay, and entries of a group; nil without a pattern.
    public var group: (kept: Int, size: Int)? {
        switch self {
        case .none: return nil
        case .twoOfFour: return (2, 4)
        case .fourOfEight: return (4, 8)
        }
    }

    /// Entries that stay of a matrix [m, n] with a pattern: half, of a shorter group at the end of a row half rounded down.
    public func entries(_ m: Int, _ n: Int) -> Int? {
        group.map { kept, size in m * (n / size * kept + min(kept, n % size / 2)) }
    }
}
