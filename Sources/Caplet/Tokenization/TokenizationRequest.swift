import Models
import TextInput
import Tokenization

/// Cuts text by the tokenizer that travels with a model.
public struct TokenizationRequest: Request {
    /// What is cut.
    public enum Text: Sendable, Equatable {
        case text(String)
        case source(TextSource)
    }

    /// A file or a folder.
    public var model: String
    /// What is cut.
    public var text: Text
    /// What the spelling of a control token is.
    public var specialTokens = SpecialTokens.asTokens
    /// Whether the tokens that the model wants around a text are put there.
    public var addsSpecialTokens = true
    /// The model's format; nil to look at it.
    public var format: String?

    /// A request with what has no default.
    public init(model: String, text: Text) {
        self.model = model
        self.text = text
    }

    /// - Throws: `RequestError` for a model without a tokenizer; what reading it and the text throw.
    public func perform(in context: RequestContext) throws -> [Token] {
        if case .source(let source) = text { context.willRead([model] + source.paths.filter { $0 != "-" }) }
        let opened = try context.open(model, from: format).model
        let text: String
        switch self.text {
        case .text(let given): text = given
        case .source(let source): text = try TokenisedText.text(of: source, opened)
        }
        return try context.naming(model) { try tokens(text, opened) }
    }

    private func tokens(_ text: String, _ model: Model) throws -> [Token] {
        if model.isEncoder, let tokenizer = try model.sentenceTokenizer() {
            let ids = tokenizer.encode(sentence: text)
            let around = addsSpecialTokens
            let all = (around ? [tokenizer.firstID].compactMap { $0 } : []) + ids + (around ? [tokenizer.lastID].compactMap { $0 } : [])
            return all.map {
                Token(id: $0, piece: tokenizer.piece($0) ?? "", isSpecial: [tokenizer.firstID, tokenizer.lastID].contains($0))
            }
        }
        guard let tokenizer = try model.tokenizer() else {
            throw RequestError(.unsupported, "the model has no tokenizer.model, tokenizer.json, vocab.json or vocab.txt")
        }
        let ids = tokenizer.encode(text, addSpecial: addsSpecialTokens, parseSpecial: specialTokens == .asTokens)
        return ids.map { id in
            let piece = tokenizer.vocabulary.pieces[Int(id)]
            return Token(id: id, piece: piece.text, isSpecial: [.control, .unknown].contains(piece.role))
        }
    }
}

/// One token of a text.
public struct Token: Encodable, Sendable, Equatable {
    public let id: Int32
    /// As the vocabulary spells it.
    public let piece: String
    /// Whether it is a control token or stands for what is unknown.
    public let isSpecial: Bool
}
