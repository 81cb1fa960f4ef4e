import Caplet

/// The keys of requests that remedies stand for.
enum RemedyText {
    /// "; "force": true replaces it"; empty where there is no remedy.
    static func of(_ remedy: Remedy?) -> String {
        switch remedy {
        case nil: return ""
        case .replaceOutput: return "; \"force\" replaces it"
        case .writeThere: return "; \"force\" writes there all the same"
        case .makeAnew: return "; \"force\" makes it anew"
        case .beginAnew: return "; \"force\" begins anew"
        case .nameInputFormat: return "; \"from\" names a format"
        case .nameByteDType: return "; a conversion with \"byte_dtype\" says which"
        case .nameOutputFormat: return "; \"to\" names one"
        case .giveCalibration: return "; give it as \"calibration\""
        case .giveTokens: return "; \"tokens\" takes token ids"
        case .giveOriginal: return "; give the model to compare embeddings with as \"original\""
        case .convert: return "; a conversion writes the others"
        case .packLosslessly: return "; \"lossless\" packs without loss"
        case .forceNames: return "; \"force_names\" writes it all the same"
        case .applyScales: return "; a conversion with \"dequantize\" (\"dequantize_fp8\" for FP8 alone) makes floats of them"
        case .giveAim: return "; \"keep\": 0.5 keeps half of the linear layers' parameters, \"pipeline\" runs passes of your choice"
        case .describePasses: return "; `caplet passes NAME` says what a pass works on"
        case .compressWeightsAlone:
            return "; \"pipeline\": \"prune-probabilistic{objective=weights layers=matrices}\" compresses weights without running it"
        }
    }
}
