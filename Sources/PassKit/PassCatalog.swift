/// The passes that a pipeline can name.
public struct PassCatalog: Sendable {
    /// In the order of the help.
    public private(set) var passes: [PassDeclaration]

    public init(_ passes: [any Pass.Type]) { self.passes = passes.map(PassDeclaration.init) }

    public init(_ passes: [PassDeclaration]) { self.passes = passes }

    /// Adds a pass under a name that is not taken.
    public mutating func add(_ pass: PassDeclaration) { passes.append(pass) }

    /// Nil where there is none of that name.
    public func pass(named name: String) -> PassDeclaration? { passes.first { $0.name == name } }

    /// Checks every name, value and place of a pipeline and makes its passes.
    ///
    /// - Throws: `PipelineError` for an unknown pass or option, a value that an option does not take, one that means nothing beside the
    ///   others, and an order in which a pass throws away what one before it made; `PassError` for what a pass finds by itself.
    public func resolve(_ pipeline: Pipeline) throws -> [any PreparedPass] {
        let order = try order(of: pipeline)
        let passes = try order.steps.map { try $0.declaration.make($0.options) }
        try order.check()
        return passes
    }

    /// The passes of a pipeline with the values of their options.
    func order(of pipeline: Pipeline) throws -> PassOrder {
        PassOrder(
            steps: try pipeline.invocations.map { invocation in
                guard let pass = pass(named: invocation.name) else {
                    let hint = Spelling.nearest(to: invocation.name, among: passes.map { $0.name })
                    throw PipelineError(
                        .unknownPass, column: invocation.column, "unknown pass '\(invocation.name)'" + Spelling.question(hint))
                }
                return PassOrder.Step(declaration: pass, options: try pass.options(of: invocation), column: invocation.column)
            })
    }
}
