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
        case capture(Target, Body)
        case macro(MacroDefinition)
        case generation(Body)
        case breakLoop
        case continueLoop
    }

    /// What a value is assigned to.
    indirect enum Target: Sendable {
        case name(String)
        case attribute(of: String, String)
        case tuple([Target])
    }

    /// Statements with a scope of their own.
    struct Body: Sendable {
        let statements: [Statement]
        /// Names that are undefined there until they are assigned, whatever they are outside.
        var hidden: [String] = []
    }

    struct Loop: Sendable {
        let target: Target
        let source: Expression
        let filter: Expression?
        let body: Body
        let otherwise: Body
    }

    /// A macro as it is written.
    struct MacroDefinition: Sendable {
        let name: String
        let parameters: [(name: String, initial: Expression?)]
        let body: Body
    }
}
