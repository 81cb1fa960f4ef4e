/// What a pipeline needs to know of a pass to name it, check its options and its place, and make it.
public struct PassDeclaration: Sendable {
    /// The name in pipeline text.
    public let name: String
    /// One line on what it does.
    public let summary: String
    /// In the order of the help.
    public let options: [any PassOption]
    /// What it works from.
    public let reads: PassReads
    /// What it leaves.
    public let leaves: PassResult
    /// Pipeline text of passes that have to follow for the model to become smaller; nil where none has to.
    public let completion: String?
    /// The file that the pass was loaded from; nil for one that is built in.
    public let origin: String?
    /// Makes the pass; every value fits its option already.
    let make: @Sendable (PassOptions) throws -> any PreparedPass

    public init(
        name: String, summary: String, options: [any PassOption], reads: PassReads, leaves: PassResult, completion: String? = nil,
        origin: String?, make: @escaping @Sendable (PassOptions) throws -> any PreparedPass
    ) {
        self.name = name
        self.summary = summary
        self.options = options
        self.reads = reads
        self.leaves = leaves
        self.completion = completion
        self.origin = origin
        self.make = make
    }

    public init(_ type: any Pass.Type) {
        self.init(
            name: type.name, summary: type.summary, options: type.options, reads: type.reads, leaves: type.leaves,
            completion: type.completion, origin: nil
        ) { try type.init($0) }
    }

    /// The values of an invocation's settings.
    ///
    /// - Throws: `PipelineError` for an option that is not declared, a value that it does not take, and one that means nothing beside
    ///   the others.
    func options(of invocation: PassInvocation) throws -> PassOptions {
        func refused(_ message: String) -> PipelineError { PipelineError(.badOption, column: invocation.column, message) }
        var given: [String: String] = [:]
        for setting in invocation.settings {
            guard let option = option(named: setting.name) else {
                let hint = Spelling.nearest(to: setting.name, among: options.map(\.name))
                throw refused("pass '\(name)' has no option '\(setting.name)'" + Spelling.question(hint))
            }
            guard option.accepts(setting.value) else {
                throw refused("option '\(option.name)' of '\(name)' takes \(option.domain), not '\(setting.value)'")
            }
            given[option.name] = setting.value
        }
        let values = PassOptions(given: given)
        for setting in invocation.settings {
            for requirement in option(named: setting.name)?.requirements(of: setting.value) ?? [] {
                guard let obstacle = requirement.obstacle(in: values) else { continue }
                throw refused(
                    "\(setting.name)=\(setting.value) of '\(name)' means nothing with \(obstacle); it needs \(requirement.text)")
            }
        }
        return values
    }

    private func option(named name: String) -> (any PassOption)? { options.first { $0.name == name } }
}
