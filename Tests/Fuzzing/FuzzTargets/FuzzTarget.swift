import FormatKit
import ModelGraph
import PassKit
import StrictJSON
import Tokenization

/// The parsers by name. A parser may throw its own errors and nothing else; a trap, a bad access, a hang is a finding.
public enum FuzzTarget {
    typealias Body = @Sendable (UnsafeRawBufferPointer) throws -> Void

    nonisolated(unsafe) private static var body: Body = { _ in }
    nonisolated(unsafe) private static var isExpected: (any Error) -> Bool = { _ in false }

    private static let targets: [(name: String, body: Body)] = textTargets + headerTargets + fileTargets + containerTargets

    public static var names: [String] { targets.map(\.name) }

    /// Makes `run` feed the target of that name; false when there is none.
    public static func select(_ name: String) -> Bool {
        guard let target = targets.first(where: { $0.name == name }) else { return false }
        body = target.body
        return true
    }

    /// One input. - Precondition: a target was selected.
    public static func run(_ bytes: UnsafeRawBufferPointer) {
        do {
            try body(bytes)
        } catch {
            guard isTyped(error) else { fatalError("an error that is none of a parser: \(error)") }
        }
    }

    private static func isTyped(_ error: any Error) -> Bool {
        switch error {
        case let error as FormatError: return error.kind == .malformed || error.kind == .unsupported
        case is JSONError, is TokenizationError, is PipelineError: return true
        default: return isTypedElsewhere(error)
        }
    }
}
