import ArgumentParser
import Caplet

struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk with a model on the terminal.",
        discussion: """
            Each line is a question, put to the model by its chat template after all that was said before; only what is new is run through \
            the model. /reset forgets what was said, /help lists such lines, /quit and the end of input end the conversation. Ctrl-C ends an \
            answer, a second one the program. Where the context is full, the oldest turns are left out. Without a terminal, questions are \
            the lines of standard input and nothing but answers is printed: each is what `caplet run --messages` gives for the same history.
            """)

    @Argument(help: "The model: a file or a folder of any format, with a chat template.")
    var model: String

    @Option(help: ArgumentHelp("What the conversation begins with, by the system.", valueName: "text"))
    var system: String?

    @OptionGroup var sampling: SamplingOptions

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try Session.run(common) { session in
            let clock = GenerationClock()
            let opened = try session.perform(OpenRequest(model: self.model, format: from))
            var options = sampling.options
            options.cancellation = session.cancellation
            let (model, conversation) = try naming {
                let model = try LanguageModel(opened, threads: common.threads)
                return (model, try Conversation(model, system: system, options))
            }
            clock.opened()
            try session.cancellation.check()
            let lines = QuestionLines()
            if lines.isTerminal { session.diagnostics.note("/help lists what is no question; /quit ends.") }
            let loop = ChatLoop(
                session: session, model: model, conversation: conversation, clock: clock, lines: lines,
                naming: NamedErrors(path: self.model))
            try loop.run()
            return .done
        }
    }

    /// Puts the model's path before errors that do not know it, and a way out after one.
    private func naming<Result>(_ body: () throws -> Result) throws -> Result {
        try NamedErrors(path: model).naming {
            do { return try body() } catch RuntimeError.noChatTemplate {
                throw UsageError(
                    "\(RuntimeError.noChatTemplate); `caplet run` continues text without one", ExitStatus(RuntimeError.noChatTemplate))
            }
        }
    }
}
