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
