import ArgumentParser
import Caplet

/// The text of a verb that calibrates and does nothing else with text.
struct CalibrationOptions: ParsableArguments {
    @Option(
        help: """
            Text to take token sequences from: a file, a folder or a pattern, or - for standard input; without it speeches that come with the \
            program. May be given more than once.
            """)
    var calibration: [String] = []

    @Option(help: "The member of JSON records that has the text; the default is text, content or messages.")
    var textField: String?

    @Option(help: "Tokens in a sequence; the default is the model's context, at most 2048.")
    var context: Int?

    func validate() throws { try CountOption.check("--context", context, from: 2) }

    /// So many sequences of it.
    func text(sequences: Int) -> CalibrationText {
        let source: CalibrationText.Source = calibration.isEmpty ? .builtIn : .text(TextSource(calibration, field: textField))
        return CalibrationText(source, sequences: sequences, context: context)
    }
}
