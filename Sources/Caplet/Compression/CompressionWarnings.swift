import ModelGraph
import PassKit

/// What is said of a compression that does not make the model smaller, or cannot do as it is told.
enum CompressionWarnings {
    /// More bytes than codes of a model take, whatever they are: a byte and a share of a scale for each number.
    private static func mostBytes(_ graph: TensorGraph) -> Int {
        graph.parameterCount / 8 * 9 + graph.attachments.reduce(0) { $0 + $1.bytes.count } + 1 << 16
    }

    /// Known before the work: a size that no codes reach.
    static func ofAim(_ aim: CompressionRequest.Aim, _ graph: TensorGraph) -> String? {
        let size: Int
        switch aim {
        case .size(let bytes): size = bytes
        case .bitsPerWeight(let bits): size = Int(bits * Double(graph.parameterCount) / 8)
        default: return nil
        }
        let most = mostBytes(graph)
        guard size > most else { return nil }
        return
            "\(NumberText.grouped(size)) bytes are more than codes of this model take: the file will have less than \(NumberText.grouped(most))"
    }

    /// Of linear layers that are codes already: what was lost when these were made is not seen again, and is not counted.
    ///
    /// - Throws: `RequestError` where codes are all that the aim would make of them.
    static func ofCodes(_ aim: CompressionRequest.Aim, _ graph: TensorGraph, _ path: String) throws -> String? {
        let layers = graph.tensors.filter { $0.role == .linear }
        let kinds = layers.compactMap { codes($0.payload) }
        guard let kind = kinds.first, kinds.count * 2 > layers.count else { return nil }
        let isOwn = layers.contains { if case .blocks = $0.payload { false } else { codes($0.payload) != nil } }
        if aim == .lossless {
            let floats =
                "\(path): its linear layers are codes (\(kind)), of which the caplet format keeps the values as floats: the file itself is smaller"
            return isOwn ? nil : floats
        }
        switch aim {
        case .size, .bitsPerWeight, .lossIncrease:
            guard !isOwn else {
                throw RequestError(
                    .unsupported, "\(path): its linear layers are codes already (\(kind)): start from the model that it was made from")
            }
        default: break
        }
        return
            "\(path): its linear layers are codes already (\(kind)): compressed again they lose more than the model does that they were made from"
    }

    /// What the codes of a payload are called; nil for floats.
    private static func codes(_ payload: Payload) -> String? {
        switch payload {
        case .blocks(let tensor): return tensor.codec.name
        case .quantized: return "integers with scales"
        case .composite(let terms): return terms.lazy.compactMap(codes).first
        case .dense, .lowRank, .sparse: return nil
        }
    }

    /// A line for each pass that changed nothing, and has not said so itself.
    static func ofNothingChanged(_ reports: [PassReport]) -> [String] {
        reports.filter { $0.changedNothing && ($0.warnings ?? []).isEmpty }.map { "\($0.pass): nothing is changed" }
    }

    /// Of an output that has clearly more bytes than the input, in a format that could do with fewer.
    static func ofSize(_ bytes: Int, _ output: String, from input: Int, _ inputPath: String, formatName: String) -> String? {
        guard ["caplet", "gguf"].contains(formatName), input > 0, bytes > input + input / 100 + 4096 else { return nil }
        return
            "\(output): has \(NumberText.grouped(bytes)) bytes, more than the \(NumberText.grouped(input)) of \(inputPath); "
            + "\(DefaultPipeline.text(keep: "0.5")) makes linear layers sparse and low-rank, quantize{bits=4 target=dense+s+uv} makes codes of floats"
    }
}
