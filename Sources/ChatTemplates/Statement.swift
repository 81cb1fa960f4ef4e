/// A part of a template that is carried out.
struct Statement: Sendable {
    let line: Int
    let form: Form

    indirect enum Form: Sendable {
        case data(Text)
        case output(Expression)
        case conditional([(test: Expression, body: [Statement])], otherwise: [Statement])
        case loop(Loop)
        case set(Target, Expression)
        case capture(Target, [Statement])
        case macro(MacroDefinition)
        case generation([Statement])
        case breakLoop
        case continueLoop
    }

    /// What a value is assigned to.
    indirect enum Target: Sendable {
        case name(String)
        case attribute(of: String, String)
        case tuple([Target])
    }

    struct Loop: Sendable {
        let target: Target
        let source: Expression
        let filter: Expression?
        let body: [Statement]
        let otherwise: [Statement]
    }

    /// A macro as it is written.
    struct MacroDefinition: Sendable {
        let name: String
        let parameters: [(name: String, initial: Expression?)]
        let body: [Statement]
    }
}
