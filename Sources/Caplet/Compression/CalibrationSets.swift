import Calibration
import Execution
import FormatKit
import Inference
import Models
import PassKit
import TextInput

/// The sequences that passes calibrate on, and those of the same text that they measure on.
struct CalibrationSets {
    let calibration: CalibrationModel
    /// Nil when the text has no more.
    let heldBack: CalibrationModel?
    /// What is calibrated on and more, for gradients; nil when the text has no more.
    let learning: CalibrationModel?
    /// Of all token ids of the text.
    let digest: String
    /// Of the files that the text came from.
    let fileDigest: String
    /// Sequences that passes calibrate on.
    let count: Int
    /// What the result is measured on, where no other text is given for that.
    let measured: MeasuredText

    /// Held-back sequences to measure on, for each that passes calibrate on.
    private static let heldBackShare = 2

    /// Nil without a text.
    ///
    /// - Parameter teachers: other models that passes learn of, by path.
    init?(
        _ text: CalibrationText?, _ model: Model, teachers: [String: Model] = [:], _ context: RequestContext,
        _ execution: ExecutionContext
    ) throws {
        guard let text else { return nil }
        guard let configuration = model.configuration else { throw ModelError.unknownArchitecture(model.graph) }
        let length = TokenisedText.windowLength(text.context, configuration)
        let (windows, fileDigest) = try CalibrationSets.windows(text, model, length, context)
        let taken = windows.evenlySpaced(text.sequences)
        calibration = try CalibrationModel(model, tokens: taken, teachers: teachers, execution)
        let rest = windows.without(evenlySpaced: text.sequences)
        let heldBackCount = CalibrationSets.heldBackShare * text.sequences
        let (chosenBy, left) = (rest.evenlySpaced(heldBackCount), rest.without(evenlySpaced: heldBackCount))
        heldBack = CalibrationModel(like: calibration, tokens: chosenBy)
        let measured = MeasuredText(calibrated: taken, chosenBy: chosenBy, left: left)
        self.measured = measured
        // What is measured on nothing learns from.
        let free = measured.origin == .heldOut ? left.without(evenlySpaced: measured.tokens.sequences.count) : left
        let more = CalibrationSets.learning(taken, and: free)
        learning = more.flatMap { [calibration] in CalibrationModel(like: calibration, tokens: $0) }
        digest = windows.digest
        self.fileDigest = fileDigest
        count = taken.sequences.count
    }

    /// Of all sequences of a text those that are calibrated on, and more that are not held back; nil when there are no more.
    static func learning(_ windows: TokenSequences, calibrating count: Int) -> TokenSequences? {
        learning(
            windows.evenlySpaced(count), and: windows.without(evenlySpaced: count).without(evenlySpaced: heldBackShare * count))
    }

    /// - Parameters:
    ///   - calibrated: what is calibrated on.
    ///   - free: what nothing else is done with.
    private static func learning(_ calibrated: TokenSequences, and free: TokenSequences) -> TokenSequences? {
        guard !free.sequences.isEmpty else { return nil }
        return TokenSequences(
            calibrated.sequences + free.evenlySpaced((CalibrationCost.learningShare - 1) * calibrated.sequences.count).sequences)
    }

    /// All sequences of a text, and a digest of its files; a warning where they are fewer or shorter than was asked for, or longer than the
    /// model was made for.
    static func windows(
        _ text: CalibrationText, _ model: Model, _ length: Int, _ context: RequestContext
    ) throws -> (sequences: TokenSequences, digest: String) {
        let sequences: TokenSequences, digest: String
        switch text.source {
        case .text(let source):
            let tokenised = try TokenisedText(source, model, windowLength: length, context)
            (sequences, digest) = (tokenised.sequences, tokenised.digest)
        case .builtIn:
            let tokenised = try TokenisedText(text: TextDocuments.builtIn, model, windowLength: length)
            (sequences, digest) = (tokenised.sequences, tokenised.digest)
        case .tokens(let path): (sequences, digest) = (try TokenFile.read(path, context), try ContentDigest.of(file: path))
        }
        let longest = sequences.sequences.map(\.count).max() ?? 0
        if let configuration = model.configuration { context.warnOfContext(longest, configuration, "a calibration sequence") }
        if sequences.sequences.count < text.sequences {
            let shorter = longest < length && !model.isEncoder ? " of \(longest) tokens" : ""
            context.warn(
                "the calibration text gives \(sequences.sequences.count) sequences\(shorter), not \(text.sequences)"
                    + (shorter.isEmpty ? "" : " of \(length)"))
        }
        return (sequences, digest)
    }
}
