/// Where long work says how far it is. Calls may come from any thread.
public protocol Progress: AnyObject, Sendable {
    /// A piece of the work begins, of which what follows are stages.
    func enter(_ mark: WorkMark)
    /// Starts a stage of `total` units of `unit` ("tensors", "bytes", "steps").
    func begin(_ stage: String, total: Int, unit: String)
    /// Adds `units` done units to the stage under way, with a short remark on the latest of them.
    func advance(by units: Int, remark: String)
    /// Ends the stage under way.
    func end()
}

extension Progress {
    public func enter(_ mark: WorkMark) {}
    public func advance(by units: Int) { advance(by: units, remark: "") }
}

/// Where a piece of work stands among all of them.
public struct WorkMark: Sendable, Equatable {
    /// From 1.
    public let number: Int
    /// Pieces in all.
    public let count: Int
    /// What it is going to take on this machine; nil where nothing is known.
    public let seconds: Double?
    /// What all after it are going to take.
    public let secondsAfter: Double?

    public init(number: Int, count: Int, seconds: Double?, secondsAfter: Double?) {
        (self.number, self.count, self.seconds, self.secondsAfter) = (number, count, seconds, secondsAfter)
    }
}

/// Pieces of work that follow each other, with what each is going to take, as far as that is known.
public struct WorkPlan: Sendable {
    private let seconds: [Double?]

    public init(seconds: [Double?]) { self.seconds = seconds }

    /// Says that a piece begins, counted from 0.
    public func enter(_ index: Int, _ progress: any Progress) {
        guard seconds.indices.contains(index) else { return }
        let after = seconds[(index + 1)...]
        let known = after.allSatisfy { $0 != nil } ? after.reduce(0) { $0 + ($1 ?? 0) } : nil
        progress.enter(WorkMark(number: index + 1, count: seconds.count, seconds: seconds[index], secondsAfter: known))
    }
}

/// Progress that nobody watches.
public final class SilentProgress: Progress {
    public init() {}
    public func begin(_ stage: String, total: Int, unit: String) {}
    public func advance(by units: Int, remark: String) {}
    public func end() {}
}
