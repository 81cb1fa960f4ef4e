import ArgumentParser
import Caplet
import Dispatch
// Its standard streams are variables, which nobody assigns to.
@preconcurrency import Glibc

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Generate text with a model.",
        discussion: """
            Prints what the model writes after the prompt, token by token, until it ends the text itself, --max-tokens are written, or \
            prompt and answer fill the context. --chat and --messages go through the model's chat template, as chat programs do. Weights stay in memory as they are stored: a .caplet is run from its codes, factors and \
            sparse values. The text depends on model, prompt, seed and the options, not on --threads.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(help: "The text to continue; - reads it from standard input.")
    var prompt: String?

    @Option(help: "What a user says, to be answered by the model's chat template; - reads it from standard input.")
    var chat: String?

    @Option(
        help: "A .json file with a conversation to answer: a list of objects with role and content, or an object with that as messages.")
    var messages: String?

    @Option(help: "Most tokens to write.")
    var maxTokens = 256

    @Option(help: "0 takes the likeliest token each time; the higher, the more are likely.")
    var temperature = 0.8

    @Option(help: "Draw from the fewest likeliest tokens that have this probability together; 1 is all.")
    var topP = 0.95

    @Option(help: "Seed of the draws.")
    var seed: UInt64 = 0

    @Option(help: "Tokens of prompt and answer together; the default is what the model was made for.")
    var context: Int?

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @OptionGroup var common: CommonOptions

    private var options: GenerationOptions {
        GenerationOptions(maxTokens: maxTokens, temperature: temperature, topP: topP, seed: seed, context: context)
    }

    func validate() throws {
        guard [prompt, chat, messages].compactMap({ $0 }).count == 1 else {
            throw ValidationError("give one of --prompt TEXT, --chat TEXT and --messages FILE.json")
        }
        do { try options.check() } catch { throw ValidationError("\(error)") }
        try CountOption.check("--max-tokens", maxTokens, from: 0)
        try CountOption.check("--context", context, from: 1)
    }

    func run() throws {
        try Session.run(common) { session in
            let clock = GenerationClock()
            let input = try self.input()
            let opened = try session.perform(OpenRequest(model: self.model, format: from))
            let model = try naming { try LanguageModel(opened, threads: common.threads) }
            clock.opened()
            var options = options
            options.cancellation = session.cancellation
            let answer = try naming {
                switch input {
                case .text(let text): return try model.generate(text, options)
                case .messages(let messages): return try model.generate(messages: messages, options)
                }
            }
            var text = ""
            do {
                while let piece = try naming({ try answer.next() }) {
                    clock.wrote(answer.tokens.count)
                    if common.json { text += piece } else { write(piece) }
                }
            } catch let error as Cancelled {
                if !common.json { write("\n") }
                if common.json { try report(answer, text, model, clock, session, isInterrupted: true) }
                throw error
            }
            clock.ended(answer.tokens.count)
            if !common.json { write("\n") }
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

    /// Puts the model's path before errors that do not know it.
    private func naming<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error where !(error is Cancelled) {
            throw UsageError("\(self.model): \(error)", ExitStatus(error))
        }
    }

    /// Text that is seen at once.
    private func write(_ text: String) {
        print(text, terminator: "")
        fflush(stdout)
    }

    private func report(
        _ answer: Generation, _ text: String, _ model: LanguageModel, _ clock: GenerationClock, _ session: Session, isInterrupted: Bool
    ) throws {
        let result = GenerationReport(answer, text: text, model, clock, isInterrupted: isInterrupted)
        if common.json { session.print(try JSONOutput.line(result)) } else { session.diagnostics.detail(result.line) }
    }
}
