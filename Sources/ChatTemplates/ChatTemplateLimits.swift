/// How large a template, its text and its work may become.
public struct ChatTemplateLimits: Sendable {
    /// Most bytes of the template.
    public var sourceBytes = 1 << 20
    /// Most levels of blocks and brackets within each other, and of operations in one expression.
    public var nesting = 64
    /// Most bytes of the rendered text, and most code points of any text on the way.
    public var outputBytes = 16 << 20
    /// Most steps: expressions, statements, iterations and, a few at a time, code points and elements that are made.
    public var steps = 10_000_000
    /// Most levels of statements and expressions that are being evaluated at once, those of called macros included.
    public var evaluationDepth = 200
    /// Most numbers in a `range`, as in Jinja2's sandbox.
    public var rangeLength = 100_000

    public init() {}
}

/// What is left of the steps of one rendering.
final class Budget {
    let limits: ChatTemplateLimits
    private var steps = 0
    private var depth = 0

    init(_ limits: ChatTemplateLimits) { self.limits = limits }

    /// Counts steps.
    func charge(_ count: Int = 1) throws {
        let (sum, overflow) = steps.addingReportingOverflow(count)
        guard !overflow, sum <= limits.steps else { throw Fault("more than \(limits.steps) steps", .limit) }
        steps = sum
    }

    /// Counts a text of so many code points, before it is made.
    func charge(text count: Int) throws { try charge(text: count, made: count) }

    /// Counts a text that grows to `total` code points by `made`.
    func charge(text total: Int, made: Int) throws {
        guard total <= limits.outputBytes else { throw Fault("a text of more than \(limits.outputBytes) code points", .limit) }
        try charge(1 + made / 16)
    }

    /// Counts work on each code point of a text.
    func charge(everyOf text: Text) throws { try charge(1 + text.count) }

    /// Counts a search for a part of a text.
    func charge(search count: Int, _ partCount: Int) throws {
        let (product, overflow) = count.multipliedReportingOverflow(by: partCount)
        try charge(1 + count / 16 + (overflow ? Int.max / 2 : product / 256))
    }

    /// Counts a list of so many elements, before it is made.
    func charge(elements count: Int) throws { try charge(1 + count) }

    /// Counts a step and goes a level deeper; `leave` must follow.
    ///
    /// - Throws: `ChatTemplateError`
    func enter(line: Int) throws {
        do {
            try charge()
            guard depth < limits.evaluationDepth else {
                throw Fault("more than \(limits.evaluationDepth) levels of evaluation", .limit)
            }
            depth += 1
        } catch let fault as Fault {
            throw fault.at(line: line)
        }
    }

    func leave() { depth -= 1 }
}
