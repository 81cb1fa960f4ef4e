/// The passes that a pipeline can name.
public struct PassCatalog {
    public let passes: [any Pass.Type]

    public init(_ passes: [any Pass.Type]) { self.passes = passes }

    public func pass(named name: String) -> (any Pass.Type)? { passes.first { $0.name == name } }

    /// Checks every name and value of a pipeline and makes its passes.
    ///
    /// - Throws: `PipelineError` for an unknown pass or option or a value out of its range, `PassError` for values that exclude
    ///   each other.
    public func resolve(_ pipeline: Pipeline) throws -> [any Pass] {
        try pipeline.invocations.map { invocation in
            guard let type = pass(named: invocation.name) else {
                let hint = Spelling.nearest(to: invocation.name, among: passes.map { $0.name })
                throw PipelineError(.unknownPass, column: invocation.column, "unknown pass '\(invocation.name)'" + Spelling.question(hint))
            }
            return try type.init(options(of: type, invocation))
        }
    }

    private func options(of type: any Pass.Type, _ invocation: PassInvocation) throws -> PassOptions {
        var texts: [String: String] = [:]
        for option in type.options { texts[option.name] = option.defaultText }
        for setting in invocation.settings {
            guard let option = type.options.first(where: { $0.name == setting.name }) else {
                let hint = Spelling.nearest(to: setting.name, among: type.options.map(\.name))
                throw PipelineError(
                    .badOption, column: invocation.column, "pass '\(type.name)' has no option '\(setting.name)'" + Spelling.question(hint))
            }
            guard option.accepts(setting.value) else {
                throw PipelineError(
                    .badOption, column: invocation.column,
                    "option '\(option.name)' of '\(type.name)' takes \(option.domain), not '\(setting.value)'")
            }
            texts[option.name] = setting.value
        }
        return PassOptions(texts: texts)
    }
}
