/// A value as templates see it, with the meaning that it has in Python.
enum Value {
    /// What does not exist, with the reason.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case text(Text)
    /// Text that the filter `safe` has marked; Jinja2 escapes what is added to it.
    case markup(Text)
    case list(Elements)
    case tuple(Elements)
    case dictionary(Mapping)
    case range(IntegerRange)
    /// Keys, values or items of a dictionary.
    case view(MappingView)
    /// What a filter makes one at a time, and only once.
    case lazy(LazySequence)
    case namespace(Namespace)
    case loop(LoopState)
    case macro(Macro)
    case method(BoundMethod)
    case function(BuiltInFunction)

    /// Most levels of values within each other.
    static let maximumDepth = 100

    /// Levels of values within it, itself included.
    var depth: Int {
        switch self {
        case .list(let elements), .tuple(let elements): elements.depth
        case .dictionary(let mapping): mapping.depth
        case .view(let view): view.mapping.depth + 1
        case .lazy(let sequence): sequence.depth
        default: 1
        }
    }

    /// The depth of what holds the value.
    ///
    /// - Throws: `Fault` for too many levels, and for what may not be held: namespaces and what can be called.
    func depthOfHolder() throws -> Int {
        switch self {
        case .namespace, .loop, .macro, .method, .function, .markup: throw Fault.unsupported("\(typeWords) inside another value")
        default: break
        }
        guard depth < Value.maximumDepth else { throw Fault("more than \(Value.maximumDepth) levels of values", .limit) }
        return depth + 1
    }

    var isMarkup: Bool { if case .markup = self { true } else { false } }

    /// The type in words, for messages.
    var typeWords: String {
        switch self {
        case .undefined: "an undefined value"
        case .none: "none"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .float: "a float"
        case .text: "a string"
        case .markup: "a string marked as safe"
        case .list: "a list"
        case .tuple: "a tuple"
        case .dictionary: "a dictionary"
        case .range: "a range"
        case .view: "a view of a dictionary"
        case .lazy: "an iterator"
        case .namespace: "a namespace"
        case .loop: "'loop'"
        case .macro: "a macro"
        case .method: "a method"
        case .function: "a function"
        }
    }

    static func text(_ string: String) -> Value { .text(Text(string)) }
}

/// The values of a list or a tuple.
final class Elements {
    let values: [Value]
    let depth: Int

    init(_ values: [Value]) throws {
        var depth = 1
        for value in values { depth = max(depth, try value.depthOfHolder()) }
        self.values = values
        self.depth = depth
    }
}

/// A method of a value, not called yet.
final class BoundMethod {
    let receiver: Value
    let name: String

    init(_ receiver: Value, _ name: String) {
        self.receiver = receiver
        self.name = name
    }
}

/// Functions that every template has.
enum BuiltInFunction: String {
    case range
    case dictionary = "dict"
    case namespace
    case raiseException = "raise_exception"
    case formattedTime = "strftime_now"
}

/// What a template assigns attributes to.
final class Namespace {
    var attributes: Mapping

    init(_ attributes: Mapping) { self.attributes = attributes }
}

/// A macro, with the scope it was defined in.
final class Macro {
    let definition: Statement.MacroDefinition
    let scope: Scope

    init(_ definition: Statement.MacroDefinition, in scope: Scope) {
        self.definition = definition
        self.scope = scope
    }
}
