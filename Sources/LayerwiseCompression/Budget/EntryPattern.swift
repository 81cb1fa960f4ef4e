import Execution
import LinearAlgebra
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

    /// Which entries of a matrix stay that are compared by the magnitude of scores; nil without a pattern.
    ///
    /// - Throws: `Cancelled`.
    public func keeping(_ matrix: Matrix, largestOf scores: Matrix, _ execution: ExecutionContext) throws -> Matrix? {
        guard let group else { return nil }
        let support = try KeptEntries.pattern(kept: group.kept, size: group.size).support(of: scores, execution)
        return Matrix(rows: matrix.rows, columns: matrix.columns, elements: zip(matrix.elements, support).map { $1 ? $0 : 0 })
    }

    /// Entries that stay of a matrix [m, n] with a pattern: half, of a shorter group at the end of a row half rounded down.
    public func entries(_ m: Int, _ n: Int) -> Int? {
        group.map { kept, size in m * (n / size * kept + min(kept, n % size / 2)) }
    }
}
