/// The passes that a pipeline can name.
public struct PassCatalog {
    public private(set) var passes: [PassDeclaration]

    public init(_ passes: [any Pass.Type]) { self.passes = passes.map(PassDeclaration.init) }

    public init(_ passes: [PassDeclaration]) { self.passes = passes }

    public mutating func add(_ pass: PassDeclaration) { passes.append(pass) }

    public func pass(named name: String) -> PassDeclaration? { passes.first { $0.name == name } }

    /// Checks every name and value of a pipeline and makes its passes.
    ///
    /// - Throws: `PipelineError` for an unknown pass or option or a value out of its range, `PassError` for values that exclude
    ///   each other.
    public func resolve(_ pipeline: Pipeline) throws -> [any PreparedPass] {
        try pipeline.invocations.map { invocation in
            guard let pass = pass(named: invocation.name) else {
                let hint = Spelling.nearest(to: invocation.name, among: passes.map { $0.name })
                throw PipelineError(.unknownPass, column: invocation.column, "unknown pass '\(invocation.name)'" + Spelling.question(hint))
            }
            return try pass.make(options(of: pass, invocation))
        }
    }

    private func options(of pass: PassDeclaration, _ invocation: PassInvocation) throws -> PassOptions {
        var texts: [String: String] = [:]
        for option in pass.options { texts[option.name] = option.defaultText }
        for setting in invocation.settings {
            guard let option = pass.options.first(where: { $0.name == setting.name }) else {
                let hint = Spelling.nearest(to: setting.name, among: pass.options.map(\.name))
                throw PipelineError(
                    .badOption, column: invocation.column, "pass '\(pass.name)' has no option '\(setting.name)'" + Spelling.question(hint))
            }
            guard option.accepts(setting.value) else {
                throw PipelineError(
                    .badOption, column: invocation.column,
                    "option '\(option.name)' of '\(pass.name)' takes \(option.domain), not '\(setting.value)'")
            }
            texts[option.name] = setting.value
        }
        return PassOptions(texts: texts)
    }
}
