import ArgumentParser
import Caplet

struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Show the tokens of a text.",
        discussion: """
            Prints each token's id and piece, as the vocabulary spells it, by the tokenizer that travels with the model. --ids prints ids alone, \
            apart by spaces.

            caplet tokenize model-folder 'Hello, world'
            caplet tokenize model-folder --text chat.txt --ids
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Argument(help: "The text itself, if not given as --text.")
    var words: String?

    @Option(help: "Text from a file, a folder or a pattern, or - for standard input. May be given more than once.")
    var text: [String] = []

    @Option(help: "The member of JSON records that has the text; the default is text, content or messages.")
    var textField: String?

    @Option(help: "What the spelling of a special token is: its token, or text.")
    var specialTokens: SpecialTokens = .asTokens

    @Flag(help: "Leave out the tokens that the model wants around a text.")
    var bare = false

    @Flag(help: "Print ids alone, in one line.")
    var ids = false

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (words == nil) != text.isEmpty else { throw ValidationError("give the text itself, or --text FILE") }
    }

    func run() throws {
        try Session.run(common) { session in
            var request = TokenizationRequest(model: model, text: words.map { .text($0) } ?? .source(TextSource(text, field: textField)))
            request.specialTokens = specialTokens
            request.addsSpecialTokens = !bare
            request.format = from
            let tokens = try session.perform(request)
            if session.options.json {
                session.print(try JSONOutput.line(tokens))
            } else if ids {
                session.print(tokens.map { "\($0.id)" }.joined(separator: " "))
            } else {
                for token in tokens { session.print("\(TokenizeCommand.padded(token.id))  \(TokenizeCommand.visible(token.piece))") }
                session.print("\(NumberText.grouped(tokens.count)) tokens")
            }
            return .done
        }
    }

    private static func padded(_ id: Int32) -> String {
        let digits = "\(id)"
        return String(repeating: " ", count: max(7 - digits.count, 0)) + digits
    }

    /// A piece in one line: line ends and other control characters as they are written in a string.
    private static func visible(_ piece: String) -> String {
        var out = ""
        for scalar in piece.unicodeScalars {
            switch scalar {
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: out += "\\u{\(String(scalar.value, radix: 16))}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
