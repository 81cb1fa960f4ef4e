/// Where a pass stands in the middle of work on all tensors together: enough to go on from, and come to the same.
public struct PassSnapshot {
    public var arrays: [String: [Float]] = [:]
    public var numbers: [String: [Double]] = [:]

    public init() {}
}
