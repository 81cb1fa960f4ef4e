/// One check of a conformance suite and what it found.
public struct ConformanceCheck: Sendable {
    public let name: String
    /// What was expected and what was found, one line each; empty when the check passed.
    public internal(set) var failures: [String] = []

    public var passed: Bool { failures.isEmpty }
}

/// Collects what the checks of a suite find: usable in a test as well as while a program runs.
public final class ConformanceLog {
    public struct Failure: Error, CustomStringConvertible { public let description: String }

    public private(set) var checks: [ConformanceCheck] = []
    /// Failures of one check that are kept; a broken format fails at every byte of a file.
    private static let maximumFailures = 20

    /// The one check that is run; nil for all.
    var only: String?

    public init() {}

    /// Runs one check; an error that it throws is a failure of it.
    func check(_ name: String, _ body: () throws -> Void) {
        guard only == nil || only == name else { return }
        checks.append(ConformanceCheck(name: name))
        do { try body() } catch { fail("\(error)") }
    }

    func fail(_ message: String) {
        guard !checks.isEmpty, checks[checks.count - 1].failures.count < Self.maximumFailures else { return }
        checks[checks.count - 1].failures.append(message)
    }

    func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { fail(message()) }
    }

    func expectEqual<Value: Equatable>(_ found: Value, _ expected: Value, _ message: @autoclosure () -> String) {
        guard found != expected else { return }
        let values = ["\(found)", "\(expected)"].map { $0.count > 120 ? $0.prefix(120) + "…" : $0 }
        fail("\(message()): \(values[0]) is not \(values[1])")
    }

    /// Fails unless `body` throws; `check` looks at what was thrown.
    func expectError(_ message: @autoclosure () -> String, _ body: () throws -> Void, _ check: (any Error) -> Void = { _ in }) {
        do { try body() } catch { return check(error) }
        fail("\(message()): no error")
    }

    func unwrap<Value>(_ value: Value?, _ message: @autoclosure () -> String) throws -> Value {
        guard let value else { throw Failure(description: message()) }
        return value
    }
}
