/// Where long work says how far it is. Calls may come from any thread.
public protocol Progress: AnyObject, Sendable {
    /// Starts a stage of `total` units of `unit` ("tensors", "bytes", "steps").
    func begin(_ stage: String, total: Int, unit: String)
    /// Adds `units` done units to the stage under way, with a short remark on the latest of them.
    func advance(by units: Int, remark: String)
    /// Ends the stage under way.
    func end()
}

extension Progress {
    public func advance(by units: Int) { advance(by: units, remark: "") }
}

/// Progress that nobody watches.
public final class SilentProgress: Progress {
    public init() {}
    public func begin(_ stage: String, total: Int, unit: String) {}
    public func advance(by units: Int, remark: String) {}
    public func end() {}
}
