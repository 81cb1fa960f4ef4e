import CLibrary
import Caplet

/// Questions and answers in turn until there are no more questions.
struct ChatLoop {
    let session: Session
    let model: LanguageModel
    let conversation: Conversation
    let clock: GenerationClock
    let lines: QuestionLines
    let naming: NamedErrors

    private static let help = """
        /reset  forget all that was said but the system message
        /quit   end; so does the end of input
        /help   this list
        Ctrl-C  end the answer; a second time, the program
        """

    /// - Throws: what ends the conversation: `Cancelled`, input that cannot be read, and without a terminal an answer that fails.
    func run() throws {
        while true {
            // While it waits there is nothing to clean up.
            InterruptSignal.release()
            if InterruptSignal.isSet, !InterruptSignal.isFromKeyboard { throw Cancelled() }
            if let failure = session.outputFailure {
                // Whoever read the answers had enough of them.
                if failure == EPIPE { return }
                throw UsageError("standard output cannot be written: \(String(cString: strerror(failure)))", .writeFailed)
            }
            guard let line = try lines.next() else { break }
            switch line.trimmingSpaces {
            case "": continue
            case "/quit": return
            case "/reset": conversation.reset()
            case "/help": ChatLoop.help.split(separator: "\n").forEach { session.diagnostics.note(String($0)) }
            case let word where line.first == "/" && !word.contains(" "):
                session.diagnostics.warning("\(word) is none of /reset, /quit and /help; with a space before it, it is a question")
            default: try tell(line)
            }
        }
        if lines.isTerminal { session.write("\n") }
    }

    /// Answers a question, and on a terminal says why it cannot and goes on.
    private func tell(_ question: String) throws {
        InterruptSignal.catchAgain()
        do {
            try naming.naming { try answer(question) }
        } catch let error as UsageError where lines.isTerminal {
            session.diagnostics.error(error.description)
        }
    }

    private func answer(_ question: String) throws {
        clock.asked()
        let answer = try conversation.ask(question)
        if conversation.turnsLeftOut > 0 {
            let turns =
                conversation.turnsLeftOut == 1
                ? "oldest question and its answer are" : "\(conversation.turnsLeftOut) oldest questions and their answers are"
            session.diagnostics.note("the context is full: the \(turns) left out")
        }
        let isJSON = session.options.json
        var text = ""
        var isInterrupted = false
        do {
            while let piece = try conversation.next() {
                clock.wrote(answer.tokens.count)
                text += piece
                if !isJSON { session.write(piece) }
            }
        } catch is Cancelled where InterruptSignal.isFromKeyboard {
            isInterrupted = true
        } catch {
            if !isJSON, !text.isEmpty { session.write("\n") }
            throw error
        }
        clock.ended(answer.tokens.count)
        if !isJSON { session.write("\n") }
        if answer.end == .context { session.diagnostics.note("the context is full: the answer ends there") }
        let report = GenerationReport(answer, text: text, model, clock, isInterrupted: isInterrupted, isTurn: true)
        if isJSON { session.write(try JSONOutput.line(report) + "\n") } else { session.diagnostics.detail(report.line) }
    }
}

extension String {
    /// Without spaces and tabs at its ends.
    fileprivate var trimmingSpaces: Substring {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
