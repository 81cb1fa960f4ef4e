import Calibration
import Inference
import Models
import TextInput

/// The sequences that a compressed model and its original are measured on, and what passes had to do with them.
struct MeasuredText {
    let tokens: TokenSequences
    let origin: MeasuredOrigin

    /// Tokens to measure on: enough to tell a loss from none, next to nothing beside a run over what is calibrated on.
    private static let tokenLimit = 8192

    /// Of a text that nothing else reads.
    ///
    /// - Throws: `ModelError` for a model that cannot be run; what reading the text throws.
    init(_ source: TextSource, windowLength: Int?, _ model: Model, _ context: RequestContext) throws {
        guard let configuration = model.configuration else { throw ModelError.unknownArchitecture(model.graph) }
        let length = TokenisedText.windowLength(windowLength, configuration)
        context.warnOfContext(length, configuration, model.isEncoder ? "a sentence" : "a window")
        let text = try TokenisedText(source, model, windowLength: length, context)
        tokens = text.sequences.evenlySpaced(MeasuredText.limit(text.sequences))
        origin = .ownText
        guard tokens.scoredTokenCount > 0 else { throw CalibrationError.emptyText }
    }

    /// What a calibration text leaves over when sequences to calibrate on are taken from it, and then those to choose by; where it leaves none,
    /// what was chosen by, and where there is none either what was calibrated on.
    init(calibrated: TokenSequences, chosenBy: TokenSequences, left: TokenSequences) {
        let sets: [(TokenSequences, MeasuredOrigin)] = [(left, .heldOut), (chosenBy, .chosenBy), (calibrated, .calibrated)]
        let (sequences, origin) = sets.first { $0.0.scoredTokenCount > 0 } ?? (calibrated, .calibrated)
        let half = max(2, calibrated.sequences.count / 2)
        tokens = sequences.evenlySpaced(min(half, MeasuredText.limit(sequences)))
        self.origin = origin
    }

    private static func limit(_ tokens: TokenSequences) -> Int {
        let longest = max(tokens.sequences.map(\.count).max() ?? 1, 1)
        return max(2, tokenLimit / longest)
    }
}

/// What passes had to do with the text that a compressed model was measured on.
public enum MeasuredOrigin: String, Encodable, Sendable {
    /// Nothing: a text of its own was given.
    case ownText = "own text"
    /// Nothing: it is a part of the calibration text that no pass was given.
    case heldOut = "held-out part of the calibration text"
    /// A part of the calibration text that passes did not learn from, and may have chosen by.
    case chosenBy = "part of the calibration text that passes may have chosen by"
    /// The text that was calibrated on: there was no more of it, and other text loses more.
    case calibrated = "text that was calibrated on"
}
