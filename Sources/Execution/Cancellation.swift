import Synchronization

/// A flag that long work looks at between steps; setting it makes that work stop and clean up.
public final class Cancellation: Sendable {
    private let requested = Atomic<Bool>(false)
    private let isAskedFor: (@Sendable () -> Bool)?

    /// - Parameter isAskedFor: another flag that asks for a stop, such as that of a signal's handler; looked at often, from any thread.
    public init(orWhen isAskedFor: (@Sendable () -> Bool)? = nil) { self.isAskedFor = isAskedFor }

    public var isRequested: Bool { requested.load(ordering: .relaxed) || isAskedFor?() == true }

    /// Asks the work to stop at its next step. Safe from any thread.
    public func request() { requested.store(true, ordering: .relaxed) }

    /// Throws `Cancelled` when a stop was asked for.
    public func check() throws {
        if isRequested { throw Cancelled() }
    }
}

/// The work was interrupted on request; nothing is wrong with the data.
public struct Cancelled: Error, CustomStringConvertible {
    public init() {}
    public var description: String { "interrupted" }
}
