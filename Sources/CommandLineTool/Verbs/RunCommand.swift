import ArgumentParser
import Caplet

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Generate text with a model.",
        discussion: """
            Prints what the model writes after the prompt, token by token, until it ends the text itself, a --stop text comes, --max-tokens \
            are written, or prompt and answer fill the context. --chat and --messages go through the model's chat template, as chat programs \
            do. Tokens are chosen by --repetition-penalty, --top-k, --top-p, --min-p and --temperature in this order, as in llama.cpp, but \
            that --top-p counts with the temperature. Weights stay in memory as they are stored: a .caplet is run from its codes, factors and \
            sparse values. The text depends on model, prompt, seed and the options, not on --threads.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(name: [.customShort("p"), .long], help: "The text to continue; - reads it from standard input.")
    var prompt: String?

    @Option(help: "A file with the text to continue, in UTF-8, all of it; - is standard input.")
    var file: String?

    @Option(help: "What a user says, to be answered by the model's chat template; - reads it from standard input.")
    var chat: String?

    @Option(
        help: "A .json file with a conversation to answer: a list of objects with role and content, or an object with that as messages.")
    var messages: String?

    @OptionGroup var sampling: SamplingOptions

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard [prompt, file, chat, messages].compactMap({ $0 }).count == 1 else {
            throw ValidationError("give one of --prompt TEXT, --file FILE, --chat TEXT and --messages FILE.json")
        }
    }

    func run() throws {
        try Session.run(common) { session in
            let clock = GenerationClock()
            let input = try self.input()
            let named = NamedErrors(path: self.model)
            let opened = try session.perform(OpenRequest(model: self.model, format: from))
            let model = try named.naming { try LanguageModel(opened, threads: common.threads) }
            clock.opened()
            var options = sampling.options
            options.cancellation = session.cancellation
            let answer = try named.naming {
                switch input {
                case .text(let text): return try model.generate(text, options)
                case .messages(let messages): return try model.generate(messages: messages, options)
                }
            }
            var text = ""
            do {
                while let piece = try named.naming({ try answer.next() }) {
                    clock.wrote(answer.tokens.count)
                    if common.json { text += piece } else { session.write(piece) }
                }
            } catch let error as Cancelled {
                if !common.json { session.write("\n") }
                if common.json { try report(answer, text, model, clock, session, isInterrupted: true) }
                throw error
            }
            clock.ended(answer.tokens.count)
            if !common.json { session.write("\n") }
            try report(answer, text, model, clock, session, isInterrupted: false)
            return .done
        }
    }

    private enum Input {
        case text(String)
        case messages([JSONValue])
    }

    /// What is to be continued or answered.
    private func input() throws -> Input {
        if let prompt { return .text(try prompt == "-" ? TextDocuments.plainText(of: "-") : prompt) }
        if let file { return .text(try TextDocuments.plainText(of: file)) }
        if let chat {
            let text = try chat == "-" ? TextDocuments.plainText(of: "-") : chat
            return .messages([["role": "user", "content": .string(text)]])
        }
        let path = messages ?? ""
        let json = try JSONValue(parsing: Array(TextDocuments.plainText(of: path).utf8), path: path, object: "")
        guard let list = json.array ?? json["messages"]?.array, !list.isEmpty, list.allSatisfy({ $0["role"]?.string != nil }) else {
            throw UsageError("\(path): is no list of messages, objects with role and content", .malformedInput)
        }
        return .messages(list)
    }

    private func report(
        _ answer: Generation, _ text: String, _ model: LanguageModel, _ clock: GenerationClock, _ session: Session, isInterrupted: Bool
    ) throws {
        let result = GenerationReport(answer, text: text, model, clock, isInterrupted: isInterrupted)
        if common.json { session.print(try JSONOutput.line(result)) } else { session.diagnostics.detail(result.line) }
    }
}
