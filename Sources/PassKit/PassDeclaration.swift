/// What a pipeline needs to know of a pass to name it, check its options, and make it.
public struct PassDeclaration {
    public let name: String
    public let summary: String
    public let options: [PassOption]
    /// The file that the pass was loaded from; nil for one that is built in.
    public let origin: String?
    /// Makes the pass; every value fits its option already.
    let make: (PassOptions) throws -> any PreparedPass

    public init(
        name: String, summary: String, options: [PassOption], origin: String?, make: @escaping (PassOptions) throws -> any PreparedPass
    ) {
        self.name = name
        self.summary = summary
        self.options = options
        self.origin = origin
        self.make = make
    }

    public init(_ type: any Pass.Type) {
        self.init(name: type.name, summary: type.summary, options: type.options, origin: nil) { try type.init($0) }
    }
}
