import Calibration
import Execution
import Inference
import Models

/// The sequences that passes calibrate on, and those of the same text that they measure on.
struct CalibrationSets {
    let calibration: CalibrationModel
    /// Nil when the text has no more.
    let heldBack: CalibrationModel?
    /// Of all token ids of the text.
    let digest: String

    /// Held-back sequences to measure on, for each that passes calibrate on.
    private static let heldBackShare = 2

    /// Nil without a text.
    init?(_ text: CalibrationText?, _ model: Model, _ execution: ExecutionContext) throws {
        guard let text else { return nil }
        guard let configuration = model.configuration else { throw ModelError.unknownArchitecture(model.graph) }
        let windows = try TokenisedText(
            file: text.path, model, windowLength: TokenisedText.windowLength(text.context, configuration)
        ).sequences
        calibration = try CalibrationModel(model, tokens: windows.evenlySpaced(text.sequences), execution)
        let rest = windows.without(evenlySpaced: text.sequences).evenlySpaced(CalibrationSets.heldBackShare * text.sequences)
        heldBack = CalibrationModel(like: calibration, tokens: rest)
        digest = windows.digest
    }
}
