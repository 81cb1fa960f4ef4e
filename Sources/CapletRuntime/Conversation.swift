import Inference
import StrictJSON

/// A conversation with a model by its chat template: what is said stays, and only what is new in it is run through the model.
///
///     let conversation = try Conversation(model, system: "Be brief.")
///     try conversation.ask("Who are you?")
///     while let text = try conversation.next() { print(text, terminator: "") }
///
/// Each answer is that of `LanguageModel.generate(messages:)` to `messages`, with the same seed.
public final class Conversation {
    /// Objects with "role" and "content": the system message, then questions and answers in turn.
    public private(set) var messages: [JSONValue]
    /// How many turns, a question and its answer each, the last call of `ask` left out, the oldest ones first.
    public private(set) var turnsLeftOut = 0

    private let model: LanguageModel
    private let options: GenerationOptions
    private let context: Int
    private let cached: CachedTokens
    /// What is under way, and what of it was given out.
    private var answer: (generation: Generation, text: String)?

    /// - Parameters:
    ///   - system: what the conversation begins with, also after `reset`.
    ///   - options: those of each answer; the context is that of the whole conversation.
    /// - Throws: `RuntimeError.noChatTemplate`; `ChatTemplateError`; `RuntimeError` for options out of their range.
    public init(_ model: LanguageModel, system: String? = nil, _ options: GenerationOptions = GenerationOptions()) throws {
        context = try model.context(options)
        try model.checkChatTemplate()
        self.model = model
        self.options = options
        messages = system.map { [Conversation.message("system", $0)] } ?? []
        cached = CachedTokens(try model.transformer.makeCache(context: context, team: model.team))
    }

    /// Forgets all that was said; the system message stays.
    public func reset() {
        answer = nil
        messages = Array(messages.prefix { $0["role"]?.string == "system" })
    }

    /// Begins the answer to a question, of which `next` gives the text. An answer that has not ended ends where it is.
    ///
    /// Where the context is full, the oldest turns are left out, so that there is room for `maxTokens`, or for a quarter of the context.
    ///
    /// - Throws: as `LanguageModel.generate(messages:)`; nothing was asked then.
    @discardableResult
    public func ask(_ question: String) throws -> Generation {
        record()
        let before = messages
        messages.append(Conversation.message("user", question))
        do {
            let generation = try Generation(model, promptThatFits(), options, cached: cached)
            answer = (generation, "")
            return generation
        } catch {
            messages = before
            throw error
        }
    }

    /// The next piece of the answer; nil when it has ended.
    ///
    /// - Throws: as `Generation.next`; what was given out stays as the answer, and where nothing was, the question goes.
    public func next() throws -> String? {
        guard let generation = answer?.generation else { return nil }
        do {
            guard let piece = try generation.next() else {
                record()
                return nil
            }
            answer?.text += piece
            return piece
        } catch {
            if answer?.text.isEmpty == true {
                answer = nil
                messages.removeLast()
            }
            record()
            throw error
        }
    }

    /// Puts the answer that is under way among the messages.
    private func record() {
        guard let text = answer?.text else { return }
        messages.append(Conversation.message("assistant", text))
        answer = nil
    }

    /// The tokens of as many of the last turns as fit; of the question alone, where that is all.
    private func promptThatFits() throws -> [Int32] {
        let room = min(options.maxTokens, context / 4)
        turnsLeftOut = 0
        while true {
            let tokens = try model.promptTokens(messages)
            let isUser = { (message: JSONValue) in message["role"]?.string == "user" }
            guard tokens.count + room > context, let first = messages.firstIndex(where: isUser),
                let second = messages[(first + 1)...].firstIndex(where: isUser)
            else { return tokens }
            messages.removeSubrange(first..<second)
            turnsLeftOut += 1
        }
    }

    private static func message(_ role: String, _ content: String) -> JSONValue {
        ["role": .string(role), "content": .string(content)]
    }
}
