import Caplet

/// The options of this command line that remedies stand for.
enum Remedies {
    /// An error as one line, with the option that would let the request through.
    static func line(_ error: any Error) -> String {
        (error is PipelineError ? "--" : "") + "\(error)" + text((error as? any RemediableError)?.remedy)
    }

    /// "; --force replaces it"; empty where there is no remedy.
    static func text(_ remedy: Remedy?) -> String {
        switch remedy {
        case nil: return ""
        case .replaceOutput: return "; --force replaces it"
        case .writeThere: return "; --force writes there all the same"
        case .makeAnew: return "; --force makes it anew"
        case .beginAnew: return "; --force begins anew"
        case .nameInputFormat: return "; --from names a format"
        case .nameByteDType: return "; convert --byte-dtype says which"
        case .nameOutputFormat: return "; --to names one"
        case .giveCalibration: return "; give it with --calibration FILE"
        case .giveTokens: return "; --tokens takes token ids"
        case .giveOriginal: return "; give the model to compare embeddings with as --original MODEL"
        case .convert: return "; `caplet convert` writes the others"
        case .packLosslessly: return "; --lossless packs without loss"
        case .forceNames: return "; --force-names writes it all the same"
        case .applyScales: return "; convert --dequantize (--dequantize-fp8 for FP8 alone) makes floats of them"
        case .giveAim: return "; --keep 0.5 keeps half of the linear layers' parameters, --pipeline runs passes of your choice"
        case .describePasses: return "; `caplet passes NAME` says what a pass works on"
        case .compressWeightsAlone:
            let pipeline = "prune-probabilistic{objective=weights layers=matrices}"
            return "; `caplet compress MODEL -o OUTPUT --pipeline '\(pipeline)'` compresses weights without running it"
        }
    }
}
