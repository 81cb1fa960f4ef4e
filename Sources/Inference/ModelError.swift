import Architectures
import Execution
import ModelGraph

/// Why a graph cannot be run.
public enum ModelError: RemediableError, CustomStringConvertible {
    case missingTensor(String)
    case wrongShape(String, expected: [Int], found: [Int])
    case unknownArchitecture(String)
    case unsupportedFeatures([String])
    /// Weights that are codes of other tools, by the schemes.
    case quantized([String])
    case badToken(Int32, vocabularySize: Int)
    /// Of an encoder, which predicts no next token.
    case notCausal
    /// Of an encoder without the head that fills in tokens.
    case noHead
    /// Of a table of positions or token types.
    case noRow(Int, of: String, count: Int)
    /// Of an encoder whose checkpoint has no head that sorts texts into classes.
    case noClassifier
    case tooLong(tokens: Int, positions: Int)
    /// Of a decoder that was given more tokens than it was to have room for.
    case contextFull(tokens: Int, context: Int)

    public var description: String {
        switch self {
        case .missingTensor(let name): return "tensor '\(name)' is missing"
        case .wrongShape(let name, let expected, let found):
            return "tensor '\(name)': the configuration needs shape \(expected), found \(found)"
        case .unknownArchitecture(let name):
            var known: [String] = []
            for type in ArchitectureFamily.all.flatMap(\.modelTypes) where !known.contains(type) { known.append(type) }
            return "architecture \(name) cannot be run; known: \(known.joined(separator: ", "))"
        case .unsupportedFeatures(let features): return "the model uses \(features.joined(separator: ", ")), which is not supported"
        case .quantized(let schemes):
            return "weights are quantised (\(schemes.joined(separator: ", "))); `caplet convert --dequantize` makes floats of them"
        case .badToken(let token, let size): return "token \(token) is outside the vocabulary of \(size)"
        case .notCausal: return "the model is an encoder and does not predict the next token"
        case .noRow(let row, let table, let count): return "tensor '\(table)' has \(count) rows and none of number \(row)"
        case .noClassifier:
            return "config.json names no class for sequence classification; a checkpoint with its classifier is needed"
        case .noHead: return "the model has no output head"
        case .contextFull(let tokens, let context): return "\(tokens) tokens do not fit in a context of \(context)"
        case .tooLong(let tokens, let positions): return "a sequence has \(tokens) tokens, the model's table of positions \(positions)"
        }
    }

    /// What needs no meaning of tensors works without knowing the architecture.
    public var remedy: Remedy? {
        if case .unknownArchitecture = self { return .compressWeightsAlone }
        return nil
    }

    /// Of a graph whose architecture is not known, by the name that its files have for it.
    public static func unknownArchitecture(_ graph: TensorGraph) -> ModelError {
        .unknownArchitecture(ModelConfiguration.architectureName(of: graph).map { "'\($0)'" } ?? "unknown")
    }
}
