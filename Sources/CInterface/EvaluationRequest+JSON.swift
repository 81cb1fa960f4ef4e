import Caplet

extension EvaluationRequest {
    /// What a JSON object asks for by the options of `caplet evaluate`.
    ///
    /// - Throws: `RequestError`.
    init(_ json: inout RequestReader) throws {
        let model = try json.neededText("model"), text = try json.texts("text"), tokens = try json.text("tokens"),
            task = try json.text("task")
        let field = try json.text("text_field"), context = try json.count("context")
        let special = try json.choice("special_tokens", SpecialTokens.allCases.map(\.rawValue), SpecialTokens.init(rawValue:))
        guard [text.first, tokens, task].compactMap({ $0 }).count == 1 else {
            throw RequestError(.usage, "a request has one of \"text\", \"tokens\" and \"task\"")
        }
        if text.isEmpty, context != nil || field != nil || special != nil {
            throw RequestError(.usage, "\"context\", \"text_field\" and \"special_tokens\" go with \"text\"")
        }
        let source: Source
        if let tokens {
            source = .tokens(tokens)
        } else if let task {
            source = .task(task)
        } else {
            source = .text(TextSource(text, field: field), context: context, specialTokens: special ?? .asTokens)
        }
        self.init(model: model, source: source)
        sequences = try json.count("windows")
        original = try json.text("original")
        format = try json.text("from")
    }

    /// The file of token ids, if there is one.
    var tokenPath: String? { if case .tokens(let path) = source { path } else { nil } }
}
