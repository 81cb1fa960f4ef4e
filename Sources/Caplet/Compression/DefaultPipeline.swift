import ModelGraph
import PassKit

/// What a compression runs when it is not told otherwise, and what a comparison calls "caplet".
public enum DefaultPipeline {
    /// Linear parameters up to which the whole model is run again and again.
    public static let smallModel = 500_000_000

    /// Nats a token by which the mean loss may rise where nothing is said: less than two texts of one kind differ by.
    public static let usualLossIncrease = 0.02

    /// - Parameters:
    ///   - keep: share of the linear layers' parameters to keep, as pipeline text has it.
    ///   - linearParameters: what linear layers have. Above `smallModel` layers are weighed by the outputs of their blocks and not by the model's
    ///     loss, and values are moved block by block: some 20 forward passes over the calibration text in place of 90.
    public static func text(keep: String, linearParameters: Int = 0) -> String {
        guard linearParameters > smallModel else { return "rpca,prune-probabilistic{keep=\(keep)},match,refit" }
        return "rpca,prune-probabilistic{keep=\(keep) objective=block},refit{\(byBlocks)}"
    }

    /// Why a model has another default pipeline than smaller ones; nil where it has not.
    static func reason(_ graph: TensorGraph) -> String? {
        guard graph.linearParameterCount > smallModel else { return nil }
        return
            "linear layers have more than \(smallModel / 1_000_000) million parameters: layers are weighed, and values moved, by the outputs of "
            + "blocks, which takes a quarter of the forward passes that the whole model's loss would take"
    }

    /// The pipeline for a size: codes for everything, as many bits as fit, and scales moved so that the model predicts what it did. The layers of the
    /// second half of a small model's blocks are moved before they are coded, so that they make good what the codes of the others have cost.
    ///
    /// - Parameters:
    ///   - size: bytes of the whole file.
    ///   - linearParameters: what linear layers have; see `text(keep:linearParameters:)`.
    static func text(size: String, linearParameters: Int = 0, layers: String = "matrices") -> String {
        func quantize(_ more: String = "") -> String { "quantize{size=\(size) target=dense+s+uv layers=\(layers) fine=true\(more)}" }
        if linearParameters > smallModel { return "\(quantize()),refit{\(byBlocks) size=\(size)}" }
        return "\(quantize(" later=0.5")),distill,\(quantize()),refit{size=\(size)}"
    }

    /// How `refit` goes block by block.
    private static let byBlocks = "objective=block passes=2 batch=auto text=calibrated"

    /// How `refit` moves the scales of blocks.
    private static func movingScales(_ linearParameters: Int) -> String {
        linearParameters > smallModel ? byBlocks : "passes=4 batch=4"
    }

    /// The same, with BUDGET for the size.
    static let bytesTemplate = text(size: "BUDGET")

    /// - Parameter lossIncrease: by which the mean loss on the calibration text may rise, in nats a token.
    static func text(lossIncrease: Double, linearParameters: Int = 0, layers: String = "matrices") -> String {
        // A refit by blocks is none of the whole model's loss, and one of that takes too many forward passes of a large model.
        let refit = linearParameters > smallModel ? "" : " fine=true refit=4"
        return "quantize{increase=\(lossIncrease) target=dense+s+uv layers=\(layers)\(refit)}"
    }

    /// The pipeline for a size of an output that keeps blocks of ggml's types, and codes of other kinds as plain numbers.
    ///
    /// - Parameter types: the types of matrices of some names, as `quantize` takes them; nil where there are none.
    static func blocksText(
        size: String, linearParameters: Int = 0, layers: String = "matrices", types: String? = nil
    ) -> String {
        "quantize{coding=blocks size=\(size) layers=\(layers)\(setting(types))},refit{\(movingScales(linearParameters))}"
    }

    /// The same for a loss.
    static func blocksText(lossIncrease: Double, linearParameters: Int, layers: String = "matrices", types: String? = nil) -> String {
        let refit = linearParameters > smallModel ? "" : " refit=4"
        return "quantize{coding=blocks increase=\(lossIncrease) layers=\(layers)\(setting(types))\(refit)}"
    }

    /// The option of `quantize` that gives types to matrices by their names.
    static let tensorTypes = "tensor-types"

    private static func setting(_ types: String?) -> String { types.map { " \(tensorTypes)=\($0)" } ?? "" }

    /// The layers of a model: all matrices, but for what a language model sees with, whose worth no text shows.
    private static func layers(_ graph: TensorGraph) -> String {
        graph.tensors.contains { $0.role == .vision } ? "embedding+head+linear" : "matrices"
    }

    /// The most bytes that the file may have; nil for aims other than a size.
    static func size(for aim: CompressionRequest.Aim, _ graph: TensorGraph) -> Int? {
        switch aim {
        case .size(let bytes): bytes
        case .bitsPerWeight(let bits): bytes(ofBitsPerWeight: bits, graph)
        case .keep, .lossIncrease, .lossless, .pipeline, .pipelineFile: nil
        }
    }

    /// At least one: a size of 0 would be none.
    private static func bytes(ofBitsPerWeight bits: Double, _ graph: TensorGraph) -> Int {
        max(1, Int(bits * Double(graph.parameterCount) / 8))
    }

    /// The passes that an aim stands for.
    ///
    /// - Parameters:
    ///   - keepsBlocks: whether the output is of a format that has ggml's types.
    ///   - types: those of matrices of some names, as `quantize` takes them.
    /// - Throws: `RequestError` for a share, a size or a loss that no model can have.
    static func pipeline(
        for aim: CompressionRequest.Aim, _ graph: TensorGraph, keepsBlocks: Bool, types: String? = nil
    ) throws -> Pipeline {
        func refused(_ what: String, _ range: String) -> RequestError { RequestError(.usage, "\(what) is a number \(range)") }
        let (layers, parameters) = (layers(graph), graph.linearParameterCount)
        switch aim {
        case .keep(let share):
            guard share > 0, share <= 1 else { throw refused("the share to keep", "above 0, at most 1") }
            return try Pipeline(parsing: text(keep: "\(share)", linearParameters: parameters))
        case .size(let bytes):
            guard bytes > 0 else { throw refused("the size", "above 0") }
            return try Pipeline(
                parsing: keepsBlocks
                    ? blocksText(size: "\(bytes)", linearParameters: parameters, layers: layers, types: types)
                    : text(size: "\(bytes)", linearParameters: parameters, layers: layers))
        case .bitsPerWeight(let bits):
            guard bits > 0, bits <= 64 else { throw refused("bits for each parameter", "above 0, at most 64") }
            let bytes = bytes(ofBitsPerWeight: bits, graph)
            return try Pipeline(
                parsing: keepsBlocks
                    ? blocksText(size: "\(bytes)", linearParameters: parameters, layers: layers, types: types)
                    : text(size: "\(bytes)", linearParameters: parameters, layers: layers))
        case .lossIncrease(let increase):
            guard increase > 0, increase <= 100 else { throw refused("the increase of the loss", "above 0, at most 100") }
            return try Pipeline(
                parsing: keepsBlocks
                    ? blocksText(lossIncrease: increase, linearParameters: parameters, layers: layers, types: types)
                    : text(lossIncrease: increase, linearParameters: parameters, layers: layers))
        case .lossless, .pipelineFile: return Pipeline([])
        case .pipeline(let pipeline): return pipeline
        }
    }
}
