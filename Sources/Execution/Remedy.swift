/// What would let a refused request through: a choice of whoever made it, which each program offers in its own way.
public enum Remedy: Sendable, Equatable {
    /// To replace what is at the output.
    case replaceOutput
    /// To write into a folder that holds something else all the same.
    case writeThere
    /// To make anew what was made from something else.
    case makeAnew
    /// To begin anew instead of going on from what another run has finished.
    case beginAnew
    /// To say which format the input is.
    case nameInputFormat
    /// To say what elements of one byte are.
    case nameByteDType
    /// To say which format to write.
    case nameOutputFormat
    /// To give text to calibrate on.
    case giveCalibration
    /// To give token ids instead of text.
    case giveTokens
    /// To give the model that this one was made from.
    case giveOriginal
    /// To convert the model instead.
    case convert
    /// To pack the model without loss.
    case packLosslessly
    /// To make floats of weights that are quantised.
    case applyScales
    /// To write a model that the programs of its format would not load.
    case forceNames
    /// To say what a compression is to reach: a share of the parameters, or passes.
    case giveAim
    /// To read what passes work on.
    case describePasses
    /// To compress weights as they are, without running the model.
    case compressWeightsAlone
}

/// An error that says what would let the request through.
public protocol RemediableError: Error {
    /// Nil where nothing would.
    var remedy: Remedy? { get }
}
