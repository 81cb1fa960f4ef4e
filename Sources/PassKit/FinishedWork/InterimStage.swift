/// A stage of a pass whose findings are of use until it is done.
public struct InterimStage: Hashable, Comparable, Sendable {
    /// Number of the pass in its pipeline, from 0.
    public let pass: Int
    public let name: String

    public init(pass: Int, name: String) { (self.pass, self.name) = (pass, name) }

    public static func < (left: InterimStage, right: InterimStage) -> Bool { (left.pass, left.name) < (right.pass, right.name) }
}
