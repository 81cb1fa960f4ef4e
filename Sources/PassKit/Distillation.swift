/// What a pass learns of another model, the teacher, with which the model's predictions are to agree.
public struct DistillationAim: Sendable, Equatable {
    /// The path of the teacher; nil for the model that the pipeline began with.
    public let teacher: String?
    /// What logits of both are divided by.
    public let temperature: Double
    /// The weight of what blocks put out, beside the divergence; 0 for none.
    public let hidden: Double

    public init(teacher: String?, temperature: Double = 1, hidden: Double = 0) {
        (self.teacher, self.temperature, self.hidden) = (teacher, temperature, hidden)
    }
}

extension PassManager {
    /// What passes learn of models beside the one that they work on.
    public var distillations: [DistillationAim] { passes.compactMap(\.distillation).filter { $0.teacher != nil } }

    /// - Throws: `PassError` where a pass learns of another model, for work that reads none.
    public func refuseTeachers(_ reason: String) throws {
        for (pass, invocation) in zip(passes, pipeline.invocations) where pass.distillation?.teacher != nil {
            throw PassError(.usage, pass: invocation.name, "\(reason): only teacher=original goes")
        }
    }

    /// The pipeline's text with other words in place of the paths of teachers, such as digests of what is in them.
    public func description(naming teacher: (String) throws -> String) rethrows -> String {
        let invocations = try zip(passes, pipeline.invocations).map { pass, invocation in
            guard let path = pass.distillation?.teacher else { return invocation }
            let name = try teacher(path)
            return PassInvocation(
                invocation.name, invocation.settings.map { $0.value == path ? PassInvocation.Setting($0.name, name) : $0 })
        }
        return Pipeline(invocations).description
    }
}
