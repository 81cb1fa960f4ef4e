import StrictJSON

/// A chat template of Hugging Face: the part of Jinja2 that shipped templates use, rendered as transformers renders it.
public struct ChatTemplate: Sendable {
    private let body: Statement.Body
    private let limits: ChatTemplateLimits

    /// Reads a template.
    ///
    /// - Throws: `ChatTemplateError` for bad syntax, for what is not supported, and for what is too large.
    public init(_ source: String, limits: ChatTemplateLimits = ChatTemplateLimits()) throws(ChatTemplateError) {
        self.limits = limits
        body = try typed(line: 1) {
            var lexer = try Lexer(source, limits: limits)
            var parser = Parser(try lexer.run(), limits: limits)
            return try parser.template()
        }
    }

    /// The text of a conversation.
    ///
    /// - Parameters:
    ///   - messages: objects with `role`, `content` and what else the template reads.
    ///   - tools: an array of JSON schemas; the template sees none where there are no tools.
    ///   - addGenerationPrompt: whether the text ends with what begins an answer.
    ///   - variables: what else the template reads by name, such as `bos_token`; they hide functions of the same name.
    ///   - now: the time that `strftime_now` writes.
    /// - Throws: `ChatTemplateError` when an operation fails, the template raises an exception, or a limit is reached.
    public func render(
        messages: [JSONValue], tools: JSONValue? = nil, addGenerationPrompt: Bool = false, variables: [String: JSONValue] = [:],
        now: CalendarTime = .now
    ) throws(ChatTemplateError) -> String {
        try typed(line: 1) {
            let globals = Scope(in: nil)
            for function in [BuiltInFunction.range, .dictionary, .namespace, .raiseException, .formattedTime] {
                globals[function.rawValue] = .function(function)
            }
            globals["documents"] = Value.none
            for (name, value) in variables { globals[name] = try Value(value) }
            globals["messages"] = try Value(.array(messages))
            globals["tools"] = try tools.map { try Value($0) } ?? Value.none
            globals["add_generation_prompt"] = .bool(addGenerationPrompt)
            return try Interpreter(limits: limits, globals: globals, now: now).render(body)
        }
    }
}
